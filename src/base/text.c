/* SPDX-License-Identifier: MIT */
/* Text that others chose, made fit for a terminal. */
#include "base/text.h"

char *text_make_printable(char *text)
{
    for (char *at = text; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    return text;
}
