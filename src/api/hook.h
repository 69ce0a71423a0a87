/* SPDX-License-Identifier: MIT */
/* One program of root's that the file names: whose it is, what it is told, how it begins and ends. */
#ifndef API_HOOK_H
#define API_HOOK_H

#include <sys/stat.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "model/object.h"

#define HOOK_SECONDS 10 /* for which it may run */

/* Is every folder above @path, which is absolute, root's alone, and what is there? *ret: that. -EINVAL. */
int hook_check_way(const char *path, struct stat *ret, struct tapnet_error *error);
/* The same, and it is a program. */
int hook_check_program(const char *path, struct tapnet_error *error);

/* What all hooks of a network are told of it: "NAME=value". Names, addresses and what the file says: nothing else. */
#define HOOK_FACTS 9
struct hook_facts {
    const char *texts[HOOK_FACTS];
};
/* All is the arena's. -ENOMEM. */
int hook_facts_print(struct arena *arena, const struct model_service *service, struct hook_facts *ret);

/* The port that an event is about. */
struct hook_port {
    char name[MODEL_NAME_MAX], device[MODEL_IFNAME_MAX], mac[MAC_TEXT_MAX];
    char address[IP_TEXT_MAX], address6[IP_TEXT_MAX]; /* "" where there is none */
};
void hook_port_print(const struct model_port *port, struct hook_port *ret);

/* A whole environment; ends with NULL. */
#define HOOK_ENVIRONMENT_MAX (HOOK_FACTS + 7)
/* @port: NULL when it is the network's event. New texts are the arena's. -ENOMEM. */
int hook_environment(struct arena *arena, const char *event, const struct hook_facts *facts,
                     const struct hook_port *port, const char *ret[HOOK_ENVIRONMENT_MAX]);

/*
 * Looks at @program once more, and starts it as a child that ends with us. Whoever waits for it waits with waitpid(2).
 * A negative errno, with a sentence.
 */
int hook_start(const char *program, const char *const *environment, pid_t *ret, struct tapnet_error *error);
/* Kills it, with all that it has started and that stayed in its group. */
void hook_kill(pid_t pid);
/* What it means that it ended with @code, as waitpid(2) has it: 0, or a negative errno with a sentence. */
int hook_explain(const char *program, int code, bool in_time, struct tapnet_error *error);

#endif
