/* SPDX-License-Identifier: MIT */
/* Makes and shows tapnet's tables and elements, one command a line of standard input: the tests' hand on src/nft. */
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nft/nft.h"

/*
 *     table add|delete inet|bridge
 *     element add|delete SET FIELD... | LABEL     (a map's last field is its data)
 *     commit
 *     show                                        states of both tables, and all elements
 */

#define WORDS_MAX 12

struct tool {
    struct netlink *netlink;
    struct nft_transaction transaction;
    struct tapnet_error error;
};

static int fail(struct tool *tool, const char *line)
{
    return error_set(&tool->error, -EINVAL, "not understood: %s", line);
}

/* Splits @line at blanks, the label behind " | " apart. */
static size_t split(char *line, const char *words[WORDS_MAX], const char **ret_label)
{
    char *label = strstr(line, " | ");
    size_t count = 0;

    *ret_label = label ? label + 3 : "";
    if (label)
        *label = '\0';
    for (char *word = strtok(line, " "); word && count < WORDS_MAX; word = strtok(NULL, " "))
        words[count++] = word;
    return count;
}

static int write_field(enum guard_field field, const char *word, uint8_t *bytes)
{
    struct ip_address address;
    char text[IP_TEXT_MAX];
    struct mac mac;
    unsigned port;
    size_t length;

    switch (field) {
    case GUARD_FIELD_IFNAME:
        memcpy(bytes, word, strnlen(word, 15));
        return 0;
    case GUARD_FIELD_RAW_MIDDLE:
    case GUARD_FIELD_RAW_END:
        for (size_t i = 0; i < guard_field_len(field); i++)
            if (sscanf(word + 2 * i, "%2hhx", &bytes[i]) != 1)
                return -EINVAL;
        return 0;
    case GUARD_FIELD_MAC:
        if (mac_parse(word, &mac) < 0)
            return -EINVAL;
        memcpy(bytes, mac.bytes, 6);
        return 0;
    case GUARD_FIELD_IP4:
    case GUARD_FIELD_RAW_IP4:
        if (ip_address_parse(word, &address) < 0)
            return -EINVAL;
        memcpy(bytes, address.bytes, 4);
        return 0;
    case GUARD_FIELD_IP6:
    case GUARD_FIELD_RAW_IP6:
        if (ip_address_parse(word, &address) < 0)
            return -EINVAL;
        memcpy(bytes, address.bytes, 16);
        return 0;
    case GUARD_FIELD_PORT:
        port = (unsigned)strtoul(word, NULL, 10);
        bytes[0] = (uint8_t)(port >> 8);
        bytes[1] = (uint8_t)port;
        return 0;
    case GUARD_FIELD_IP6_PORT: /* fd00:20::1/10053 */
        length = strcspn(word, "/");
        if (!word[length] || length >= sizeof(text))
            return -EINVAL;
        memcpy(text, word, length);
        text[length] = '\0';
        if (write_field(GUARD_FIELD_IP6, text, bytes) < 0)
            return -EINVAL;
        return write_field(GUARD_FIELD_PORT, word + length + 1, bytes + 16);
    default:
        return -EINVAL;
    }
}

/* Not the library's constructors, so that a mistake in them does not cancel out. */
static int make_element(const char **words, size_t count, const char *label, struct guard_element *ret)
{
    size_t offset = 0, used = 1;

    *ret = (struct guard_element){.label = label};
    while (ret->set < GUARD_SET_COUNT && strcmp(guard_schemas[ret->set].name, words[0]) != 0)
        ret->set++;
    if (ret->set == GUARD_SET_COUNT)
        return -EINVAL;
    for (int i = 0; i < GUARD_FIELDS_MAX && guard_schemas[ret->set].key[i]; i++) {
        enum guard_field field = guard_schemas[ret->set].key[i];

        if (used == count || write_field(field, words[used++], ret->key + offset) < 0)
            return -EINVAL;
        offset += (guard_field_len(field) + 3) / 4 * 4;
    }
    if (guard_schemas[ret->set].data && used < count)
        return write_field(guard_schemas[ret->set].data, words[used++], ret->data);
    return used == count ? 0 : -EINVAL;
}

static int change_element(struct tool *tool, const char **words, size_t count, const char *label)
{
    struct guard_element element;

    if (count < 4 || make_element(words + 2, count - 2, label, &element) < 0)
        return -EINVAL;
    if (strcmp(words[1], "add") == 0)
        nft_elements_add(&tool->transaction, &element, 1);
    else
        nft_elements_delete(&tool->transaction, &element, 1);
    return 0;
}

static int change_table(struct tool *tool, const char **words, size_t count)
{
    enum guard_family family;

    if (count != 3)
        return -EINVAL;
    family = strcmp(words[2], "inet") == 0 ? GUARD_INET : GUARD_BRIDGE;
    if (strcmp(words[1], "add") == 0)
        nft_table_add(&tool->transaction, family);
    else
        nft_table_delete(&tool->transaction, family);
    return 0;
}

static int commit(struct tool *tool)
{
    int r = nft_commit(tool->netlink, &tool->transaction, &tool->error);

    nft_transaction_fini(&tool->transaction);
    nft_transaction_init(&tool->transaction);
    return r;
}

static int show_element(const struct guard_element *element, void *data)
{
    char text[GUARD_TEXT_MAX];

    (void)data;
    printf("%s %s | %s\n", guard_schemas[element->set].name, guard_element_print(element, text), element->label);
    return 0;
}

static int show(struct tool *tool)
{
    static const char *const states[] = {[NFT_TABLE_ABSENT] = "absent",
                                         [NFT_TABLE_INTACT] = "intact",
                                         [NFT_TABLE_DIFFERS] = "differs",
                                         [NFT_TABLE_FOREIGN] = "foreign"};

    for (enum guard_family family = GUARD_INET; family <= GUARD_BRIDGE; family++) {
        enum nft_table_state state;
        int r = nft_table_observe(tool->netlink, family, &state, &tool->error);

        if (r < 0)
            return r;
        printf("table %s %s\n", family == GUARD_INET ? "inet" : "bridge", states[state]);
        r = nft_elements_observe(tool->netlink, family, show_element, NULL, NULL, &tool->error);
        if (r < 0)
            return r;
    }
    return 0;
}

static int run_line(struct tool *tool, char *line)
{
    const char *words[WORDS_MAX], *label;
    size_t count;
    int r = -EINVAL;

    line[strcspn(line, "\n")] = '\0';
    count = split(line, words, &label);
    if (count == 0)
        return 0;
    if (strcmp(words[0], "commit") == 0)
        return commit(tool);
    if (strcmp(words[0], "show") == 0)
        return show(tool);
    if (strcmp(words[0], "table") == 0)
        r = change_table(tool, words, count);
    else if (strcmp(words[0], "element") == 0)
        r = change_element(tool, words, count, label);
    return r < 0 ? fail(tool, line) : 0;
}

int main(void)
{
    struct tool tool = {0};
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    int r;

    nft_transaction_init(&tool.transaction);
    r = netlink_open(NETLINK_NETFILTER, &tool.netlink, &tool.error);
    while (r == 0 && getline(&line, &size, stdin) >= 0)
        r = run_line(&tool, line);
    nft_transaction_fini(&tool.transaction);
    netlink_close(tool.netlink);
    if (r < 0)
        fprintf(stderr, "guards_tool: %s\n", tool.error.text);
    return r < 0 ? 1 : 0;
}
