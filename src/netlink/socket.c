/* SPDX-License-Identifier: MIT */
/* Sends netlink requests, dumps and batches, and reads what the kernel answers. */
#include "netlink/netlink.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "netlink/reply.h"

/*
 * How it works: the kernel handles a request inside sendmsg() and the next part of a dump inside recvmsg(), so an
 * answer is in the socket's queue by the time either returns. Every receive is therefore non-blocking: an empty queue
 * means that the answer was lost, and nothing here can hang. Every request gets sequence numbers of its own, and only
 * datagrams from the kernel (port 0) with our port and those numbers count: what an abandoned dump left in the queue,
 * notifications of groups, and messages of other processes are passed over.
 */

#define RECEIVE_BUFFER (64 * 1024)            /* user space: above the kernel's 32 KiB for a dump's datagram */
#define RECEIVE_BUFFER_MAX (16 * 1024 * 1024) /* what a truncated datagram may make it grow to */
#define QUEUE_BYTES (4 * 1024 * 1024)         /* the kernel's queue: a limit, not memory that is taken */
#define ACK_BYTES 2048                        /* of the queue, for one ack with the kernel's own overhead */
#define ATTEMPTS 10                           /* of a dump: half a second */

struct netlink {
    struct mnl_socket *socket;
    int protocol;
    uint32_t port;                /* our address, given by the kernel */
    uint32_t sequence;            /* the last number that was used */
    size_t send_room, queue_room; /* SO_SNDBUF, SO_RCVBUF as the kernel counts them */
    uint8_t *buffer;
    size_t buffer_size;
};

/* Raises SO_SNDBUF or SO_RCVBUF to @len bytes: by force with CAP_NET_ADMIN, else as far as net.core.*mem_max lets. */
static void raise_buffer(const struct netlink *netlink, int option, int force, size_t len, size_t *room)
{
    int wanted = len > INT32_MAX / 2 ? INT32_MAX / 2 : (int)len;
    int now = 0;
    socklen_t size = sizeof(now);

    if (*room >= len)
        return;
    if (setsockopt(netlink_fd(netlink), SOL_SOCKET, force, &wanted, sizeof(wanted)) < 0)
        (void)setsockopt(netlink_fd(netlink), SOL_SOCKET, option, &wanted, sizeof(wanted));
    if (getsockopt(netlink_fd(netlink), SOL_SOCKET, option, &now, &size) == 0 && now > 0)
        *room = (size_t)now;
}

