/* SPDX-License-Identifier: MIT */
/* Netlink for the bare programs: libmnl and nothing of tapnet; whatever fails ends the program. */
#ifndef BENCH_REQUEST_H
#define BENCH_REQUEST_H

#include <libmnl/libmnl.h>
#include <stdint.h>

/* Room for one transaction of eight thousand ports. */
#define REQUEST_LEN_MAX (16 << 20)

/* Prints "PROGRAM: WHAT: errno's text" and exits with 1. */
__attribute__((noreturn)) void request_fail(const char *what);

struct mnl_socket *request_open(int protocol);

/* A message of rtnetlink at @buffer, with @header_len bytes of family header @header. */
struct nlmsghdr *request_begin(void *buffer, uint16_t type, uint16_t flags, const void *header, size_t header_len);
/* Sends it and waits for its ack. */
void request_run(struct mnl_socket *socket, struct nlmsghdr *message, const char *what);
/* Sends @len bytes of messages, waits for the ack of number @sequence; any error ends the program. */
void request_send(struct mnl_socket *socket, const void *bytes, size_t len, uint32_t sequence, const char *what);
/* Sends a dump and reads it to its end. Calls @reader (may be NULL) for each message; returns how many there were. */
size_t request_dump(struct mnl_socket *socket, struct nlmsghdr *message, mnl_cb_t reader, void *data, const char *what);

/* CLOCK_MONOTONIC in microseconds. */
uint64_t request_now_usec(void);

#endif
