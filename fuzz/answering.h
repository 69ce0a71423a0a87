/* SPDX-License-Identifier: MIT */
/* A resident of which nothing is known but its socket: it answers requests with whatever the input says. */
#ifndef FUZZ_ANSWERING_H
#define FUZZ_ANSWERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * How it works: the input is a row of answers with a newline between two. The first byte of each, modulo 8, is the
 * number of descriptors that go along, so that "2{...}" reads well; the rest is the datagram. Each request gets the
 * next answer. One that would be empty, or the last one's end, is the end of the resident: it hangs up on everybody.
 */
struct answering;

/* A directory of this process's own below /tmp, made at the first call, removed in the end. */
const char *answering_folder(void);
/* Answers at @path, which is bound and listens when this returns, from a thread of its own. */
struct answering *answering_begin(const char *path, const uint8_t *answers, size_t size);
void answering_end(struct answering *answering);

/* ---- what every target asks ---- */

void require(bool condition);
/* A failure has its code and a sentence, and no control characters in it: it is printed on root's terminal. */
void require_failure(int result, const struct tapnet_error *error);
/* The lowest descriptor that is free: the same again when nothing was left open. */
int lowest_free(void);
/* RUN_DIR/NAME holds exactly these bytes. */
void write_file(const char *run_dir, const char *name, const uint8_t *bytes, size_t size);

#endif
