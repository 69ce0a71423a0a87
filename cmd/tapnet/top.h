/* SPDX-License-Identifier: MIT */
/* How `tapnet top` shows what passes: a screen, lines, JSON. */
#ifndef TAPNET_TOP_H
#define TAPNET_TOP_H

#include <stdbool.h>
#include <stdio.h>

#include "rates.h"

enum top_order {
    TOP_BY_TRAFFIC,
    TOP_BY_DROPS,
    TOP_BY_NAME,
    TOP_ORDERS,
};

void top_sort(struct rates *rates, enum top_order order);

/* A whole screen: no line longer than @columns, no more than @lines, told whether it stands @still. */
void top_print_screen(FILE *out, const struct rates *rates, enum top_order order, unsigned columns, unsigned lines,
                      bool still);
/* A line for each port, with whole numbers, behind a line that says what they are. */
void top_print_lines(FILE *out, const struct rates *rates);
/* All of it as one line of JSON. 0 or -ENOMEM. */
int top_print_json(FILE *out, const struct rates *rates);

#endif
