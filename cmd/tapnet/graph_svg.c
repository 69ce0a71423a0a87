/* SPDX-License-Identifier: MIT */
/* The topology as SVG: one picture without script, font or any other file, light and dark. */
#include <string.h>

#include "graph.h"

/*
 *     host ┌───────────────────────────────────────────────┐
 *          │  uplink ──── bridge ─┬── port ──── guest      │
 *          │                      └── port                 │
 *          │  device                                       │
 *          └───────────────────────────────────────────────┘
 *
 * How it works: four columns of fixed width, and rows as high as what stands in them, so nothing can overlap. Text is
 * wrapped to what a column holds in any monospace font that browsers have.
 */
enum { UPLINK_X = 32, BRIDGE_X = 252, PORT_X = 652, GUEST_X = 1052, WIDTH = 1304 };
enum { UPLINK_WIDTH = 160, BRIDGE_WIDTH = 360, PORT_WIDTH = 360, GUEST_WIDTH = 220 };
enum { PADDING = 10, LINE_HEIGHT = 17, GAP = 14, NETWORK_GAP = 34, TOP = 56, TRUNK = 20, BOTTOM = 24 };
#define CHARACTER 7.9 /* pixels, more than any font of 12.5 takes */

/* No variables: not every program that shows SVG has them. */
static const char style_sheet[] =
    ".back{fill:#fff}.host{fill:none;stroke:#57606a;stroke-dasharray:6 4}\n"
    ".box{fill:#f6f8fa;stroke:#57606a;stroke-width:1.5}.plugged{stroke:#1a7f37}.free{stroke:#8c959f}"
    ".bad{stroke:#cf222e}\n"
    ".line{fill:none;stroke:#57606a;stroke-width:1.5}\n"
    "text{font-family:ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;font-size:12.5px;fill:#57606a}\n"
    ".title{font-weight:bold;fill:#1f2328}\n"
    "@media (prefers-color-scheme:dark){.back{fill:#0d1117}.host,.line{stroke:#8b949e}\n"
    ".box{fill:#161b22;stroke:#8b949e}.plugged{stroke:#3fb950}.free{stroke:#6e7681}.bad{stroke:#f85149}\n"
    "text{fill:#9da7b1}.title{fill:#e6edf3}}\n";

static void put_escaped(FILE *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        switch (text[i]) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(text[i], out);
        }
}

static size_t room_of(int width)
{
    return (size_t)((width - 2 * PADDING) / CHARACTER);
}

static int height_of(const struct graph_box *box, int width)
{
    int lines = 0;

    for (size_t i = 0; i < box->line_count; i++)
        for (const char *at = box->lines[i], *next; at; at = next, lines++)
            graph_wrap(at, room_of(width), true, &next);
    return lines ? lines * LINE_HEIGHT + 2 * PADDING : 0;
}

static const char *class_of(const char *state)
{
    if (!*state || strcmp(state, "plugged") == 0)
        return state;
    return strcmp(state, "free") == 0 || strcmp(state, "ready") == 0 ? "free" : "bad";
}

static void put_text(FILE *out, int x, int y, bool title, const char *text, size_t len)
{
    fprintf(out, "<text x=\"%d\" y=\"%d\"%s>", x, y, title ? " class=\"title\"" : "");
    put_escaped(out, text, len);
    fputs("</text>\n", out);
}

static void put_box(FILE *out, const struct graph_box *box, int x, int y, int width)
{
    const char *class = class_of(box->state);
    int line = y + PADDING + LINE_HEIGHT - 5;

    if (!box->line_count)
        return;
    fprintf(out, "<rect class=\"box%s%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", *class ? " " : "",
            class, x, y, width, height_of(box, width));
    for (size_t i = 0; i < box->line_count; i++)
        for (const char *at = box->lines[i], *next; at; at = next, line += LINE_HEIGHT) {
            size_t len = graph_wrap(at, room_of(width), true, &next);

            put_text(out, x + PADDING, line, i == 0, at, len);
        }
}

static int higher(int a, int b)
{
    return a > b ? a : b;
}

static int row_height(const struct graph_port *port)
{
    return higher(height_of(&port->port, PORT_WIDTH), height_of(&port->guest, GUEST_WIDTH));
}

static int network_height(const struct graph_network *network)
{
    int ports = 0;

    for (size_t i = 0; i < network->port_count; i++)
        ports += row_height(&network->ports[i]) + (i ? GAP : 0);
    return higher(ports, higher(height_of(&network->uplink, UPLINK_WIDTH), height_of(&network->bridge, BRIDGE_WIDTH)));
}

