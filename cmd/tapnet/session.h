/* SPDX-License-Identifier: MIT */
/* What every command needs: the context opened for this environment, the file found, errors shown. */
#ifndef TAPNET_SESSION_H
#define TAPNET_SESSION_H

#include <limits.h>
#include <stdbool.h>

#include <tapnet/network.h>

/*
 * Opens the context: files below $TAPNET_RUN_DIR or /run/tapnet; the service from $TAPNET_SERVICE, else beside this
 * program when it runs from a build directory, else where it was installed. 0, or an exit code with the error printed.
 */
int session_open(struct tapnet **ret);

/* Prints @error, one "tapnet: " line each, and returns @exit_code. */
int session_fail(const struct tapnet_error *error, int exit_code);

/*
 * The file that an operand means: the operand itself; /etc/tapnet/OPERAND.yaml when the operand is a bare name and no
 * such file is here; tapnet.yaml when it is NULL.
 */
const char *session_file(const char *operand, char path[PATH_MAX]);

/* Reads it. 0, or an exit code with the error printed. */
int session_load(const char *operand, struct tapnet_spec **ret);

/*
 * The set that an operand names: what a readable, valid file declares; else the file's base name, because a file that
 * was edited into an error must not keep its network from being taken down; else the operand itself.
 */
void session_set(const char *operand, char set[64]);

/* Is there a file that the operand means? */
bool session_has_file(const char *operand);

/* A look at what is up, as tapnet_status_get(): all (@operand NULL), the set or network of that name, a file's set. */
int session_look(struct tapnet *tapnet, const char *operand, struct tapnet_status **ret, struct tapnet_error *error);
/*
 * Prints why there was none, and returns the exit code: a name that is neither up nor a file's is a mistake of the
 * command line's.
 */
int session_refuse_look(const struct tapnet_error *error, int result, const char *operand);

/* The words that the program was called with: they must stay. */
void session_remember(int count, char **words);

/*
 * Prints why the library refused an up, down, plan or status with @result, and returns the exit code. Who lacks the
 * right to is told the command that has it: sudo, and all words that were typed.
 */
int session_refuse(const struct tapnet_error *error, int result);

/* What the library has to say besides; one line each. */
void session_notes(const struct tapnet *tapnet);

/* EXIT_USAGE for a file that can't be had on this host (-EINVAL, -EALREADY: tapnet/network.h), else EXIT_FAILED. */
int session_exit_code(int result);

#endif
