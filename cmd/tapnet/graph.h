/* SPDX-License-Identifier: MIT */
/* The topology as boxes, and how `tapnet graph` draws them: as text, as SVG. */
#ifndef TAPNET_GRAPH_H
#define TAPNET_GRAPH_H

#include <stdbool.h>
#include <stdio.h>

#include "rates.h"

/*
 * How it works: what a box says is decided once (graph_box.c), as lines of printable ASCII; both drawings wrap them to
 * their width. Ports of a large network that look alike are folded into one box, so that a drawing never grows with the
 * number of ports.
 */
#define GRAPH_LINES 12
#define GRAPH_LINE_MAX 256

struct graph_box {
    char lines[GRAPH_LINES][GRAPH_LINE_MAX]; /* the first one is its title */
    size_t line_count;
    const char *state; /* as tapnet_status_port's; "" where there is none */
};

struct graph_port {
    struct graph_box port;
    struct graph_box guest; /* who holds it; no lines: nobody */
};

struct graph_network {
    struct graph_box uplink; /* no lines: its mode has none */
    struct graph_box bridge; /* or what stands for it: a routed network has none */
    const char *mode;
    struct graph_port *ports;
    size_t port_count;
};

struct graph {
    char host[80];
    struct graph_network *networks;
    size_t network_count;
    struct graph_box *devices; /* those that belong to no network */
    size_t device_count;
    size_t ports, plugged; /* all of them */
    size_t problems;       /* of the status */
};

/* @rates: of the same status; without seconds, none are told. 0 or -ENOMEM. */
int graph_make(const struct tapnet_status *status, const struct rates *rates, struct graph *ret);
void graph_fini(struct graph *graph);

/*
 * Takes the next piece of a line that is to be no longer than @width: up to a blank or, with @breaks, anywhere; else a
 * word that is longer stays whole. Returns its length, begins at *at, and *ret_next is what follows; NULL at the end.
 */
size_t graph_wrap(const char *at, size_t width, bool breaks, const char **ret_next);

void graph_print_text(FILE *out, const struct graph *graph, unsigned columns, bool utf8);
void graph_print_svg(FILE *out, const struct graph *graph);

#endif
