/* SPDX-License-Identifier: MIT */
/* DHCPv4 on the wire: the options of a reply put together. */
#include "service/dhcp_message.h"

#include <string.h>

#include "packet/bytes.h"

#define OPTION_HEADER_LEN 2
#define OPTION_LEN_MAX 255
#define LABEL_MAX 63
#define NAME_LEN_MAX 255 /* RFC 1035: on the wire, lengths and the root's 0 included */
#define POINTER 0xc000   /* RFC 1035, 4.1.4; an offset has 14 bits */

/* The text of every list that a model can hold (nine names) fits. */
#define SEARCH_LEN_MAX (9 * NAME_LEN_MAX)

bool dhcp_put(struct dhcp_writer *writer, enum dhcp_option option, const void *bytes, size_t length)
{
    uint8_t *at = writer->bytes + writer->length;

    if (length > OPTION_LEN_MAX || OPTION_HEADER_LEN + length + 1 > writer->size - writer->length)
        return false;
    at[0] = (uint8_t)option;
    at[1] = (uint8_t)length;
    if (length)
        memcpy(at + OPTION_HEADER_LEN, bytes, length);
    writer->length += OPTION_HEADER_LEN + length;
    return true;
}

bool dhcp_put_byte(struct dhcp_writer *writer, enum dhcp_option option, uint8_t value)
{
    return dhcp_put(writer, option, &value, 1);
}

bool dhcp_put_u16(struct dhcp_writer *writer, enum dhcp_option option, uint16_t value)
{
    uint8_t bytes[2];

    bytes_put_be16(bytes, value);
    return dhcp_put(writer, option, bytes, sizeof(bytes));
}

bool dhcp_put_u32(struct dhcp_writer *writer, enum dhcp_option option, uint32_t value)
{
    uint8_t bytes[4];

    bytes_put_be32(bytes, value);
    return dhcp_put(writer, option, bytes, sizeof(bytes));
}

bool dhcp_put_text(struct dhcp_writer *writer, enum dhcp_option option, const char *text)
{
    return *text && dhcp_put(writer, option, text, strlen(text));
}

/* Room for a list of names as RFC 3397 wants it. */
struct search {
    uint8_t bytes[SEARCH_LEN_MAX];
    size_t length;
};

/* The encoded name at @offset of @search is @text, label by label? Pointers are followed; they only point backwards. */
static bool search_matches(const struct search *search, size_t offset, const char *text)
{
    for (;;) {
        uint8_t length = search->bytes[offset];

        if ((length & 0xc0) == 0xc0) {
            offset = bytes_get_be16(search->bytes + offset) & 0x3fff;
            continue;
        }
        if (!length)
            return !*text;
        if (strncasecmp((const char *)search->bytes + offset + 1, text, length) != 0)
            return false;
        text += length;
        if (*text == '.')
            text++;
        else if (*text)
            return false;
        offset += 1u + length;
    }
}

/* Where the labels of @text stand already, among the first @end bytes; @end when nowhere. */
static size_t search_find(const struct search *search, size_t end, const char *text)
{
    size_t offset = 0;

    while (offset < end) {
        uint8_t length = search->bytes[offset];

        if ((length & 0xc0) == 0xc0)
            offset += 2;
        else if (!length)
            offset += 1;
        else if (search_matches(search, offset, text))
            return offset;
        else
            offset += 1u + length;
    }
    return end;
}

/* Adds @name; one that is no domain name of labels of 1 to 63 bytes, or does not fit, is left out. */
static void search_add(struct search *search, const char *name)
{
    size_t start = search->length, at = start, found;

    if (!*name || strlen(name) > NAME_LEN_MAX - 2)
        return;
    while (*name) {
        size_t length = strcspn(name, ".");

        found = search_find(search, start, name);
        if (found < start) {
            if (at + 2 > sizeof(search->bytes))
                return;
            bytes_put_be16(search->bytes + at, (uint16_t)(POINTER | found));
            search->length = at + 2;
            return;
        }
        if (length < 1 || length > LABEL_MAX || at + 1 + length + 1 > sizeof(search->bytes))
            return;
        search->bytes[at++] = (uint8_t)length;
        memcpy(search->bytes + at, name, length);
        at += length;
        name += length + (name[length] == '.');
    }
    search->bytes[at++] = 0;
    search->length = at;
}

/* Bytes that @length bytes of an option take, split into pieces of 255 (RFC 3396). */
static size_t dhcp_split_len(size_t length)
{
    return length + (length + OPTION_LEN_MAX - 1) / OPTION_LEN_MAX * OPTION_HEADER_LEN;
}

bool dhcp_put_search(struct dhcp_writer *writer, const char *const *names, size_t count)
{
    struct search search = {.length = 0};
    size_t room = writer->size - writer->length - 1;

    for (size_t i = 0; i < count; i++) {
        size_t before = search.length;

        search_add(&search, names[i]);
        if (dhcp_split_len(search.length) > room)
            search.length = before;
    }
    for (size_t done = 0; done < search.length; done += OPTION_LEN_MAX) {
        size_t piece = search.length - done > OPTION_LEN_MAX ? OPTION_LEN_MAX : search.length - done;

        dhcp_put(writer, DHCP_OPTION_SEARCH, search.bytes + done, piece);
    }
    return search.length > 0;
}

size_t dhcp_put_end(struct dhcp_writer *writer)
{
    writer->bytes[writer->length++] = DHCP_OPTION_END;
    if (writer->length < DHCP_LEN_MIN) { /* every writer has that much room */
        memset(writer->bytes + writer->length, 0, DHCP_LEN_MIN - writer->length);
        writer->length = DHCP_LEN_MIN;
    }
    return writer->length;
}
