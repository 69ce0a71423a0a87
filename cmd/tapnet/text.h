/* SPDX-License-Identifier: MIT */
/* Text for people: names that others chose, and numbers that are read at a glance. */
#ifndef TAPNET_TEXT_H
#define TAPNET_TEXT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Names may hold nearly any byte, terminals may not: printable ASCII is shown as it is, '?' stands for all else. (A
 * byte of 0x80 to 0x9f, or what stands for it in UTF-8, steers some terminals as ESC does.) JSON tells the whole.
 */
void text_put(const char *text);
/* The same into @ret, @size bytes with the NUL; what does not fit is cut. Returns @ret. */
char *text_printable(const char *text, char *ret, size_t size);

#define TEXT_NUMBER_MAX 24

/* "1.2 kB" */
const char *text_bytes(uint64_t bytes, char ret[TEXT_NUMBER_MAX]);
/* Three digits that count: "0.5", "12.3k", "1.23M" */
const char *text_short(double value, char ret[TEXT_NUMBER_MAX]);
/* "12.34 Mbit/s" */
const char *text_bit_rate(uint64_t rate, char ret[TEXT_NUMBER_MAX]);

#endif
