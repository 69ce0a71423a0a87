/* SPDX-License-Identifier: MIT */
/* Netlink sockets and messages: a builder with a sticky error, requests with extended acks, dumps, batches. */
#ifndef NETLINK_NETLINK_H
#define NETLINK_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/* One socket of one protocol (NETLINK_ROUTE, NETLINK_NETFILTER), strict checking and extended acks on. */
struct netlink;

int netlink_open(int protocol, struct netlink **ret, struct tapnet_error *error);
void netlink_close(struct netlink *netlink); /* takes NULL */
int netlink_fd(const struct netlink *netlink);

/*
 * A message, or several in a row, under construction in a buffer that grows. The first failure (no memory, an
 * attribute too long) sticks in @failure and makes every later call a no-op: build to the end, then hand it to
 * netlink_request() or netlink_batch(), which report it.
 */
struct netlink_message {
    uint8_t *bytes;
    size_t len, capacity;
    size_t start; /* offset of the message being built */
    int failure;  /* 0 or negative errno */
};

void netlink_message_init(struct netlink_message *message);
void netlink_message_fini(struct netlink_message *message);
/* Empties it, keeping its buffer. */
void netlink_message_reset(struct netlink_message *message);

/* Starts the next message with its header and @header_len bytes of family header (may be NULL and 0). */
void netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags, const void *header,
                   size_t header_len);
void netlink_put(struct netlink_message *message, uint16_t type, const void *data, size_t len);
void netlink_put_u8(struct netlink_message *message, uint16_t type, uint8_t value);
void netlink_put_u16(struct netlink_message *message, uint16_t type, uint16_t value);
void netlink_put_u32(struct netlink_message *message, uint16_t type, uint32_t value);
void netlink_put_be16(struct netlink_message *message, uint16_t type, uint16_t value);
void netlink_put_be32(struct netlink_message *message, uint16_t type, uint32_t value);
void netlink_put_be64(struct netlink_message *message, uint16_t type, uint64_t value);
void netlink_put_text(struct netlink_message *message, uint16_t type, const char *text); /* with its NUL */
/* Nests: the offset that begin returns goes to end. NLA_F_NESTED is set by begin. */
size_t netlink_nest_begin(struct netlink_message *message, uint16_t type);
/* One that has a header of its family before its attributes (VETH_INFO_PEER). */
size_t netlink_nest_begin_with(struct netlink_message *message, uint16_t type, const void *header, size_t header_len);
void netlink_nest_end(struct netlink_message *message, size_t nest);

/*
 * Sends the one message and waits for its ack (NLM_F_REQUEST and NLM_F_ACK are added). A refusal becomes a sentence:
 * the kernel's extended ack when it gave one, else the errno's text. 0 or negative errno.
 */
int netlink_request(struct netlink *netlink, struct netlink_message *message, struct tapnet_error *error);

/* Called for each message of a reply; returns 0 to go on, or a negative errno to stop with it. */
typedef int netlink_reader(const struct nlmsghdr *message, void *data);
/* Called before each attempt of a dump: forget what an interrupted attempt had given. May be NULL. */
typedef void netlink_restart(void *data);

/* Sends a request with one answer (no dump) and reads it. */
int netlink_query(struct netlink *netlink, struct netlink_message *message, netlink_reader *reader, void *data,
                  struct tapnet_error *error);

/*
 * Dumps. NLM_F_DUMP is added. An interrupted dump (NLM_F_DUMP_INTR), an overrun (ENOBUFS) and a truncated reply start
 * again, at most 10 times, then -EAGAIN.
 */
int netlink_dump(struct netlink *netlink, struct netlink_message *message, netlink_reader *reader,
                 netlink_restart *restart, void *data, struct tapnet_error *error);

/*
 * The first member of what a dump of one kind of object gives to netlink_dump(): what its own caller wants called, and
 * with what. netlink_call_restart() is its restart, with a pointer to the whole.
 */
struct netlink_call {
    netlink_restart *restart; /* may be NULL */
    void *data;
};
void netlink_call_restart(void *call);

/*
 * Sends all messages of @message in one send and reads every answer; they are numbered here. Framing a transaction
 * (nf_tables: NFNL_MSG_BATCH_BEGIN and _END) is the caller's. The kernel answers what it refuses, and what has
 * NLM_F_ACK when it is done: set it on the last change of a transaction, which is all or nothing; on every message
 * where each counts for itself (NETLINK_ROUTE goes on behind a refusal). Returns the first refusal, ret_failed (may be
 * NULL) being its index; -EMSGSIZE when the whole is larger than the socket may send (over 200 kB needs CAP_NET_ADMIN
 * in the first user namespace, or a larger net.core.wmem_max); -ENOBUFS or -EIO when an ack was lost and nothing is
 * known to have been refused.
 */
int netlink_batch(struct netlink *netlink, struct netlink_message *message, size_t *ret_failed,
                  struct tapnet_error *error);

/*
 * Does a whole message stand at the start of @left bytes? (mnl_nlmsg_ok() takes one of 2 GiB and more for one: it looks
 * at the length as a signed number.)
 */
bool netlink_message_fits(const struct nlmsghdr *message, int left);

/*
 * Parses the attributes of @message behind @header_len bytes into @table (indexed by type, NULL where absent, types
 * above @maximum skipped). Never reads outside the message. 0 or -EBADMSG. The same for a nest (NULL is an empty one),
 * and for attributes that lie anywhere.
 */
int netlink_parse(const struct nlmsghdr *message, size_t header_len, const struct nlattr **table, uint16_t maximum);
int netlink_parse_nest(const struct nlattr *nest, const struct nlattr **table, uint16_t maximum);
int netlink_parse_bytes(const uint8_t *bytes, size_t len, const struct nlattr **table, uint16_t maximum);

/* Readers that check the length: 0, NULL or false when the attribute is absent or too short. Text has its NUL. */
uint8_t netlink_get_u8(const struct nlattr *attribute);
uint16_t netlink_get_u16(const struct nlattr *attribute);
uint32_t netlink_get_u32(const struct nlattr *attribute);
uint64_t netlink_get_u64(const struct nlattr *attribute);
const char *netlink_get_text(const struct nlattr *attribute);
bool netlink_get_bytes(const struct nlattr *attribute, void *bytes, size_t len);
/* An interface's name: 0, or -EBADMSG when it is not there, empty or too long for @size. */
int netlink_get_ifname(const struct nlattr *attribute, char *name, size_t size);

#endif
