/* SPDX-License-Identifier: MIT */
/* The words of the command `tapnet watch`, and the command. */
#ifndef TAPNET_WATCH_COMMAND_H
#define TAPNET_WATCH_COMMAND_H

/* As they were typed; NULL when they were not. */
struct watch_words {
    const char *answer, *count, *duration;
};

struct arguments;

int run_watch(const struct arguments *arguments);

#endif
