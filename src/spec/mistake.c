/* SPDX-License-Identifier: MIT */
/* What is wrong in a file: counted, placed, and told one sentence a line. */
#include "spec/mistake.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTE_CHARACTERS_MAX 60
#define DISTANCE_TEXT_MAX 31

int spec_mistake_add(struct spec_mistakes *mistakes, struct model_place place, const char *format, ...)
{
    char sentence[SPEC_PROBLEM_MAX];
    va_list arguments;

    if (mistakes->count >= SPEC_MISTAKES_MAX)
        return -EINVAL;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    if (mistakes->count++ == 0)
        error_set(mistakes->error, -EINVAL, "%s", "");
    if (!place.line)
        return error_add_line(mistakes->error, -EINVAL, "%s: %s%s", mistakes->file, mistakes->context, sentence);
    return error_add_line(mistakes->error, -EINVAL, "%s:%u:%u: %s%s", mistakes->file, place.line, place.column,
                          mistakes->context, sentence);
}

/* Writes one byte of hostile text as it may be shown; returns the length, 1 to 4. */
static size_t quote_byte(unsigned char byte, char buffer[5])
{
    if (byte == '\\')
        return (size_t)snprintf(buffer, 5, "\\\\");
    if (byte >= ' ' && byte < 0x7f)
        return (size_t)snprintf(buffer, 5, "%c", byte);
    if (byte == '\n')
        return (size_t)snprintf(buffer, 5, "\\n");
    if (byte == '\t')
        return (size_t)snprintf(buffer, 5, "\\t");
    return (size_t)snprintf(buffer, 5, "\\x%02x", byte);
}

const char *spec_quote(const char *text, size_t len, char buffer[SPEC_QUOTE_MAX])
{
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        char piece[5];
        size_t piece_len = quote_byte((unsigned char)text[i], piece);

        if (used + piece_len > QUOTE_CHARACTERS_MAX) {
            memcpy(buffer + used, "...", 3);
            used += 3;
            break;
        }
        memcpy(buffer + used, piece, piece_len);
        used += piece_len;
    }
    buffer[used] = '\0';
    return buffer;
}

char *spec_quote_file(const char *file)
{
    size_t len = strlen(file);
    char *quoted = reallocarray(NULL, len + 1, 4);
    size_t used = 0;

    if (!quoted)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        char piece[5];
        size_t piece_len = quote_byte((unsigned char)file[i], piece);

        memcpy(quoted + used, piece, piece_len);
        used += piece_len;
    }
    quoted[used] = '\0';
    return quoted;
}

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned spec_edit_distance(const char *a, const char *b)
{
    unsigned rows[DISTANCE_TEXT_MAX + 1][DISTANCE_TEXT_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > DISTANCE_TEXT_MAX || b_len > DISTANCE_TEXT_MAX)
        return 99;
    for (size_t i = 0; i <= a_len; i++)
        rows[i][0] = (unsigned)i;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        for (size_t j = 1; j <= b_len; j++) {
            unsigned best = rows[i - 1][j - 1] + !same_letter(a[i - 1], b[j - 1]);

            best = least(best, least(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]))
                best = least(best, rows[i - 2][j - 2] + 1);
            rows[i][j] = best;
        }
    }
    return rows[a_len][b_len];
}
