/* SPDX-License-Identifier: MIT */
/* Is it text at all: UTF-8, without control characters and without line breaks that editors do not show. */
#include "spec/reader.h"

#include <errno.h>
#include <string.h>

/* A walk through UTF-8 text, counting lines and columns (characters) from 1. */
struct walk {
    const unsigned char *at, *end;
    struct model_place place;
};

/*
 * Length, 1 to 4, of the UTF-8 sequence at @bytes, with its code point; 0 when it is not valid (RFC 3629: no overlong
 * forms, no surrogates, nothing over U+10FFFF).
 */
static size_t utf8_decode(const unsigned char *bytes, const unsigned char *end, uint32_t *ret)
{
    static const uint32_t minimum[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = bytes[0];
    size_t len = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    uint32_t point;

    if (len == 0 || len > (size_t)(end - bytes))
        return 0;
    point = len == 1 ? first : first & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (bytes[i] >> 6 != 2)
            return 0;
        point = point << 6 | (bytes[i] & 0x3fu);
    }
    if (point < minimum[len] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    *ret = point;
    return len;
}

static void walk_on(struct walk *walk, uint32_t point, size_t len)
{
    bool carriage_return = point == '\r' && (walk->at + 1 == walk->end || walk->at[1] != '\n');

    if (point == '\n' || carriage_return) {
        walk->place.line++;
        walk->place.column = 1;
    } else {
        walk->place.column++;
    }
    walk->at += len;
}

/* What is wrong with a character in a text file, or NULL. */
static const char *point_refusal(uint32_t point)
{
    if ((point < ' ' && point != '\t' && point != '\n' && point != '\r') || (point >= 0x7f && point < 0xa0))
        return "is a control character; this should be a text file";
    if (point == 0x2028 || point == 0x2029)
        return "is a line break that editors do not show; take it out";
    if (point == 0xfeff || point == 0xfffe || point == 0xffff)
        return "is no character of a text file; take it out";
    return NULL;
}

int spec_text_check(const char *text, size_t len, struct spec_mistakes *mistakes)
{
    const unsigned char *bytes = (const unsigned char *)text;
    struct walk walk = {bytes, bytes + len, {1, 1}};

    if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return spec_mistake_add(mistakes, walk.place, "the file is UTF-16; save it as UTF-8");
    while (walk.at < walk.end) {
        uint32_t point;
        size_t point_len = utf8_decode(walk.at, walk.end, &point);
        const char *refusal;

        if (point_len == 0)
            return spec_mistake_add(mistakes, walk.place, "byte 0x%02x is not UTF-8; save the file as UTF-8 text",
                                    *walk.at);
        refusal = point_refusal(point);
        if (refusal)
            return spec_mistake_add(mistakes, walk.place, "U+%04X %s", point, refusal);
        walk_on(&walk, point, point_len);
    }
    return 0;
}

char spec_text_at(const char *text, size_t len, struct model_place place)
{
    const unsigned char *bytes = (const unsigned char *)text;
    struct walk walk = {bytes, bytes + len, {1, 1}};

    while (walk.at < walk.end &&
           (walk.place.line < place.line || (walk.place.line == place.line && walk.place.column < place.column))) {
        uint32_t point;
        size_t point_len = utf8_decode(walk.at, walk.end, &point);

        if (point_len == 0)
            break;
        walk_on(&walk, point, point_len);
    }
    return walk.at < walk.end ? (char)*walk.at : '\0';
}
