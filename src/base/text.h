/* SPDX-License-Identifier: MIT */
/* Text that others chose: how it begins and ends, and how it is made fit for a terminal. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>

bool text_begins_with(const char *text, const char *prefix);
/* Does @text end in @suffix, with something before it? */
bool text_ends_in(const char *text, const char *suffix);

/*
 * Each byte of @text that is not printable ASCII becomes '?'. Names of processes and of interfaces may hold nearly any
 * byte, and nothing of them may play tricks with a terminal: ESC does, and so do 0x80 to 0x9f with some. Returns @text.
 */
char *text_make_printable(char *text);

#endif
