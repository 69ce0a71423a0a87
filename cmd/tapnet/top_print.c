/* SPDX-License-Identifier: MIT */
/* How `tapnet top` shows what passes: a screen, lines, JSON. */
#include "top.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "style.h"
#include "text.h"

/* ---- the order ---- */

static int by_name(const void *a, const void *b)
{
    const struct rates_row *first = a, *second = b;
    int result = strcmp(first->network->name, second->network->name);

    return result ? result : strcmp(first->port->name, second->port->name);
}

static int descending(double first, double second)
{
    return (first < second) - (first > second);
}

static int by_traffic(const void *a, const void *b)
{
    const struct rates_row *first = a, *second = b;
    int result = descending(first->traffic, second->traffic);

    return result ? result : by_name(a, b);
}

static int by_drops(const void *a, const void *b)
{
    const struct rates_row *first = a, *second = b;
    int result = descending(first->drops, second->drops);

    return result ? result : by_traffic(a, b);
}

static const struct {
    const char *name;
    int (*compare)(const void *a, const void *b);
} orders[TOP_ORDERS] = {
    [TOP_BY_TRAFFIC] = {"traffic", by_traffic},
    [TOP_BY_DROPS] = {"drops", by_drops},
    [TOP_BY_NAME] = {"name", by_name},
};

void top_sort(struct rates *rates, enum top_order order)
{
    qsort(rates->rows, rates->count, sizeof(*rates->rows), orders[order].compare);
}

/* ---- the screen ---- */

/*
 *     2 ports, 1 plugged: in 1.2 Mbit/s, out 34 kbit/s, 3.0 dropped/s: late 3.0
 *     as the guests see it, over 1.0 s, by traffic; s: order, space: stop, q: end
 *
 *     PORT                IN bit/s OUT bit/s IN pkt/s OUT pk/s  DROPS/s WHY; GUEST
 *     lab/web                1.20M     34.2k      105      103      3.0 late 3.0; qemu-system-x86
 */
#define NAME_WIDTH 18
#define SCREEN_LINE_MAX 512
#define HEAD_LINES 4

/* Of a line of @columns at most; the last column stays free, where some terminals wrap. */
static void put_line(FILE *out, const char *begin, const char *line, unsigned columns)
{
    fprintf(out, "%s%.*s%s\n", style(begin), columns > 1 ? (int)columns - 1 : 1, line, style(STYLE_PLAIN));
}

static struct rates_row sum_up(const struct rates *rates, size_t *ret_plugged)
{
    struct rates_row sum = {0};

    *ret_plugged = 0;
    for (size_t i = 0; i < rates->count; i++) {
        for (size_t j = 0; j < COUNTER_COUNT; j++)
            sum.rate[j] += rates->rows[i].rate[j];
        sum.drops += rates->rows[i].drops;
        *ret_plugged += strcmp(rates->rows[i].port->state, "plugged") == 0;
    }
    return sum;
}

static void put_head(FILE *out, const struct rates *rates, enum top_order order, unsigned columns, bool still)
{
    char line[SCREEN_LINE_MAX], in[TEXT_NUMBER_MAX], sent[TEXT_NUMBER_MAX], drops[TEXT_NUMBER_MAX];
    char reasons[RATES_REASONS_MAX];
    size_t plugged;
    struct rates_row sum = sum_up(rates, &plugged);

    snprintf(line, sizeof(line), "%zu port%s, %zu plugged: in %s, out %s, %s dropped/s%s%s", rates->count,
             rates->count == 1 ? "" : "s", plugged, text_bit_rate((uint64_t)sum.rate[COUNTER_RX_BYTES] * 8, in),
             text_bit_rate((uint64_t)sum.rate[COUNTER_TX_BYTES] * 8, sent), text_short(sum.drops, drops),
             sum.drops > 0 ? ": " : "", rates_reasons(sum.rate, reasons));
    put_line(out, STYLE_BOLD, line, columns);
    snprintf(line, sizeof(line), "as the guests see it, over %.1f s, by %s%s; s: order, space: %s, q: end",
             rates->seconds, orders[order].name, still ? ", STOPPED" : "", still ? "on" : "stop");
    put_line(out, STYLE_DIM, line, columns);
    put_line(out, "", "", columns);
    snprintf(line, sizeof(line), "%-*s %9s %9s %8s %8s %8s %s", NAME_WIDTH, "PORT", "IN bit/s", "OUT bit/s", "IN pkt/s",
             "OUT pk/s", "DROPS/s", "WHY; GUEST");
    put_line(out, STYLE_BOLD, line, columns);
}

