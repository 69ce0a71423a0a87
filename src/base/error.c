/* SPDX-License-Identifier: MIT */
/* Fills a caller's struct tapnet_error and adds context to it as it climbs. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Marks @error's text as cut when @wanted bytes did not fit into it. */
static void error_mark_cut(struct tapnet_error *error, size_t wanted)
{
    if (wanted >= sizeof(error->text))
        memcpy(error->text + sizeof(error->text) - 4, "...", 4);
}

/* Writes the formatted text at @offset of @error's buffer. */
static void error_print(struct tapnet_error *error, size_t offset, const char *format, va_list arguments)
{
    int length = vsnprintf(error->text + offset, sizeof(error->text) - offset, format, arguments);

    if (length >= 0)
        error_mark_cut(error, offset + (size_t)length);
}

static void error_append_text(struct tapnet_error *error, const char *text)
{
    size_t length = strlen(error->text);

    snprintf(error->text + length, sizeof(error->text) - length, "%s", text);
    error_mark_cut(error, length + strlen(text));
}

int error_set(struct tapnet_error *error, int code, const char *format, ...)
{
    int saved_errno = errno;
    va_list arguments;

    if (!error)
        return code;
    error->code = code;
    va_start(arguments, format);
    error_print(error, 0, format, arguments);
    va_end(arguments);
    errno = saved_errno;
    return code;
}

int error_append(struct tapnet_error *error, const char *format, ...)
{
    int saved_errno = errno;
    va_list arguments;

    if (!error)
        return 0;
    va_start(arguments, format);
    error_print(error, strlen(error->text), format, arguments);
    va_end(arguments);
    errno = saved_errno;
    return error->code;
}

int error_set_errno(struct tapnet_error *error, int code, const char *format, ...)
{
    int saved_errno = errno;
    va_list arguments;

    if (!error)
        return code;
    error->code = code;
    va_start(arguments, format);
    error_print(error, 0, format, arguments);
    va_end(arguments);
    error_append_text(error, ": ");
    error_append_text(error, strerrordesc_np(-code) ? strerrordesc_np(-code) : "unknown error");
    errno = saved_errno;
    return code;
}

int error_prefix(struct tapnet_error *error, int code, const char *format, ...)
{
    int saved_errno = errno;
    char rest[TAPNET_ERROR_TEXT_MAX];
    va_list arguments;

    if (!error)
        return code;
    memcpy(rest, error->text, sizeof(rest));
    va_start(arguments, format);
    error_print(error, 0, format, arguments);
    va_end(arguments);
    if (!error->code) /* whoever failed said nothing: what there is to say is said here */
        error->code = code;
    if (rest[0]) {
        error_append_text(error, ": ");
        error_append_text(error, rest);
    }
    errno = saved_errno;
    return error->code;
}

int error_add_line(struct tapnet_error *error, int code, const char *format, ...)
{
    int saved_errno = errno;
    va_list arguments;

    if (!error)
        return code;
    if (error->text[0])
        error_append_text(error, "\n");
    error->code = code;
    va_start(arguments, format);
    error_print(error, strlen(error->text), format, arguments);
    va_end(arguments);
    errno = saved_errno;
    return code;
}
