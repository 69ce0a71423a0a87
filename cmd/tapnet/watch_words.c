/* SPDX-License-Identifier: MIT */
/* What was typed of a watch, and what it means. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tapnet/watch.h>

#include "command.h"

#define SECOND_NSEC 1e9
#define SECONDS_MAX 1e9

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

static int parse_count(const char *word, unsigned long *ret)
{
    char *end;

    *ret = 0;
    if (!word)
        return 0;
    errno = 0;
    *ret = strtoul(word, &end, 10);
    if (errno || *end || *word < '0' || *word > '9' || *ret == 0)
        return mistake("--count is a number of packets, 1 or more", word);
    return 0;
}

/* Seconds, also "0.5". */
static int parse_duration(const char *word, uint64_t *ret_nsec)
{
    double seconds;
    char *end;

    *ret_nsec = 0;
    if (!word)
        return 0;
    seconds = strtod(word, &end);
    if (*end || end == word || !(seconds > 0) || seconds > SECONDS_MAX)
        return mistake("--for is a number of seconds, more than 0", word);
    *ret_nsec = (uint64_t)(seconds * SECOND_NSEC);
    return 0;
}

int watch_words_parse(const struct watch_words *words, struct watch_orders *ret)
{
    int result = parse_answers(words->answer, &ret->answers);

    if (!result)
        result = parse_count(words->count, &ret->count);
    if (!result)
        result = parse_duration(words->duration, &ret->duration_nsec);
    if (!result && words->fast && !words->replay) {
        fputs("tapnet watch: --fast is how to --replay a file, and none was named\n", stderr);
        result = EXIT_USAGE;
    }
    return result;
}
