/* SPDX-License-Identifier: MIT */
/* DHCPv4 for all networks: hears requests by netfilter's log, sends replies to the ports they came in by. */
#include "service/dhcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "packet/udp4.h"
#include "service/dhcp_answer.h"
#include "service/log.h"
#include "service/nflog.h"

/*
 * How it works: the rules of the bridge table log each DHCP request to the one socket that hears for all networks
 * (control.h). The message says which device it came in by; the device's name says which port that is, and nothing of
 * the frame does. The reply goes out by the very same device. One that was made anew under its old name since is
 * another device: the request is forgotten, and the guest asks again.
 *
 * Frames may stand in the socket's queue from before: the keeper hands it from a service that was killed to the next.
 * So it is read only when no network has been added for DHCP_SETTLE_USEC: all whose guests may have asked are there.
 *
 * Frames come in batches, one batch a wake-up, so that DNS gets its turn. Nothing is allocated per packet. How much one
 * port may ask is the rules' business.
 */

#define DHCP_BATCH 8
#define DHCP_SETTLE_USEC 5000
#define DHCP_MESSAGE_MAX 4096 /* GUARD_LOG_BYTES_MAX and what the log says beside them, some 200 bytes */
#define LOG_PORT_RATE 2       /* lines a second about one port */
#define LOG_PORT_BURST 20
#define LOG_TEXT_MAX 100 /* of a guest's text, escaped */

struct dhcp_port {
    const struct model_port *port;
    struct bucket lines;
};

struct dhcp_network {
    struct dhcp *dhcp;
    const struct model_network *network;
    struct dhcp_port *ports; /* sorted by their devices' names */
    size_t port_count;
    struct dhcp_network *next;
};

struct dhcp {
    struct loop *loop;
    struct loop_source *source; /* NULL: the log is not read yet */
    struct loop_timer settle;
    int log_fd, reply_fd; /* -1: none yet */
    struct dhcp_network *first;
};

/* A request, and whose it is. */
struct dhcp_source {
    const struct model_network *network;
    struct dhcp_port *from;
    unsigned device;
    uint64_t now_usec;
};

static uint8_t batch_messages[DHCP_BATCH][DHCP_MESSAGE_MAX];
static uint8_t reply_frame[DHCP_FRAME_MAX];

static int dhcp_port_compare(const void *a, const void *b)
{
    const struct dhcp_port *one = a, *other = b;

    return strcmp(one->port->device, other->port->device);
}

static struct dhcp_port *dhcp_port_find(const struct dhcp_network *served, const char device[MODEL_IFNAME_MAX])
{
    struct model_port port = {0};
    struct dhcp_port key = {.port = &port};

    if (!served->port_count)
        return NULL;
    memcpy(port.device, device, sizeof(port.device));
    return bsearch(&key, served->ports, served->port_count, sizeof(key), dhcp_port_compare);
}

int dhcp_update(struct dhcp_network *served, const struct model_network *network)
{
    struct dhcp_port *ports = calloc(network->port_count ? network->port_count : 1, sizeof(*ports));
    size_t count = 0;

    if (!ports)
        return -ENOMEM;
    for (size_t i = 0; i < network->port_count; i++) {
        const struct dhcp_port *before = dhcp_port_find(served, network->ports[i].device);

        if (network->ports[i].address.family != AF_INET)
            continue;
        ports[count].port = &network->ports[i];
        if (before) /* an update fills nobody's bucket */
            ports[count].lines = before->lines;
        count++;
    }
    qsort(ports, count, sizeof(*ports), dhcp_port_compare);
    free(served->ports);
    served->ports = ports;
    served->port_count = count;
    served->network = network;
    return 0;
}

/* One line about what a port did; @request may be NULL. All that comes from the guest is escaped. */
static void dhcp_log(const struct dhcp_source *source, const char *event, const struct dhcp_request *request)
{
    const struct model_port *port = source->from->port;
    char address[IP_TEXT_MAX], mac[MAC_TEXT_MAX], hostname[LOG_TEXT_MAX], class[LOG_TEXT_MAX], id[LOG_TEXT_MAX];

    if (!bucket_take(&source->from->lines, source->now_usec, LOG_PORT_RATE, LOG_PORT_BURST))
        return;
    if (!request) {
        log_line("dhcp %s/%s: %s", source->network->name, port->name, event);
        return;
    }
    log_line("dhcp %s/%s: %s: %s, MAC %s, hostname \"%s\", class \"%s\", client \"%s\"", source->network->name,
             port->name, event, ip_address_print(&port->address, address), mac_print(&request->chaddr, mac),
             log_escape(request->hostname.bytes, request->hostname.length, hostname, sizeof(hostname)),
             log_escape(request->vendor_class.bytes, request->vendor_class.length, class, sizeof(class)),
             log_escape(request->client_id.bytes, request->client_id.length, id, sizeof(id)));
}

/* Sends @length bytes of reply_frame out by @device, which is gone when it was made anew since: -ENXIO. */
static int dhcp_send(const struct dhcp *dhcp, unsigned device, size_t length)
{
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_IP),
        .sll_ifindex = (int)device,
        .sll_halen = ETH_ALEN,
    };

    memcpy(to.sll_addr, reply_frame, ETH_ALEN);
    if (sendto(dhcp->reply_fd, reply_frame, length, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0)
        return -errno;
    return 0;
}

static void dhcp_handle_request(const struct dhcp *dhcp, const struct dhcp_source *source, const struct udp4 *packet)
{
    struct dhcp_request request;
    struct dhcp_answer answer;
    int r;

    if (dhcp_request_parse(packet->payload, packet->payload_len, &request) < 0) {
        dhcp_log(source, "malformed message dropped", NULL);
        return;
    }
    answer = dhcp_answer(source->network, source->from->port, &request, reply_frame);
    dhcp_log(source, answer.event, &request);
    if (!answer.frame_len)
        return;
    r = dhcp_send(dhcp, source->device, answer.frame_len);
    if (r < 0)
        dhcp_log(source, strerrordesc_np(-r), NULL);
}

