/* SPDX-License-Identifier: MIT */
/* Text that others chose: how it begins and ends, and how it is made fit for a terminal. */
#include "base/text.h"

#include <string.h>

bool text_begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

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
