/* SPDX-License-Identifier: MIT */
/* Of which guests the hooks of ports know: what outlives the process that runs them. */
#ifndef API_HOOK_TOLD_H
#define API_HOOK_TOLD_H

#include <stddef.h>
#include <stdint.h>

#include "api/hook.h"

/*
 * How it works: RUN_DIR/hooks.told is an array of records, one for each guest whose `plugged` has run and whose
 * `unplugged` has not. One process writes it, each record in its place, by one pwrite(2): so an event costs the same
 * whatever the number of ports, and needs no lock. A record that is all zeros, or makes no sense, is a free place.
 */
struct hook_told {
    uint64_t plug;    /* which guest of the port's; see hooks/look.h */
    uint64_t unplugs; /* not 0: there is an `unplugged` to be run for it */
    char network[MODEL_NAME_MAX];
    struct hook_port port;
};

/* The file, which is made if need be; *ret_fd is the caller's. */
int hook_told_open(const char *run_dir, int *ret_fd, struct tapnet_error *error);
/* All that it holds, by place: plug is 0 where nothing is. *ret is malloc'ed. -ENOMEM, or the errno of reading. */
int hook_told_read(int fd, struct hook_told **ret, size_t *ret_count);
/* @told: NULL frees the place. 0 or -errno. */
int hook_told_write(int fd, size_t place, const struct hook_told *told);

/*
 * With the lock held, and while nobody runs hooks of ports: forgets the guests of networks that are not up any more.
 * Returns how many there were whose `unplugged` will never run.
 */
size_t hook_told_forget(const char *run_dir);

#endif
