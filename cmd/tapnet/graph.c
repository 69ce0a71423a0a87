/* SPDX-License-Identifier: MIT */
/* The command graph: the topology as a picture, of text or SVG. */
#include "graph.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "session.h"
#include "terminal.h"

#define RATES_SECONDS 1 /* from one look to the next */

static void pause_for(time_t seconds)
{
    struct timespec left = {.tv_sec = seconds};

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

static int take_looks(struct tapnet *tapnet, const struct arguments *arguments, struct look *before, struct look *after,
                      struct tapnet_error *error)
{
    int result = look_take(tapnet, arguments->operand, after, error);

    if (result < 0 || !arguments->rates)
        return result;
    *before = *after;
    *after = (struct look){0};
    pause_for(RATES_SECONDS);
    return look_take(tapnet, arguments->operand, after, error);
}

static int print(const struct arguments *arguments, const struct look *before, const struct look *after)
{
    struct rates rates = {0};
    struct graph graph = {0};
    int result = rates_make(before, after, &rates);

    if (result == 0)
        result = graph_make(after->status, &rates, &graph);
    if (result == 0 && arguments->svg)
        graph_print_svg(stdout, &graph);
    else if (result == 0)
        graph_print_text(stdout, &graph, terminal_columns(), terminal_is_utf8());
    graph_fini(&graph);
    rates_fini(&rates);
    if (result == 0)
        return EXIT_DONE;
    fprintf(stderr, "tapnet: %s\n", strerror(-result));
    return EXIT_FAILED;
}

int run_graph(const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct look before = {0}, after = {0};
    struct tapnet *tapnet;
    int result = session_open(&tapnet);

    if (result)
        return result;
    result = take_looks(tapnet, arguments, &before, &after, &error);
    tapnet_free(tapnet);
    if (result < 0)
        result = session_refuse_look(&error, result, arguments->operand);
    else
        result = print(arguments, &before, &after);
    look_release(&before);
    look_release(&after);
    return result;
}
