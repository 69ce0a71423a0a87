/* SPDX-License-Identifier: MIT */
/* The run directory of one network namespace: its name, its lock, its files. */
#ifndef APPLY_RUN_H
#define APPLY_RUN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define RUN_PATH_MAX 4096
#define RUN_DEFAULT_BASE "/run/tapnet"

/*
 * BASE/BOOT-COOKIE, where BOOT is the start of this boot's id and COOKIE the network namespace's (SO_NETNS_COOKIE):
 * names and inode numbers of namespaces are reused, the cookie is not. Makes nothing. -ENAMETOOLONG when sockets would
 * have no room in it.
 */
int run_dir_name(const char *base, char ret[RUN_PATH_MAX], struct tapnet_error *error);
/* The path of the file @name in @run_dir. -ENAMETOOLONG. */
int run_path(const char *run_dir, const char *name, char ret[RUN_PATH_MAX]);

/*
 * Makes the directory (mode 0700, of the caller) and BASE, but not what BASE stands in (-ENOENT), and takes the lock in
 * it, waiting for another tapnet: -EINTR when a signal is handled meanwhile. The lock is let go by closing *ret_fd, or
 * by run_unlock(), which also removes what a tapnet that was killed left half made, the directory when nothing but the
 * lock is left in it, and then BASE, if it was made here.
 */
int run_lock(const char *run_dir, int *ret_fd, struct tapnet_error *error);
void run_unlock(const char *run_dir, int fd);
/* As run_lock(), but -EWOULDBLOCK at once, without a sentence, while another tapnet has it. */
int run_lock_now(const char *run_dir, int *ret_fd, struct tapnet_error *error);
/*
 * The directory's own descriptor, with the lock held: as long as the lock is still there by that, nobody can have put
 * another directory in its place, and the lock is had again for a third of the calls. -errno.
 */
int run_open(const char *run_dir);
/* As run_lock(), of the directory @run_fd; -ENOENT, without a sentence: that is no more, or was never opened (-1). */
int run_lock_again(int run_fd, const char *run_dir, int *ret_fd, struct tapnet_error *error);

#define RUN_MARK_MAX 256

/*
 * With the lock held, which is @lock where that is known, else -1: what its holder is about, which stands in the lock
 * file, so that it outlives one that is killed and costs no file of its own. Begin returns a descriptor, or -errno; end
 * takes it, so that nothing but the file itself can be in the way of that. 0 or -errno, when it stands there still.
 */
int run_mark_begin(const char *run_dir, int lock, const char *text);
int run_mark_end(int lock, int fd);
/* Leaves it there. */
void run_mark_leave(int lock, int fd);
/* What one before us has left there: "" mostly. And it is dealt with. */
int run_mark_read(const char *run_dir, int lock, char ret[RUN_MARK_MAX]);
int run_mark_clear(const char *run_dir, struct tapnet_error *error);

/* The process that has the lock: 0 when nobody has it, or who it is can't be seen (another pid namespace). */
int run_lock_holder(const char *run_dir);

/*
 * A file of the run directory can't be written, which @error says already: adds what helps where @code tells that the
 * file system is full or read-only. Returns @code.
 */
int run_remedy(int code, struct tapnet_error *error);

/* Writes all @len bytes. -errno of write(2), after which some may be written. */
int run_write(int fd, const char *bytes, size_t len);
/* A file below it, replaced as a whole by rename; directories on the way are made. @name has no "..". */
int run_file_write(const char *run_dir, const char *name, const char *text, struct tapnet_error *error);
/*
 * Adds @line, which ends with a newline, to a file whose first line is @head; one that has another first line, or that
 * is not there, begins anew with it. A line that could not be written whole is taken away again.
 */
int run_file_append(const char *run_dir, const char *name, const char *head, const char *line,
                    struct tapnet_error *error);
/* It is no error when there is none. Empty directories on the way are removed. */
int run_file_remove(const char *run_dir, const char *name, struct tapnet_error *error);
/* Malloc'ed text; -ENOENT. At most @max bytes, else -EFBIG. */
int run_file_read(const char *run_dir, const char *name, size_t max, char **ret);

#endif