/* Each makes answers better and none is needed: an older kernel refuses, says less and is still understood. */
static void set_options(const struct netlink *netlink)
{
    int on = 1;

    (void)mnl_socket_setsockopt(netlink->socket, NETLINK_EXT_ACK, &on, sizeof(on));
    (void)mnl_socket_setsockopt(netlink->socket, NETLINK_CAP_ACK, &on, sizeof(on));
    (void)mnl_socket_setsockopt(netlink->socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
}

DEFINE_CLEANUP(struct netlink *, netlink_close)

/* Why there is no socket of @protocol. */
static int explain_socket(int protocol, int code, struct tapnet_error *error)
{
    if (code == -EPROTONOSUPPORT && protocol == NETLINK_NETFILTER)
        return error_set(error, code, "the kernel has no nftables, which keep guests apart: `modprobe nf_tables`");
    return error_set_errno(error, code, "cannot open a netlink socket");
}

int netlink_open(int protocol, struct netlink **ret, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = calloc(1, sizeof(*netlink));

    if (!netlink)
        return error_set(error, -ENOMEM, "out of memory");
    netlink->protocol = protocol;
    netlink->buffer_size = RECEIVE_BUFFER;
    netlink->buffer = malloc(netlink->buffer_size);
    if (!netlink->buffer)
        return error_set(error, -ENOMEM, "out of memory");
    netlink->socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
    if (!netlink->socket)
        return explain_socket(protocol, -errno, error);
    set_options(netlink);
    raise_buffer(netlink, SO_RCVBUF, SO_RCVBUFFORCE, QUEUE_BYTES, &netlink->queue_room);
    if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return error_set_errno(error, -errno, "cannot bind a netlink socket");
    netlink->port = mnl_socket_get_portid(netlink->socket);
    netlink->sequence = (uint32_t)time(NULL);
    *ret = take_pointer(netlink);
    return 0;
}

void netlink_close(struct netlink *netlink)
{
    if (!netlink)
        return;
    if (netlink->socket)
        mnl_socket_close(netlink->socket);
    free(netlink->buffer);
    free(netlink);
}

int netlink_fd(const struct netlink *netlink)
{
    return mnl_socket_get_fd(netlink->socket);
}

/* Makes the buffer large enough for a datagram of @len bytes. */
static int grow_buffer(struct netlink *netlink, size_t len)
{
    uint8_t *grown;

    if (len > RECEIVE_BUFFER_MAX)
        return -EMSGSIZE;
    grown = realloc(netlink->buffer, len);
    if (!grown)
        return -ENOMEM;
    netlink->buffer = grown;
    netlink->buffer_size = len;
    return 0;
}

/*
 * The next datagram of the kernel. 0; -EAGAIN: the queue is empty; -ENOBUFS: the kernel threw answers away;
 * -EMSGSIZE: a datagram was truncated, the buffer is large enough for it now; other errors are final.
 */
static int receive(struct netlink *netlink, size_t *ret_len)
{
    for (;;) {
        struct sockaddr_nl from = {0};
        struct iovec part = {.iov_base = netlink->buffer, .iov_len = netlink->buffer_size};
        struct msghdr header = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1};
        /* MSG_TRUNC makes it return the datagram's whole length. */
        ssize_t len = recvmsg(netlink_fd(netlink), &header, MSG_DONTWAIT | MSG_TRUNC);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return -errno;
        if (header.msg_namelen != sizeof(from) || from.nl_pid != 0)
            continue;
        if (header.msg_flags & MSG_TRUNC) {
            int r = grow_buffer(netlink, (size_t)len);

            return r < 0 ? r : -EMSGSIZE;
        }
        *ret_len = (size_t)len;
        return 0;
    }
}

/* Reads until the queue is empty: ends a dump that nobody wants to hear any more. */
static void drain(struct netlink *netlink)
{
    size_t len;
    int r;

    do
        r = receive(netlink, &len);
    while (r == 0 || r == -ENOBUFS || r == -EMSGSIZE);
}

/* Sends all of @message as one datagram to the kernel. */
static int send_message(struct netlink *netlink, const struct netlink_message *message, struct tapnet_error *error)
{
    ssize_t len;

    do
        len = mnl_socket_sendto(netlink->socket, message->bytes, message->len);
    while (len < 0 && errno == EINTR);
    if (len < 0 && errno == EMSGSIZE)
        return error_set(error, -EMSGSIZE,
                         "a netlink request of %zu bytes is larger than the socket may send: "
                         "raise net.core.wmem_max",
                         message->len);
    if (len < 0)
        return error_set_errno(error, -errno, "cannot send to the kernel");
    return 0;
}

/*
 * Checks that @message was built without failure and holds at least one message, and at most one if @single; numbers
 * them and gives them @flags. Returns the count or a negative errno.
 */
static ssize_t finish_message(struct netlink *netlink, struct netlink_message *message, bool single, uint16_t flags,
                              struct tapnet_error *error)
{
    ssize_t count = 0;

    if (message->failure)
        return error_set_errno(error, message->failure, "cannot build the netlink message");
    for (size_t offset = 0; offset < message->len; count++) {
        struct nlmsghdr *header = (void *)(message->bytes + offset);

        header->nlmsg_seq = ++netlink->sequence;
        header->nlmsg_pid = netlink->port;
        header->nlmsg_flags |= flags;
        offset += NLMSG_ALIGN(header->nlmsg_len);
    }
    if (count == 0 || (single && count != 1))
        return error_set_errno(error, -EINVAL, "netlink request of %zd messages", count);
    return count;
}