/* Fills in whose device @source->device is. False: of none that is served, or gone since. */
static bool dhcp_find_source(const struct dhcp *dhcp, struct dhcp_source *source)
{
    struct ifreq request = {.ifr_ifindex = (int)source->device};

    if (ioctl(dhcp->reply_fd, SIOCGIFNAME, &request) < 0)
        return false;
    for (const struct dhcp_network *served = dhcp->first; served; served = served->next) {
        source->network = served->network;
        source->from = dhcp_port_find(served, request.ifr_name);
        if (source->from)
            return true;
    }
    return false;
}

/* One message of the log; the frame in it is hostile, as all are. */
static void dhcp_handle_message(const struct dhcp *dhcp, const uint8_t *message, size_t length, uint64_t now_usec)
{
    struct dhcp_source source = {.now_usec = now_usec};
    struct nflog_frame frame;
    struct udp4 packet;

    if (nflog_parse(message, length, &frame) < 0)
        return;
    if (udp4_parse_datagram(frame.payload, frame.payload_len, &packet) < 0 ||
        packet.destination_port != DHCP_SERVER_PORT)
        return;
    source.device = frame.device;
    if (dhcp_find_source(dhcp, &source))
        dhcp_handle_request(dhcp, &source, &packet);
}

static void dhcp_handle(int fd, uint32_t events, void *data)
{
    const struct dhcp *dhcp = data;
    struct mmsghdr messages[DHCP_BATCH] = {0};
    struct sockaddr_nl senders[DHCP_BATCH] = {0};
    struct iovec vectors[DHCP_BATCH];
    uint64_t now_usec = loop_now_usec();
    int count;

    (void)events;
    for (size_t i = 0; i < DHCP_BATCH; i++) {
        vectors[i] = (struct iovec){.iov_base = batch_messages[i], .iov_len = DHCP_MESSAGE_MAX};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &senders[i], .msg_namelen = sizeof(senders[i]), .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    count = recvmmsg(fd, messages, DHCP_BATCH, MSG_DONTWAIT, NULL); /* an error (overrun) is over once it is read */
    for (int i = 0; i < count; i++) {
        if (!(messages[i].msg_hdr.msg_flags & MSG_TRUNC) && senders[i].nl_pid == 0) /* the kernel's, and whole */
            dhcp_handle_message(dhcp, batch_messages[i], messages[i].msg_len, now_usec);
    }
}

/* Memory is short: tried again a little later. */
static void dhcp_watch(void *data)
{
    struct dhcp *dhcp = data;

    if (loop_watch(dhcp->loop, dhcp->log_fd, EPOLLIN, dhcp_handle, dhcp, &dhcp->source) < 0)
        loop_timer_arm(dhcp->loop, &dhcp->settle, loop_now_usec() + DHCP_SETTLE_USEC, dhcp_watch, dhcp);
}

static void dhcp_settle(struct dhcp *dhcp)
{
    if (dhcp->log_fd >= 0 && !dhcp->source)
        loop_timer_arm(dhcp->loop, &dhcp->settle, loop_now_usec() + DHCP_SETTLE_USEC, dhcp_watch, dhcp);
}

int dhcp_add(struct dhcp *dhcp, const struct model_network *network, struct dhcp_network **ret)
{
    struct dhcp_network *served _cleanup_free_ = calloc(1, sizeof(*served));
    int r;

    if (!served)
        return -ENOMEM;
    served->dhcp = dhcp;
    r = dhcp_update(served, network);
    if (r < 0)
        return r;
    served->next = dhcp->first;
    dhcp->first = served;
    dhcp_settle(dhcp);
    *ret = take_pointer(served);
    return 0;
}

void dhcp_remove(struct dhcp_network *served)
{
    struct dhcp_network **link;

    if (!served)
        return;
    for (link = &served->dhcp->first; *link != served;)
        link = &(*link)->next;
    *link = served->next;
    free(served->ports);
    free(served);
}

static void dhcp_close_sockets(struct dhcp *dhcp)
{
    loop_unwatch(dhcp->loop, dhcp->source);
    loop_timer_disarm(dhcp->loop, &dhcp->settle);
    dhcp->source = NULL;
    if (dhcp->log_fd >= 0)
        close(dhcp->log_fd);
    if (dhcp->reply_fd >= 0)
        close(dhcp->reply_fd);
}

void dhcp_set_sockets(struct dhcp *dhcp, int log_fd, int reply_fd)
{
    dhcp_close_sockets(dhcp);
    dhcp->log_fd = log_fd;
    dhcp->reply_fd = reply_fd;
    if (dhcp->first)
        dhcp_settle(dhcp);
}

bool dhcp_get_sockets(const struct dhcp *dhcp, int *ret_log_fd, int *ret_reply_fd)
{
    if (dhcp->log_fd < 0)
        return false;
    *ret_log_fd = dhcp->log_fd;
    *ret_reply_fd = dhcp->reply_fd;
    return true;
}

int dhcp_new(struct loop *loop, struct dhcp **ret)
{
    struct dhcp *dhcp = calloc(1, sizeof(*dhcp));

    if (!dhcp)
        return -ENOMEM;
    dhcp->loop = loop;
    dhcp->log_fd = dhcp->reply_fd = -1;
    *ret = dhcp;
    return 0;
}

void dhcp_free(struct dhcp *dhcp)
{
    if (!dhcp)
        return;
    dhcp_close_sockets(dhcp);
    free(dhcp);
}