/* Lines join boxes at the height of their titles. */
static int title_y(int y)
{
    return y + PADDING + LINE_HEIGHT / 2;
}

static void put_line(FILE *out, int from_x, int to_x, int y)
{
    fprintf(out, "<path class=\"line\" d=\"M%d %dH%d\"/>\n", from_x, y, to_x);
}

static void put_network(FILE *out, const struct graph_network *network, int top)
{
    int y = top, trunk = BRIDGE_X + BRIDGE_WIDTH + TRUNK, last = title_y(top);

    put_box(out, &network->uplink, UPLINK_X, top, UPLINK_WIDTH);
    put_box(out, &network->bridge, BRIDGE_X, top, BRIDGE_WIDTH);
    if (network->uplink.line_count) {
        put_line(out, UPLINK_X + UPLINK_WIDTH, BRIDGE_X, title_y(top));
        put_text(out, UPLINK_X + UPLINK_WIDTH + 6, title_y(top) - 5, false, network->mode, strlen(network->mode));
    }
    for (size_t i = 0; i < network->port_count; i++) {
        const struct graph_port *port = &network->ports[i];

        last = title_y(y);
        put_line(out, i ? trunk : BRIDGE_X + BRIDGE_WIDTH, PORT_X, last);
        put_box(out, &port->port, PORT_X, y, PORT_WIDTH);
        put_box(out, &port->guest, GUEST_X, y, GUEST_WIDTH);
        if (port->guest.line_count)
            put_line(out, PORT_X + PORT_WIDTH, GUEST_X, last);
        y += row_height(port) + GAP;
    }
    if (network->port_count > 1)
        fprintf(out, "<path class=\"line\" d=\"M%d %dV%d\"/>\n", trunk, title_y(top), last);
}

static int put_networks(FILE *out, const struct graph *graph)
{
    int y = TOP;

    for (size_t i = 0; i < graph->network_count; i++) {
        if (out)
            put_network(out, &graph->networks[i], y);
        y += network_height(&graph->networks[i]) + NETWORK_GAP;
    }
    for (size_t i = 0; i < graph->device_count; i++) {
        if (out)
            put_box(out, &graph->devices[i], BRIDGE_X, y, BRIDGE_WIDTH);
        y += height_of(&graph->devices[i], BRIDGE_WIDTH) + GAP;
    }
    return y;
}

/* What a reader who does not see the picture is told. */
static void put_description(FILE *out, const struct graph *graph)
{
    fputs("<title id=\"title\">The networks of host ", out);
    put_escaped(out, graph->host, strlen(graph->host));
    fprintf(out, "</title>\n<desc id=\"desc\">%zu network%s, %zu port%s, %zu of them plugged, %zu device%s.",
            graph->network_count, graph->network_count == 1 ? "" : "s", graph->ports, graph->ports == 1 ? "" : "s",
            graph->plugged, graph->device_count, graph->device_count == 1 ? "" : "s");
    for (size_t i = 0; i < graph->network_count; i++) {
        const struct graph_box *bridge = &graph->networks[i].bridge;

        for (size_t j = 0; j < bridge->line_count; j++) {
            fputs(j ? ", " : " ", out);
            put_escaped(out, bridge->lines[j], strlen(bridge->lines[j]));
        }
        fputc('.', out);
    }
    fputs("</desc>\n", out);
}

void graph_print_svg(FILE *out, const struct graph *graph)
{
    int height = put_networks(NULL, graph) + BOTTOM + (graph->problems ? LINE_HEIGHT : 0);

    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" "
            "aria-labelledby=\"title desc\">\n",
            WIDTH, height, WIDTH, height);
    put_description(out, graph);
    fprintf(out, "<style>\n%s</style>\n", style_sheet);
    fprintf(out, "<rect class=\"back\" width=\"%d\" height=\"%d\"/>\n", WIDTH, height);
    fprintf(out, "<rect class=\"host\" x=\"12\" y=\"12\" width=\"%d\" height=\"%d\" rx=\"10\"/>\n", WIDTH - 24,
            height - 24);
    put_text(out, UPLINK_X, 36, true, graph->host, strlen(graph->host));
    put_networks(out, graph);
    if (!graph->network_count && !graph->device_count)
        put_text(out, BRIDGE_X, 36, false, "nothing is up", strlen("nothing is up"));
    if (graph->problems)
        put_text(out, UPLINK_X, height - 24, false, "not all is as it was brought up",
                 strlen("not all is as it was brought up"));
    fputs("</svg>\n", out);
}
