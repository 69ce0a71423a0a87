/* SPDX-License-Identifier: MIT */
/* Accepts of ours in packet filters of others: identity, labels, text. */
#include "guard/passage.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"

const char *const guard_passage_words[GUARD_PASSAGE_WHAT_COUNT] = {
    [GUARD_PASSAGE_ALL] = "all",
    [GUARD_PASSAGE_ANSWERS] = "answers",
    [GUARD_PASSAGE_TRANSLATED] = "translated",
    [GUARD_PASSAGE_SOLICITATIONS] = "solicitations",
    [GUARD_PASSAGE_ADVERTISEMENTS] = "advertisements",
};

int guard_passage_compare(const struct guard_passage *a, const struct guard_passage *b)
{
    const char *const left[] = {a->label, a->table, a->chain, a->in, a->out};
    const char *const right[] = {b->label, b->table, b->chain, b->in, b->out};

    for (size_t i = 0; i < ARRAY_COUNT(left); i++) {
        int order = strcmp(left[i], right[i]);

        if (order)
            return order;
    }
    if (a->what != b->what)
        return (int)a->what - (int)b->what;
    return a->only != b->only ? (int)a->only - (int)b->only : (int)a->family - (int)b->family;
}

bool guard_passage_label_valid(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t set = strspn(text, plain), network = text[set] == '/' ? strspn(text + set + 1, plain) : 0;

    return set && network && !text[set + 1 + network] && set + 1 + network < GUARD_PASSAGE_LABEL_MAX;
}

static const char *family_name(uint8_t family)
{
    static const char *const names[] = {[1] = "inet", [2] = "ip", [7] = "bridge", [10] = "ip6"}; /* NFPROTO_... */

    return family < ARRAY_COUNT(names) && names[family] ? names[family] : "?";
}

const char *guard_passage_print(const struct guard_passage *passage, char *text, size_t size)
{
    static const char *const what[GUARD_PASSAGE_WHAT_COUNT] = {
        [GUARD_PASSAGE_ALL] = "packets",
        [GUARD_PASSAGE_ANSWERS] = "answers",
        [GUARD_PASSAGE_TRANSLATED] = "redirected packets",
        [GUARD_PASSAGE_SOLICITATIONS] = "neighbour solicitations",
        [GUARD_PASSAGE_ADVERTISEMENTS] = "neighbour advertisements",
    };
    const char *only = passage->only == 2 ? "IPv4 " : passage->only == 10 ? "IPv6 " : "";

    snprintf(text, size, "accept of %s%s%s%s%s%s in table %s %s, chain %s", only, what[passage->what],
             passage->in[0] ? " from " : "", passage->in, passage->out[0] ? " to " : "", passage->out,
             family_name(passage->family), passage->table, passage->chain);
    return text;
}
