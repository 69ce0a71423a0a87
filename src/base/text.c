/* SPDX-License-Identifier: MIT */
/* Text that others chose: how it ends, and how it is made fit for a terminal. */
#include "base/text.h"

#include <string.h>

bool text_ends_in(const char *text, const char *suffix)
{
    size_t len = strlen(text), suffix_len = strlen(suffix);

    return len > suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

char *text_make_printable(char *text)
{
    for (char *at = text; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    return text;
}
