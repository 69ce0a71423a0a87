/* SPDX-License-Identifier: MIT */
/* Texts that hold names of others, as JSON; and JSON as text. */
#ifndef API_TEXT_JSON_H
#define API_TEXT_JSON_H

#include <errno.h>
#include <jansson.h>

#include "base/error.h"

/* "?" stands for a text that is no UTF-8, which jansson refuses. */
static inline json_t *api_text_json(const char *text)
{
    json_t *json = json_string(text);

    return json ? json : json_string("?");
}

/* @document (NULL: no memory), whose reference it takes, as text that the caller frees. 0 or -ENOMEM. */
static inline int api_json_print(json_t *document, char **ret, struct tapnet_error *error)
{
    char *text = document ? json_dumps(document, JSON_INDENT(2)) : NULL;

    json_decref(document);
    if (!text)
        return error_set(error, -ENOMEM, "out of memory");
    *ret = text;
    return 0;
}

#endif