/* ---- what the three kinds of exchange share: one datagram goes to a handler, message by message ---- */

/* Returns 0 to go on, 1 when the exchange is over, or a negative errno. */
typedef int message_handler(const struct nlmsghdr *message, void *data);

/* Hands the messages of a datagram of @len bytes that answer sequence numbers @first to @last to @handler. */
static int walk_datagram(const struct netlink *netlink, size_t len, uint32_t first, uint32_t last,
                         message_handler *handler, void *data)
{
    const struct nlmsghdr *message = (const void *)netlink->buffer;
    int left = (int)len;

    for (; netlink_message_fits(message, left); message = mnl_nlmsg_next(message, &left)) {
        int r = 0;

        if (message->nlmsg_pid == netlink->port && message->nlmsg_seq - first <= last - first)
            r = handler(message, data);
        if (r != 0)
            return r;
    }
    return left > 0 ? -EBADMSG : 0;
}

/* The reader's verdict on @message: that it can't be read has no sentence yet. */
static int read_message(netlink_reader *reader, const struct nlmsghdr *message, void *data, struct tapnet_error *error)
{
    int r = reader(message, data);

    return r == -EBADMSG ? error_set_errno(error, r, "the kernel's answer") : r;
}

/* ---- requests and queries ---- */

struct exchange {
    const struct netlink_message *request;
    netlink_reader *reader; /* NULL: an ack alone is the answer */
    void *data;
    bool answered, lost;
    int result; /* of the kernel or the reader */
    struct tapnet_error *error;
};

static int handle_answer(const struct nlmsghdr *message, void *data)
{
    struct exchange *exchange = data;

    if (message->nlmsg_type == NLMSG_NOOP)
        return 0;
    exchange->answered = true;
    if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE)
        exchange->result = netlink_reply_error(message, exchange->request->bytes, exchange->request->len,
                                               exchange->error);
    else if (exchange->reader)
        exchange->result = read_message(exchange->reader, message, exchange->data, exchange->error);
    else
        return 0;
    return 1;
}

/*
 * Sends the request and reads its answer. Returns 0 when there was one (its result is in @exchange), -ENOBUFS or
 * -EMSGSIZE when it was lost or truncated, or another negative errno with @error set.
 */
static int exchange_once(struct netlink *netlink, struct exchange *exchange, struct tapnet_error *error)
{
    size_t len;
    int r = send_message(netlink, exchange->request, error);

    if (r < 0)
        return r;
    exchange->answered = exchange->lost = false;
    for (;;) {
        r = receive(netlink, &len);
        if (r == -ENOBUFS) {
            exchange->lost = true; /* perhaps somebody else's: read on */
            continue;
        }
        if (r == -EAGAIN)
            return exchange->lost ? -ENOBUFS : error_set(error, -EIO, "the kernel did not answer a netlink request");
        if (r == -EMSGSIZE)
            return r;
        if (r < 0)
            return error_set_errno(error, r, "cannot receive from the kernel");
        r = walk_datagram(netlink, len, netlink->sequence, netlink->sequence, handle_answer, exchange);
        if (r == -EBADMSG)
            return error_set_errno(error, r, "the kernel's answer");
        if (r == 1)
            return 0;
    }
}

int netlink_request(struct netlink *netlink, struct netlink_message *message, struct tapnet_error *error)
{
    struct exchange exchange = {.request = message, .error = error};
    ssize_t count = finish_message(netlink, message, true, NLM_F_REQUEST | NLM_F_ACK, error);
    int r;

    if (count < 0)
        return (int)count;
    r = exchange_once(netlink, &exchange, error);
    if (r == -ENOBUFS || r == -EMSGSIZE)
        return error_set_errno(error, r, "the kernel's answer was lost");
    return r < 0 ? r : exchange.result;
}

