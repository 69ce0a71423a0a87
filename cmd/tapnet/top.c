/* SPDX-License-Identifier: MIT */
/* The command top: what passes at each port, what is dropped there and why, a second. */
#include "top.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "number.h"
#include "session.h"
#include "terminal.h"

/*
 * How it works: one look a tick, compared with the one before. A look that takes long is followed by a pause as long,
 * so that no more than half of one processor is used, however many ports there are.
 */
#define INTERVAL_NSEC 1000000000
#define INTERVAL_LEAST_NSEC 100000000

struct top {
    struct tapnet *tapnet;
    const char *operand;
    uint64_t interval_nsec;
    unsigned long left; /* ticks; 0: no end */
    bool json;
    enum top_order order;
    bool still;
    struct look before, after;
    struct rates rates;
    uint64_t next_nsec;
    struct terminal terminal;
    struct tapnet_error error; /* told when the screen is the shell's again */
};

/* All that follows returns 0 or a negative errno, and -ECANCELED when the end was asked for. */

/* The next look becomes the later one. */
static int look(struct top *top)
{
    struct look taken = {0};
    uint64_t begin = terminal_now(), end;
    int result = look_take(top->tapnet, top->operand, &taken, &top->error);

    if (result < 0)
        return result;
    rates_fini(&top->rates);
    look_release(&top->before);
    top->before = top->after;
    top->after = taken;
    end = terminal_now();
    top->next_nsec = begin + top->interval_nsec;
    if (top->next_nsec < end + (end - begin))
        top->next_nsec = end + (end - begin);
    return rates_make(&top->before, &top->after, &top->rates);
}

static int draw(struct top *top)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return -errno;
    top_sort(&top->rates, top->order);
    top_print_screen(out, &top->rates, top->order, top->terminal.columns, top->terminal.lines, top->still);
    if (fclose(out) != 0) {
        free(text);
        return -ENOMEM;
    }
    terminal_show(&top->terminal, text);
    free(text);
    return 0;
}

static int obey(struct top *top, char key)
{
    if (key == 's')
        top->order = (top->order + 1) % TOP_ORDERS;
    if (key == ' ')
        top->still = !top->still;
    return key == 'q' || key == 'Q' ? -ECANCELED : 0;
}

/* Until there is something else to see. */
static int attend(struct top *top)
{
    uint64_t until = top->still ? UINT64_MAX : top->next_nsec;
    char key = '\0';

    switch (terminal_wait(&top->terminal, until, &key)) {
    case TERMINAL_KEY:
        return obey(top, key);
    case TERMINAL_END:
        return -ECANCELED;
    case TERMINAL_REDRAW:
    case TERMINAL_NOTHING:
        break;
    }
    return 0;
}

static int run_screen(struct top *top)
{
    int result = 0;

    while (result == 0) {
        if (!top->still && terminal_now() >= top->next_nsec)
            result = look(top);
        if (result == 0)
            result = draw(top);
        if (result == 0)
            result = ferror(stdout) ? -ECANCELED : attend(top);
    }
    return result;
}

/* False: nobody reads any more. */
static bool pause_until(uint64_t until)
{
    struct pollfd reader = {.fd = STDOUT_FILENO};
    uint64_t now;

    while ((now = terminal_now()) < until) {
        const struct timespec left = {(time_t)((until - now) / 1000000000), (long)((until - now) % 1000000000)};

        if (ppoll(&reader, 1, &left, NULL) > 0 && reader.revents & (POLLERR | POLLNVAL))
            return false;
        if (reader.revents)
            reader.fd = -1; /* a terminal that is gone, as far as one can tell: the next line will say */
    }
    return true;
}

static int print(struct top *top)
{
    int result = 0;

    top_sort(&top->rates, top->order);
    if (top->json)
        result = top_print_json(stdout, &top->rates);
    else
        top_print_lines(stdout, &top->rates);
    fflush(stdout);
    if (result == 0 && (ferror(stdout) || (top->left && --top->left == 0)))
        return -ECANCELED;
    return result;
}

static int run_lines(struct top *top)
{
    int result = look(top);

    while (result == 0) {
        result = pause_until(top->next_nsec) ? look(top) : -ECANCELED;
        if (result == 0)
            result = print(top);
    }
    return result;
}

/* What was typed. 0, or an exit code with the mistake printed. */
static int read_words(const struct arguments *arguments, struct top *top)
{
    int result = number_count("top", "looks", arguments->watch.count, &top->left);

    if (!result)
        result = number_seconds("top", "interval", arguments->interval, &top->interval_nsec);
    if (result)
        return result;
    if (arguments->once && top->left) {
        fputs("tapnet top: --once is --count 1: only one of them\n", stderr);
        return EXIT_USAGE;
    }
    if (!top->interval_nsec)
        top->interval_nsec = INTERVAL_NSEC;
    if (top->interval_nsec < INTERVAL_LEAST_NSEC) {
        fprintf(stderr, "tapnet top: --interval is 0.1 seconds or more, not '%s'\n", arguments->interval);
        return EXIT_USAGE;
    }
    if (arguments->once)
        top->left = 1;
    return 0;
}

/* What is wrong at once is told before the screen is ours. */
static int run_either(struct top *top)
{
    int result;

    if (top->json || top->left || !terminal_is_capable())
        return run_lines(top);
    result = look(top);
    if (result < 0)
        return result;
    result = terminal_open(&top->terminal);
    if (result == 0)
        result = run_screen(top);
    terminal_close(&top->terminal);
    return result;
}

/* The exit code, with the reason printed where it is one. */
static int conclude(const struct top *top, int result)
{
    if (result == 0 || result == -ECANCELED)
        return EXIT_DONE;
    if (*top->error.text)
        return session_refuse_look(&top->error, result, top->operand);
    fprintf(stderr, "tapnet: %s\n", strerror(-result));
    return EXIT_FAILED;
}

int run_top(const struct arguments *arguments)
{
    struct top top = {
        .operand = arguments->operand,
        .json = arguments->json,
    };
    int result = read_words(arguments, &top);

    if (!result)
        result = session_open(&top.tapnet);
    if (result)
        return result;
    result = conclude(&top, run_either(&top));
    rates_fini(&top.rates);
    look_release(&top.before);
    look_release(&top.after);
    tapnet_free(top.tapnet);
    return result;
}
