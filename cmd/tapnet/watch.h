/* SPDX-License-Identifier: MIT */
/* The words of the command `tapnet watch`, and the command. */
#ifndef TAPNET_WATCH_COMMAND_H
#define TAPNET_WATCH_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

/* As they were typed; NULL when they were not. */
struct watch_words {
    const char *answer, *count, *duration, *write, *replay, *guest_mac;
    bool fast;
};

/* What they mean. */
struct watch_orders {
    unsigned answers;       /* TAPNET_ANSWER_... */
    unsigned long count;    /* packets; 0: no end */
    uint64_t duration_nsec; /* 0: no end */
};

struct arguments;

int run_watch(const struct arguments *arguments);

/* 0, or an exit code with the mistake printed. */
int watch_words_parse(const struct watch_words *words, struct watch_orders *ret);

#endif
