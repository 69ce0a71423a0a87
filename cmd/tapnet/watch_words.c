/* SPDX-License-Identifier: MIT */
/* What was typed of a watch, and what it means. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tapnet/watch.h>

#include "command.h"
#include "number.h"

static int mistake(const char *what, const char *word)
{
    fprintf(stderr, "tapnet watch: %s, not '%s'\n", what, word);
    return EXIT_USAGE;
}

static int parse_answers(const char *list, unsigned *ret)
{
    static const struct {
        const char *name;
        unsigned answer;
    } rows[] = {{"arp", TAPNET_ANSWER_ARP}, {"ping", TAPNET_ANSWER_PING}, {"ndp", TAPNET_ANSWER_NDP}};

    *ret = 0;
    for (const char *word = list; word && *word; word += strcspn(word, ",") + (strchr(word, ',') ? 1 : 0)) {
        unsigned answer = 0;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
            if (strlen(rows[i].name) == strcspn(word, ",") && strncmp(rows[i].name, word, strcspn(word, ",")) == 0)
                answer = rows[i].answer;
        if (!answer)
            return mistake("--answer is a list out of arp, ping, ndp", list);
        *ret |= answer;
    }
    return list && !*ret ? mistake("--answer is a list out of arp, ping, ndp", list) : 0;
}

int watch_words_parse(const struct watch_words *words, struct watch_orders *ret)
{
    int result = parse_answers(words->answer, &ret->answers);

    if (!result)
        result = number_count("watch", "packets", words->count, &ret->count);
    if (!result)
        result = number_seconds("watch", "for", words->duration, &ret->duration_nsec);
    if (!result && words->fast && !words->replay) {
        fputs("tapnet watch: --fast is how to --replay a file, and none was named\n", stderr);
        result = EXIT_USAGE;
    }
    return result;
}