int netlink_query(struct netlink *netlink, struct netlink_message *message, netlink_reader *reader, void *data,
                  struct tapnet_error *error)
{
    struct exchange exchange = {.request = message, .reader = reader, .data = data, .error = error};

    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        ssize_t count = finish_message(netlink, message, true, NLM_F_REQUEST, error);
        int r;

        if (count < 0)
            return (int)count;
        r = exchange_once(netlink, &exchange, error);
        if (r == 0)
            return exchange.result;
        if (r != -ENOBUFS && r != -EMSGSIZE)
            return r;
    }
    return error_set(error, -EAGAIN, "the kernel's answer was lost %d times", ATTEMPTS);
}

/* ---- dumps ---- */

struct dump {
    const struct netlink_message *request;
    netlink_reader *reader;
    void *data;
    bool interrupted;
    int result; /* of the kernel or the reader */
    struct tapnet_error *error;
};

static int handle_dump(const struct nlmsghdr *message, void *data)
{
    struct dump *dump = data;

    if (message->nlmsg_flags & NLM_F_DUMP_INTR)
        dump->interrupted = true;
    switch (message->nlmsg_type) {
    case NLMSG_NOOP:
        return 0;
    case NLMSG_OVERRUN:
        dump->interrupted = true;
        return 0;
    case NLMSG_DONE:
    case NLMSG_ERROR: {
        int r = netlink_reply_error(message, dump->request->bytes, dump->request->len, dump->error);

        if (dump->result == 0)
            dump->result = r;
        return 1;
    }
    default:
        /* After the reader's refusal the rest is read all the same: a socket can have one dump at a time. */
        if (dump->result == 0 && !dump->interrupted)
            dump->result = read_message(dump->reader, message, dump->data, dump->error);
        return 0;
    }
}

/* One attempt. 0: over, see @dump; -EAGAIN: begin again; else a negative errno with @error set. */
static int dump_once(struct netlink *netlink, struct dump *dump, struct tapnet_error *error)
{
    size_t len;
    int r = send_message(netlink, dump->request, error);

    if (r < 0)
        return r;
    dump->interrupted = false;
    dump->result = 0;
    for (;;) {
        r = receive(netlink, &len);
        if (r == -ENOBUFS || r == -EMSGSIZE || r == -EAGAIN) {
            drain(netlink);
            return -EAGAIN;
        }
        if (r < 0)
            return error_set_errno(error, r, "cannot receive from the kernel");
        r = walk_datagram(netlink, len, netlink->sequence, netlink->sequence, handle_dump, dump);
        if (r == -EBADMSG) {
            drain(netlink);
            return error_set_errno(error, r, "the kernel's answer");
        }
        if (r == 1)
            return dump->interrupted ? -EAGAIN : 0;
    }
}

/*
 * Who makes many links changes the list for as long as that takes: the first two tries are made at once, then each
 * waits twice as long as the one before.
 */
int netlink_dump(struct netlink *netlink, struct netlink_message *message, netlink_reader *reader,
                 netlink_restart *restart, void *data, struct tapnet_error *error)
{
    struct dump dump = {.request = message, .reader = reader, .data = data, .error = error};

    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        ssize_t count = finish_message(netlink, message, true, NLM_F_REQUEST | NLM_F_DUMP, error);
        int r;

        if (attempt > 1)
            poll(NULL, 0, 1 << (attempt - 1));
        if (count < 0)
            return (int)count;
        if (restart)
            restart(data);
        r = dump_once(netlink, &dump, error);
        if (r == 0)
            return dump.result;
        if (r != -EAGAIN)
            return r;
    }
    return error_set(error, -EAGAIN,
                     "the kernel's list changed %d times while it was read: try again when the host is quieter",
                     ATTEMPTS);
}

void netlink_call_restart(void *call)
{
    const struct netlink_call *outer = call;

    if (outer->restart)
        outer->restart(outer->data);
}

