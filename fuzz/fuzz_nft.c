/* SPDX-License-Identifier: MIT */
/* What reads the kernel's nf_tables messages: the elements of sets, and user data that anybody may have written. */
#include <stdlib.h>
#include <string.h>

#include "nft/element.h"
#include "nft/message.h"

/* How it works: the first byte is the family, the rest one netlink message, whose length is put right. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void promise(bool kept)
{
    if (!kept)
        abort();
}

struct input {
    struct nlmsghdr *message;
    enum guard_family family;
};

/* Is @text, with its NUL, within @message? */
static void check_text(const struct nlmsghdr *message, const char *text)
{
    const char *start = (const char *)message, *end = start + message->nlmsg_len;

    promise(text >= start && text < end && memchr(text, '\0', (size_t)(end - text)));
}

static bool is_zero(const uint8_t *bytes, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (bytes[i])
            return false;
    return true;
}

/* An element of a set that we have, which can be printed and compared as a whole. */
static int read_element(const struct guard_element *element, void *data)
{
    const struct input *input = data;
    char text[GUARD_TEXT_MAX];

    promise(element->set < GUARD_SET_COUNT && guard_schemas[element->set].family == input->family);
    promise(is_zero(element->key, guard_key_len(element->set), GUARD_KEY_MAX));
    promise(is_zero(element->data, guard_data_len(element->set), GUARD_DATA_MAX));
    promise(guard_element_equal(element, element) && strlen(guard_element_print(element, text)) < sizeof(text));
    if (element->label[0])
        check_text(input->message, element->label);
    return 0;
}

static void read_comment(const struct nlmsghdr *message, const struct nlattr *attribute, enum nft_user_data type)
{
    const char *text = nft_user_data_find_text(attribute, type);

    if (text)
        check_text(message, text);
}

/* Every attribute as a comment, and as a row of others. */
static void read_row(const struct nlmsghdr *message, struct nft_attributes row, int depth)
{
    for (const struct nlattr *at = nft_attributes_first(row); at; at = nft_attributes_next(row, at)) {
        read_comment(message, at, NFT_USER_DATA_COMMENT);
        read_comment(message, at, NFT_USER_DATA_SET_COMMENT);
        if (depth > 0)
            read_row(message, nft_attributes_inside(at), depth - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input input;

    if (len < 1 + sizeof(*input.message) || len > UINT16_MAX)
        return 0;
    input.family = data[0] & 1 ? GUARD_BRIDGE : GUARD_INET;
    input.message = malloc(--len); /* of exactly this size: the sanitizer sees the first byte behind it */
    if (!input.message)
        return 0;
    memcpy(input.message, data + 1, len);
    input.message->nlmsg_len = (uint32_t)len; /* what the socket has checked before anything else is read */
    promise(nft_message_type(input.message) >= -1);
    nft_element_decode(input.message, input.family, read_element, &input);
    read_row(input.message, nft_attributes_of(input.message), 4);
    free(input.message);
    return 0;
}
