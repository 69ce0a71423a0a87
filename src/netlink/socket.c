/* SPDX-License-Identifier: MIT */
/* Netlink sockets: requests with their acks, dumps that start again when they were disturbed, batches. */
#include "netlink/netlink.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define RECEIVE_LEN (64 * 1024)         /* the kernel never makes a larger dump part (32 kB) */
#define RECEIVE_BUFFER_LEN (4 << 20)    /* queue of the socket: the errors of a large batch */
#define DUMP_ATTEMPTS 10
#define REPLY_TIMEOUT_SEC 30            /* the kernel answers at once; this bounds a bug, not a wait */

struct netlink {
    struct mnl_socket *socket;
    uint32_t sequence;
    uint8_t *buffer;
};

DEFINE_CLEANUP(struct netlink *, netlink_close)

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

/* Grows a socket buffer, past the limit of ordinary users where we may. */
static void grow_buffer(int fd, int force, int plain, size_t len)
{
    int value = len > INT32_MAX ? INT32_MAX : (int)len;

    if (setsockopt(fd, SOL_SOCKET, force, &value, sizeof(value)) < 0)
        setsockopt(fd, SOL_SOCKET, plain, &value, sizeof(value));
}

static void configure(struct netlink *netlink, int protocol)
{
    const struct timeval timeout = {.tv_sec = REPLY_TIMEOUT_SEC};
    int fd = netlink_fd(netlink), on = 1;

    /* Each makes replies better and none is needed: an older kernel refuses and is still understood. */
    mnl_socket_setsockopt(netlink->socket, NETLINK_EXT_ACK, &on, sizeof(on));
    mnl_socket_setsockopt(netlink->socket, NETLINK_CAP_ACK, &on, sizeof(on));
    if (protocol == NETLINK_ROUTE)
        mnl_socket_setsockopt(netlink->socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    grow_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BUFFER_LEN);
}

int netlink_open(int protocol, struct netlink **ret, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = calloc(1, sizeof(*netlink));

    if (netlink)
        netlink->buffer = malloc(RECEIVE_LEN);
    if (!netlink || !netlink->buffer)
        return error_set(error, -ENOMEM, "out of memory");
    netlink->socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
    if (!netlink->socket)
        return error_set_errno(error, -errno, "cannot open a netlink socket");
    if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return error_set_errno(error, -errno, "cannot bind a netlink socket");
    configure(netlink, protocol);
    netlink->sequence = (uint32_t)time(NULL);
    *ret = take_pointer(netlink);
    return 0;
}

/* ---- sending and receiving ---- */

static int send_message(struct netlink *netlink, const struct netlink_message *message, struct tapnet_error *error)
{
    if (message->failure)
        return error_set_errno(error, message->failure, "cannot build the netlink message");
    if (mnl_socket_sendto(netlink->socket, message->bytes, message->len) < 0)
        return error_set_errno(error, -errno, "cannot send to the kernel");
    return 0;
}

/* The next datagram from the kernel: its length, -ENOBUFS after an overrun, -EMSGSIZE when it was cut. */
static ssize_t receive(struct netlink *netlink)
{
    struct sockaddr_nl sender = {0};
    struct iovec part = {netlink->buffer, RECEIVE_LEN};
    struct msghdr header = {.msg_name = &sender, .msg_namelen = sizeof(sender), .msg_iov = &part, .msg_iovlen = 1};
    ssize_t len;

    do {
        len = recvmsg(netlink_fd(netlink), &header, 0);
        if (len < 0 && errno != EINTR)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
    } while (len < 0 || sender.nl_pid != 0); /* only the kernel's words count */
    return header.msg_flags & MSG_TRUNC ? -EMSGSIZE : len;
}

static struct nlmsghdr *message_at(struct netlink_message *message, size_t offset)
{
    return (struct nlmsghdr *)(void *)(message->bytes + offset);
}

/* Is there a whole message at @message, with @len bytes left? */
static bool message_ok(const struct nlmsghdr *message, ssize_t len)
{
    return len >= (ssize_t)sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
           (ssize_t)message->nlmsg_len <= len;
}

