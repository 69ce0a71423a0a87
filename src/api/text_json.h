/* SPDX-License-Identifier: MIT */
/* Texts that hold names of others, as JSON. */
#ifndef API_TEXT_JSON_H
#define API_TEXT_JSON_H

#include <jansson.h>

/* "?" stands for a text that is no UTF-8, which jansson refuses. */
static inline json_t *api_text_json(const char *text)
{
    json_t *json = json_string(text);

    return json ? json : json_string("?");
}

#endif
