/* SPDX-License-Identifier: MIT */
/* The command why: a packet's way through the host, and what stops it. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tapnet/why.h>

#include "session.h"
#include "style.h"

/*
 *   ✓ lab-web is up, qemu-system-x86 (4032) holds it
 *   ✓ br-lab forwards
 *   ✗ table ip filter, chain FORWARD (Docker): its policy is drop
 *       # iptables -I DOCKER-USER -i br-lab -o eth0 -j ACCEPT
 */
static void print_step(const struct tapnet_way_step *step)
{
    bool passes = strcmp(step->verdict, "passes") == 0, stops = strcmp(step->verdict, "stops") == 0;

    printf("%s%s%s %s\n",
           style(passes  ? STYLE_GREEN
                 : stops ? STYLE_RED
                         : STYLE_YELLOW),
           passes  ? "✓"
           : stops ? "✗"
                   : "?",
           style(STYLE_PLAIN), step->text);
    style_print_commands(step->command);
}

static int print_way(const struct tapnet_way *way)
{
    const struct tapnet_way_step *step;
    bool back = false;

    for (size_t i = 0; (step = tapnet_way_step(way, i)); i++) {
        if (step->back && !back)
            printf("%sand back:%s\n", style(STYLE_DIM), style(STYLE_PLAIN));
        back = step->back;
        print_step(step);
    }
    if (!tapnet_way_stops(way))
        printf("%snothing that can be seen stops it%s\n", style(STYLE_GREEN), style(STYLE_PLAIN));
    return tapnet_way_stops(way) ? EXIT_FAILED : EXIT_DONE;
}

/* A port from 1 to 65535; 0: it is none. */
static uint16_t parse_port(const char *word)
{
    char *end;
    unsigned long port = strtoul(word, &end, 10);

    return *word >= '0' && *word <= '9' && !*end && port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* "FROM TO", "FROM TO icmp", "FROM TO tcp 80". 0, or EXIT_USAGE with the mistake printed. */
static int read_words(const struct arguments *arguments, struct tapnet_question *ret)
{
    const struct words *words = &arguments->operands;
    bool has_port = words->count == 3;

    if (words->count == 0) {
        fputs("tapnet why: TO is missing; usage: tapnet why [OPTION...] FROM TO [tcp PORT|udp PORT|icmp]\n", stderr);
        return EXIT_USAGE;
    }
    *ret = (struct tapnet_question){
        .from = arguments->operand, .to = words->items[0], .trace = arguments->trace, .ip6 = arguments->ip6};
    if (words->count > 1)
        ret->protocol = words->items[1];
    if (has_port)
        ret->port = parse_port(words->items[2]);
    if (has_port && (!ret->port || strcmp(ret->protocol, "icmp") == 0)) {
        fprintf(stderr, "tapnet why: '%s' is no port: a number from 1 to 65535, behind tcp or udp\n", words->items[2]);
        return EXIT_USAGE;
    }
    return 0;
}

int run_why(const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_question question;
    struct tapnet_way *way = NULL;
    struct tapnet *tapnet;
    char *text = NULL;
    int result = read_words(arguments, &question);

    if (result == 0)
        result = session_open(&tapnet);
    if (result)
        return result;
    result = tapnet_why(tapnet, &question, &way, &error);
    if (result == 0 && arguments->json)
        result = tapnet_way_json(way, &text, &error);
    tapnet_free(tapnet);
    if (result < 0) {
        result = session_refuse(&error, result);
    } else if (text) {
        puts(text);
        result = tapnet_way_stops(way) ? EXIT_FAILED : EXIT_DONE;
    } else {
        result = print_way(way);
    }
    free(text);
    tapnet_way_free(way);
    return result;
}