static const struct nlmsghdr *message_next(const struct nlmsghdr *message, ssize_t *len)
{
    *len -= (ssize_t)NLMSG_ALIGN(message->nlmsg_len);
    return (const struct nlmsghdr *)(const void *)((const uint8_t *)message + NLMSG_ALIGN(message->nlmsg_len));
}

/* The sentence that the kernel adds to a refusal; NULL when it did not. */
static const char *extended_ack(const struct nlmsghdr *message, size_t payload_len)
{
    const struct nlattr *attributes[NLMSGERR_ATTR_MAX + 1];

    if (!(message->nlmsg_flags & NLM_F_ACK_TLVS) || netlink_parse(message, payload_len, attributes, NLMSGERR_ATTR_MAX) < 0)
        return NULL;
    return netlink_get_text(attributes[NLMSGERR_ATTR_MSG]);
}

/* What an error message says: 0 for an ack, else the refusal as a sentence. */
static int read_ack(const struct nlmsghdr *message, struct tapnet_error *error)
{
    const struct nlmsgerr *refusal = (const struct nlmsgerr *)NLMSG_DATA(message);
    size_t payload_len = sizeof(*refusal);
    const char *sentence;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*refusal)))
        return error_set(error, -EBADMSG, "the kernel's reply is cut");
    if (refusal->error == 0)
        return 0;
    if (!(message->nlmsg_flags & NLM_F_CAPPED) && refusal->msg.nlmsg_len > sizeof(refusal->msg))
        payload_len += refusal->msg.nlmsg_len - sizeof(refusal->msg);
    sentence = extended_ack(message, payload_len);
    if (refusal->error == -EPERM)
        return error_set(error, -EPERM, "the kernel does not permit it: CAP_NET_ADMIN is needed (run as root)");
    if (sentence)
        return error_set(error, refusal->error, "the kernel says: %s (%s)", sentence, strerrordesc_np(-refusal->error));
    return error_set_errno(error, refusal->error, "the kernel refuses");
}

/* ---- requests ---- */

struct exchange {
    netlink_reader *reader;
    void *data;
    struct tapnet_error *error;
    uint32_t sequence;
    bool dump;
    bool done, interrupted;
};

/* One message of a reply. 0 or the exchange's failure. */
static int handle(struct exchange *exchange, const struct nlmsghdr *message)
{
    if (message->nlmsg_seq != exchange->sequence)
        return 0; /* belongs to a request that was given up */
    if (message->nlmsg_flags & NLM_F_DUMP_INTR)
        exchange->interrupted = true;
    switch (message->nlmsg_type) {
    case NLMSG_NOOP:
        return 0;
    case NLMSG_ERROR:
        exchange->done = true;
        return read_ack(message, exchange->error);
    case NLMSG_DONE:
        exchange->done = true;
        if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(int)) && *(const int *)NLMSG_DATA(message) < 0)
            return error_set_errno(exchange->error, *(const int *)NLMSG_DATA(message), "the kernel's list failed");
        return 0;
    case NLMSG_OVERRUN:
        return -ENOBUFS;
    default:
        return exchange->reader ? exchange->reader(message, exchange->data) : 0;
    }
}

/* Reads until the exchange is done. */
static int converse(struct netlink *netlink, struct exchange *exchange)
{
    while (!exchange->done) {
        ssize_t len = receive(netlink);
        const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)netlink->buffer;

        if (len < 0)
            return error_set_errno(exchange->error, (int)len, "no whole reply from the kernel");
        for (; message_ok(message, len) && !exchange->done; message = message_next(message, &len)) {
            int result = handle(exchange, message);

            if (result < 0)
                return result;
        }
    }
    return 0;
}

static void number(struct netlink *netlink, struct netlink_message *message, uint16_t flags)
{
    struct nlmsghdr *header = message_at(message, message->start);

    header->nlmsg_seq = ++netlink->sequence;
    header->nlmsg_flags |= flags;
}

int netlink_query(struct netlink *netlink, struct netlink_message *message, netlink_reader *reader, void *data,
                  struct tapnet_error *error)
{
    struct exchange exchange = {.reader = reader, .data = data, .error = error};
    int result;

    if (!message->failure)
        number(netlink, message, NLM_F_REQUEST | NLM_F_ACK);
    exchange.sequence = netlink->sequence;
    result = send_message(netlink, message, error);
    return result < 0 ? result : converse(netlink, &exchange);
}