/* ---- batches ---- */

struct batch {
    const struct netlink_message *request;
    uint32_t first; /* sequence number of the first message */
    bool framed;    /* nfnetlink: the batch's own begin and end messages are not counted as acked */
    size_t acked;   /* messages whose ack said yes */
    bool refused;
    size_t failed; /* index of the first refused message */
    int result;
    struct tapnet_error *error;
};

/* The offset of message @index of @message. */
static size_t message_offset(const struct netlink_message *message, size_t index)
{
    size_t offset = 0;

    while (index-- > 0) {
        const struct nlmsghdr *header = (const void *)(message->bytes + offset);

        offset += NLMSG_ALIGN(header->nlmsg_len);
    }
    return offset;
}

/* Only newer kernels ack these, so nothing may depend on it. */
static bool is_frame(uint16_t type)
{
    return type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END;
}

static int handle_batch(const struct nlmsghdr *message, void *data)
{
    struct batch *batch = data;
    size_t index = message->nlmsg_seq - batch->first;
    size_t offset;
    int r;

    if (message->nlmsg_type != NLMSG_ERROR)
        return 0; /* an echo: nobody asked for it */
    if (netlink_reply_code(message) == 0) {
        if (!batch->framed || !is_frame(netlink_reply_type(message)))
            batch->acked++;
        return 0;
    }
    if (batch->refused && index >= batch->failed)
        return 0;
    offset = message_offset(batch->request, index);
    r = netlink_reply_error(message, batch->request->bytes + offset, batch->request->len - offset, batch->error);
    batch->refused = true;
    batch->failed = index;
    batch->result = r;
    return 0;
}

/* How many messages of @message ask for an ack that will surely come. */
static size_t count_acks(const struct netlink_message *message, bool framed)
{
    size_t count = 0;

    for (size_t offset = 0; offset < message->len;) {
        const struct nlmsghdr *header = (const void *)(message->bytes + offset);

        if ((header->nlmsg_flags & NLM_F_ACK) && (!framed || !is_frame(header->nlmsg_type)))
            count++;
        offset += NLMSG_ALIGN(header->nlmsg_len);
    }
    return count;
}

int netlink_batch(struct netlink *netlink, struct netlink_message *message, size_t *ret_failed,
                  struct tapnet_error *error)
{
    struct batch batch = {.request = message,
                          .first = netlink->sequence + 1,
                          .framed = netlink->protocol == NETLINK_NETFILTER,
                          .error = error};
    ssize_t count = finish_message(netlink, message, false, NLM_F_REQUEST, error);
    size_t acks, len = 0;
    bool lost = false;
    int r;

    if (count < 0)
        return (int)count;
    acks = count_acks(message, batch.framed);
    raise_buffer(netlink, SO_SNDBUF, SO_SNDBUFFORCE, message->len + 4096, &netlink->send_room);
    raise_buffer(netlink, SO_RCVBUF, SO_RCVBUFFORCE, acks * ACK_BYTES, &netlink->queue_room);
    r = send_message(netlink, message, error);
    if (r < 0)
        return r;
    /* A refusal comes before the ack of what stands behind it, if that has one. */
    while ((!acks || batch.acked < acks) && ((r = receive(netlink, &len)) == 0 || r == -ENOBUFS || r == -EMSGSIZE)) {
        lost |= r != 0;
        if (r == 0 && walk_datagram(netlink, len, batch.first, netlink->sequence, handle_batch, &batch) < 0)
            lost = true;
    }
    if (r < 0 && r != -EAGAIN)
        return error_set_errno(error, r, "cannot receive from the kernel");
    if (batch.refused && ret_failed)
        *ret_failed = batch.failed;
    if (batch.refused)
        return batch.result;
    if (batch.acked < acks)
        return error_set(error, lost ? -ENOBUFS : -EIO, "the kernel's answers to %zu of %zu requests were lost",
                         acks - batch.acked, acks);
    return 0;
}
