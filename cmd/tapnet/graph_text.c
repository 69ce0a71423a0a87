/* SPDX-License-Identifier: MIT */
/* The topology as text: boxes and what joins them. */
#include <string.h>

#include "graph.h"
#include "style.h"

/*
 *     ┌────────┐
 *     │ eth0   │
 *     │ uplink │
 *     └─┬──────┘
 *       │ nat
 *     ┌─┴────────────┐
 *     │ br-lab       │
 *     │ 10.20.0.1/24 │
 *     └─┬────────────┘
 *       │  ┌──────────────────────────────┐
 *       ├──┤ web                          │
 *       │  │ lab-web, up                  │
 *       │  └──────────────────────────────┘
 */
struct glyphs {
    const char *across, *down, *top_left, *top_right, *bottom_left, *bottom_right;
    const char *leaves_up, *leaves_down, *leaves_left; /* where a line leaves a box */
    const char *branch, *last_branch;
};

static const struct glyphs unicode = {"─", "│", "┌", "┐", "└", "┘", "┴", "┬", "┤", "├", "└"};
static const struct glyphs ascii = {"-", "|", "+", "+", "+", "+", "+", "+", "+", "|", "`"};

/* Where a box stands. */
struct place {
    FILE *out;
    const struct glyphs *glyphs;
    unsigned columns;
    bool above, below, left;  /* what joins it */
    const char *first, *rest; /* before the line of its title, before all others */
    const char *last;         /* before those behind its title */
    unsigned indent;          /* columns of these */
};

#define BORDER 4 /* columns: a line and a blank on either side */

static size_t measure(const struct graph_box *box, const struct place *place)
{
    size_t room = place->columns > place->indent + BORDER ? place->columns - place->indent - BORDER : 1, width = 3;

    for (size_t i = 0; i < box->line_count; i++)
        for (const char *at = box->lines[i], *next; at; at = next) {
            size_t len = graph_wrap(at, room, false, &next);

            width = len > width ? len : width;
        }
    return width;
}

/* A line above or below, with a gap in its second column where another one begins. */
static void put_edge(const struct place *place, const char *before, size_t width, const char *left, const char *right,
                     const char *joint)
{
    fprintf(place->out, "%s%s", before, left);
    for (size_t i = 0; i < width + 2; i++)
        fputs(i == 1 && joint ? joint : place->glyphs->across, place->out);
    fprintf(place->out, "%s\n", right);
}

static const char *colour_of(const char *state)
{
    if (strcmp(state, "plugged") == 0)
        return STYLE_GREEN;
    if (strcmp(state, "free") == 0 || strcmp(state, "ready") == 0)
        return STYLE_DIM;
    return *state ? STYLE_RED : STYLE_BOLD;
}

static void put_box(const struct place *place, const struct graph_box *box)
{
    const struct glyphs *glyphs = place->glyphs;
    size_t width = measure(box, place);
    bool title = true;

    put_edge(place, place->rest, width, glyphs->top_left, glyphs->top_right, place->above ? glyphs->leaves_up : NULL);
    for (size_t i = 0; i < box->line_count; i++)
        for (const char *at = box->lines[i], *next; at; at = next, title = false) {
            size_t len = graph_wrap(at, width, false, &next);

            fprintf(place->out, "%s%s %s%.*s%s%*s %s\n", title ? place->first : place->last,
                    title && place->left ? glyphs->leaves_left : glyphs->down, style(i ? "" : colour_of(box->state)),
                    (int)len, at, style(i ? "" : STYLE_PLAIN), (int)(width - len), "", glyphs->down);
        }
    put_edge(place, place->last, width, glyphs->bottom_left, glyphs->bottom_right,
             place->below ? glyphs->leaves_down : NULL);
}

/* A port, and its guest in the same box. */
static void put_port(struct place *place, const struct graph_port *port, bool last)
{
    const struct glyphs *glyphs = place->glyphs;
    struct graph_box box = port->port;
    char first[32], rest[16], none[] = "     ";

    for (size_t i = 0; i < port->guest.line_count && box.line_count < GRAPH_LINES; i++) {
        size_t len = strlen(box.lines[box.line_count - 1]);

        if (i) /* "qemu-system-x86, process 4711" */
            snprintf(box.lines[box.line_count - 1] + len, GRAPH_LINE_MAX - len, ", %s", port->guest.lines[i]);
        else
            snprintf(box.lines[box.line_count++], GRAPH_LINE_MAX, "guest: %.64s", port->guest.lines[i]);
    }
    snprintf(first, sizeof(first), "  %s%s%s", last ? glyphs->last_branch : glyphs->branch, glyphs->across,
             glyphs->across);
    snprintf(rest, sizeof(rest), "  %s  ", glyphs->down);
    place->first = first;
    place->rest = rest;
    place->last = last ? none : rest;
    place->indent = (unsigned)strlen(none);
    put_box(place, &box);
    place->first = place->rest = place->last = ""; /* those of this function end with it */
}

static void put_network(struct place place, const struct graph_network *network)
{
    place.first = place.rest = place.last = "";
    if (network->uplink.line_count) {
        place.below = true;
        put_box(&place, &network->uplink);
        fprintf(place.out, "  %s %s\n", place.glyphs->down, network->mode);
    }
    place.above = network->uplink.line_count > 0;
    place.below = network->port_count > 0;
    put_box(&place, &network->bridge);
    place.above = place.below = false;
    place.left = true;
    for (size_t i = 0; i < network->port_count; i++)
        put_port(&place, &network->ports[i], i + 1 == network->port_count);
}

void graph_print_text(FILE *out, const struct graph *graph, unsigned columns, bool utf8)
{
    struct place place = {.out = out, .glyphs = utf8 ? &unicode : &ascii, .columns = columns};

    for (size_t i = 0; i < graph->network_count; i++) {
        if (i)
            fputc('\n', out);
        put_network(place, &graph->networks[i]);
    }
    place.first = place.rest = place.last = "";
    for (size_t i = 0; i < graph->device_count; i++) {
        if (i || graph->network_count)
            fputc('\n', out);
        put_box(&place, &graph->devices[i]);
    }
    if (!graph->network_count && !graph->device_count)
        fputs("nothing is up\n", out);
    if (graph->problems)
        fprintf(out, "not all is as it was brought up: `tapnet status` tells what (%zu)\n", graph->problems);
}