/* "lab/web", its end where it is longer than @width. */
static const char *port_name(const struct rates_row *row, char ret[160], size_t width)
{
    char name[160];
    size_t len;

    snprintf(name, sizeof(name), "%s/%s", row->network->name, row->port->name);
    text_printable(name, ret, 160);
    len = strlen(ret);
    return width && len > width ? ret + (len - width) : ret;
}

static void put_row(FILE *out, const struct rates_row *row, unsigned columns)
{
    char name[160], holder[80], reasons[RATES_REASONS_MAX], line[SCREEN_LINE_MAX], numbers[5][TEXT_NUMBER_MAX];
    bool has_guest = strcmp(row->port->state, "plugged") == 0;
    const char *colour = row->drops > 0 ? STYLE_YELLOW : has_guest ? "" : STYLE_DIM;

    text_printable(has_guest && row->port->holder_pid ? row->port->holder : row->port->state, holder, sizeof(holder));
    snprintf(line, sizeof(line), "%-*s %9s %9s %8s %8s %8s %s%s%s", NAME_WIDTH, port_name(row, name, NAME_WIDTH),
             text_short(row->rate[COUNTER_RX_BYTES] * 8, numbers[0]),
             text_short(row->rate[COUNTER_TX_BYTES] * 8, numbers[1]),
             text_short(row->rate[COUNTER_RX_PACKETS], numbers[2]),
             text_short(row->rate[COUNTER_TX_PACKETS], numbers[3]), text_short(row->drops, numbers[4]),
             rates_reasons(row->rate, reasons), *reasons ? "; " : "", holder);
    put_line(out, colour, line, columns);
}

void top_print_screen(FILE *out, const struct rates *rates, enum top_order order, unsigned columns, unsigned lines,
                      bool still)
{
    size_t room = lines > HEAD_LINES ? lines - HEAD_LINES : 0, shown = rates->count < room ? rates->count : room;
    char line[SCREEN_LINE_MAX];

    put_head(out, rates, order, columns, still);
    if (shown < rates->count && shown)
        shown--; /* for the last line */
    for (size_t i = 0; i < shown; i++)
        put_row(out, &rates->rows[i], columns);
    snprintf(line, sizeof(line), "and %zu more", rates->count - shown);
    if (shown < rates->count)
        put_line(out, STYLE_DIM, line, columns);
}

/* ---- lines ---- */

void top_print_lines(FILE *out, const struct rates *rates)
{
    char name[160], reasons[RATES_REASONS_MAX];

    fprintf(out, "# port in:bit/s out:bit/s in:packets/s out:packets/s drops/s state why (over %.1f s)\n",
            rates->seconds);
    for (size_t i = 0; i < rates->count; i++) {
        const struct rates_row *row = &rates->rows[i];

        fprintf(out, "%s %.0f %.0f %.0f %.0f %.1f %s %s\n", port_name(row, name, 0), row->rate[COUNTER_RX_BYTES] * 8,
                row->rate[COUNTER_TX_BYTES] * 8, row->rate[COUNTER_RX_PACKETS], row->rate[COUNTER_TX_PACKETS],
                row->drops, row->port->state, row->drops > 0 ? rates_reasons(row->rate, reasons) : "-");
    }
}

/* ---- JSON ---- */

static json_t *row_json(const struct rates_row *row)
{
    json_t *rates = json_object(), *totals = json_object();

    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        json_object_set_new(rates, counter_names[i], json_real(row->rate[i]));
        json_object_set_new(totals, counter_names[i], json_integer((json_int_t)row->total[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "network", row->network->name, "name", row->port->name, "device",
                     row->port->device, "state", row->port->state, "rates", rates, "totals", totals);
}

int top_print_json(FILE *out, const struct rates *rates)
{
    struct timespec now;
    json_t *ports = json_array(), *document;
    char *text;

    clock_gettime(CLOCK_REALTIME, &now);
    for (size_t i = 0; i < rates->count; i++)
        json_array_append_new(ports, row_json(&rates->rows[i]));
    document = json_pack("{s:i, s:f, s:f, s:o}", "version", 1, "time", (double)now.tv_sec + (double)now.tv_nsec / 1e9,
                         "seconds", rates->seconds, "ports", ports);
    text = document ? json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(document);
    if (!text)
        return -ENOMEM;
    fprintf(out, "%s\n", text);
    free(text);
    return 0;
}