int netlink_request(struct netlink *netlink, struct netlink_message *message, struct tapnet_error *error)
{
    return netlink_query(netlink, message, NULL, NULL, error);
}

/* ---- dumps ---- */

/* Is the failure of a kind that a new attempt mends? */
static bool is_disturbance(int result)
{
    return result == -ENOBUFS || result == -EMSGSIZE || result == -EAGAIN || result == -EINTR;
}

int netlink_dump(struct netlink *netlink, struct netlink_message *message, netlink_reader *reader,
                 netlink_restart *restart, void *data, struct tapnet_error *error)
{
    for (int attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
        struct exchange exchange = {.reader = reader, .data = data, .error = error, .dump = true};
        int result;

        if (restart)
            restart(data);
        if (!message->failure)
            number(netlink, message, NLM_F_REQUEST | NLM_F_DUMP);
        exchange.sequence = netlink->sequence;
        result = send_message(netlink, message, error);
        if (result == 0)
            result = converse(netlink, &exchange);
        if (result < 0 && !is_disturbance(result))
            return result;
        if (result == 0 && !exchange.interrupted)
            return 0;
    }
    return error_set(error, -EAGAIN, "the kernel's list changed %d times while it was read: try again when the host is quieter",
                     DUMP_ATTEMPTS);
}

/* ---- batches ---- */

struct batch {
    uint32_t first, last; /* sequence numbers: of the batch's begin, and of the message whose ack ends it */
    size_t failed;
    int result;
};

/* Numbers all messages; makes the last one before the batch's end ask for an ack, since older kernels never ack that. */
static void number_batch(struct netlink *netlink, struct netlink_message *message, struct batch *batch)
{
    struct nlmsghdr *last = NULL;

    batch->first = netlink->sequence + 1;
    for (size_t offset = 0; offset < message->len;) {
        struct nlmsghdr *header = message_at(message, offset);

        header->nlmsg_seq = ++netlink->sequence;
        header->nlmsg_flags |= NLM_F_REQUEST;
        if (header->nlmsg_type != NFNL_MSG_BATCH_BEGIN && header->nlmsg_type != NFNL_MSG_BATCH_END)
            last = header;
        offset += NLMSG_ALIGN(header->nlmsg_len);
    }
    batch->last = last ? last->nlmsg_seq : netlink->sequence;
    if (last)
        last->nlmsg_flags |= NLM_F_ACK;
}

/* One answer: the first refusal is kept; a refusal of the batch's begin is one of the whole. Returns true at the end. */
static bool handle_batch(struct batch *batch, const struct nlmsghdr *message, struct tapnet_error *error)
{
    struct tapnet_error ignored;
    uint32_t index = message->nlmsg_seq - batch->first;
    int result;

    if (message->nlmsg_type != NLMSG_ERROR || index > batch->last - batch->first)
        return false;
    result = read_ack(message, batch->result == 0 ? error : &ignored);
    if (result < 0 && batch->result == 0) {
        batch->result = result;
        batch->failed = index;
    }
    return message->nlmsg_seq == batch->last || (index == 0 && result < 0);
}

int netlink_batch(struct netlink *netlink, struct netlink_message *message, size_t *ret_failed,
                  struct tapnet_error *error)
{
    struct batch batch = {0};
    bool done = false;
    int result;

    if (!message->failure) {
        number_batch(netlink, message, &batch);
        grow_buffer(netlink_fd(netlink), SO_SNDBUFFORCE, SO_SNDBUF, message->len + 4096);
    }
    result = send_message(netlink, message, error);
    while (result == 0 && !done) {
        ssize_t len = receive(netlink);
        const struct nlmsghdr *answer = (const struct nlmsghdr *)(const void *)netlink->buffer;

        if (len < 0)
            return error_set_errno(error, (int)len, "no whole reply from the kernel");
        for (; message_ok(answer, len) && !done; answer = message_next(answer, &len))
            done = handle_batch(&batch, answer, error);
    }
    if (result < 0)
        return result;
    if (batch.result < 0 && ret_failed)
        *ret_failed = batch.failed;
    return batch.result;
}
