/* SPDX-License-Identifier: MIT */
/* Text for people: names that others chose, and numbers that are read at a glance. */
#include "text.h"

#include <stdio.h>

static char printable(char byte)
{
    return (char)(byte < ' ' || byte > '~' ? '?' : byte);
}

void text_put(const char *text)
{
    for (; *text; text++)
        putchar(printable(*text));
}

char *text_printable(const char *text, char *ret, size_t size)
{
    size_t len = 0;

    for (; text[len] && len + 1 < size; len++)
        ret[len] = printable(text[len]);
    ret[len] = 0;
    return ret;
}

const char *text_bytes(uint64_t bytes, char ret[TEXT_NUMBER_MAX])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;

    for (; value >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        value /= 1000;
    snprintf(ret, TEXT_NUMBER_MAX, unit && value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return ret;
}

const char *text_bit_rate(uint64_t rate, char ret[TEXT_NUMBER_MAX])
{
    static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s"};
    double value = (double)rate;
    size_t unit = 0;

    for (; value >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        value /= 1000;
    snprintf(ret, TEXT_NUMBER_MAX, "%.4g %s", value, units[unit]);
    return ret;
}

const char *text_short(double value, char ret[TEXT_NUMBER_MAX])
{
    static const char units[] = {'\0', 'k', 'M', 'G', 'T'};
    size_t unit = 0;
    int digits;

    for (; value >= 999.5 && unit + 1 < sizeof(units); unit++)
        value /= 1000;
    digits = value >= 99.95 || value == 0 ? 0 : value >= 9.995 || !unit ? 1 : 2;
    snprintf(ret, TEXT_NUMBER_MAX, "%.*f%.1s", digits, value, &units[unit]);
    return ret;
}
