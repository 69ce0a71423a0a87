/* SPDX-License-Identifier: MIT */
/* DHCPv4 for one network: receives requests from its bridge, sends replies to the ports they came from. */
#include "service/dhcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "packet/bytes.h"
#include "packet/udp4.h"
#include "service/dhcp_answer.h"
#include "service/log.h"

/*
 * How it works: frames come in batches, one batch a wake-up, so that other networks and DNS get their turn. The source
 * address of a frame says which port it came from (control.h); the ports' addresses stand in a sorted table, beside
 * what each port has left of its requests. Nothing is allocated per packet: the buffers below serve all networks, one
 * after another.
 */

#define DHCP_BATCH 8
#define DHCP_REQUEST_MAX 2048 /* of a frame; a DHCP request that fills more is not one */
#define LOG_PORT_RATE 2       /* lines a second about one port */
#define LOG_PORT_BURST 20
#define LOG_TEXT_MAX 100 /* of a guest's text, escaped */

struct dhcp_port {
    uint32_t address; /* host order */
    uint32_t index;   /* in the network's ports */
    struct bucket requests, lines, complaints;
};

struct dhcp {
    struct loop *loop;
    struct loop_source *source;
    int in_fd, out_fd;
    const struct model_network *network;
    struct dhcp_port *ports; /* sorted by address */
    size_t port_count;
};

static uint8_t batch_frames[DHCP_BATCH][DHCP_REQUEST_MAX];
static uint8_t reply_frame[DHCP_FRAME_MAX];

static int dhcp_port_compare(const void *a, const void *b)
{
    const struct dhcp_port *one = a, *other = b;

    return (one->address > other->address) - (one->address < other->address);
}

static struct dhcp_port *dhcp_port_find(const struct dhcp *dhcp, uint32_t address)
{
    struct dhcp_port key = {.address = address};

    if (!dhcp->port_count)
        return NULL;
    return bsearch(&key, dhcp->ports, dhcp->port_count, sizeof(key), dhcp_port_compare);
}

int dhcp_update(struct dhcp *dhcp, const struct model_network *network)
{
    struct dhcp_port *ports = calloc(network->port_count ? network->port_count : 1, sizeof(*ports));
    size_t count = 0;

    if (!ports)
        return -ENOMEM;
    for (size_t i = 0; i < network->port_count; i++) {
        const struct dhcp_port *before;

        if (network->ports[i].address.family != AF_INET)
            continue;
        ports[count] = (struct dhcp_port){.address = ip4_value(&network->ports[i].address), .index = (uint32_t)i};
        before = dhcp_port_find(dhcp, ports[count].address);
        if (before) { /* an update fills nobody's bucket */
            ports[count].requests = before->requests;
            ports[count].lines = before->lines;
            ports[count].complaints = before->complaints;
        }
        count++;
    }
    qsort(ports, count, sizeof(*ports), dhcp_port_compare);
    free(dhcp->ports);
    dhcp->ports = ports;
    dhcp->port_count = count;
    dhcp->network = network;
    return 0;
}

/* One line about what @port did. All that comes from the guest is escaped. */
static void dhcp_log(const struct dhcp *dhcp, struct dhcp_port *from, const char *event,
                     const struct dhcp_request *request, uint64_t now_usec)
{
    const struct model_port *port = &dhcp->network->ports[from->index];
    char address[IP_TEXT_MAX], mac[MAC_TEXT_MAX], hostname[LOG_TEXT_MAX], class[LOG_TEXT_MAX], id[LOG_TEXT_MAX];

    if (!bucket_take(&from->lines, now_usec, LOG_PORT_RATE, LOG_PORT_BURST))
        return;
    if (!request) {
        log_line("dhcp %s/%s: %s", dhcp->network->name, port->name, event);
        return;
    }
    log_line("dhcp %s/%s: %s: %s, MAC %s, hostname \"%s\", class \"%s\", client \"%s\"", dhcp->network->name,
             port->name, event, ip_address_print(&port->address, address), mac_print(&request->chaddr, mac),
             log_escape(request->hostname.bytes, request->hostname.length, hostname, sizeof(hostname)),
             log_escape(request->vendor_class.bytes, request->vendor_class.length, class, sizeof(class)),
             log_escape(request->client_id.bytes, request->client_id.length, id, sizeof(id)));
}

/* One line a second about a port that asks too much, which may have spent its other lines. */
static void dhcp_complain(const struct dhcp *dhcp, struct dhcp_port *from, uint64_t now_usec)
{
    if (bucket_take(&from->complaints, now_usec, 1, 1))
        log_line("dhcp %s/%s: too many requests, dropped", dhcp->network->name, dhcp->network->ports[from->index].name);
}

/* Sends @length bytes of reply_frame into the TAP @device, whose index is looked up now: it may have been made anew. */
static int dhcp_send(const struct dhcp *dhcp, const char *device, size_t length)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = ETH_ALEN};
    struct ifreq request = {0};

    memcpy(request.ifr_name, device, strnlen(device, sizeof(request.ifr_name) - 1));
    if (ioctl(dhcp->out_fd, SIOCGIFINDEX, &request) < 0)
        return -errno;
    to.sll_ifindex = request.ifr_ifindex;
    memcpy(to.sll_addr, reply_frame, ETH_ALEN);
    if (sendto(dhcp->out_fd, reply_frame, length, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0)
        return -errno;
    return 0;
}

static void dhcp_handle_request(const struct dhcp *dhcp, struct dhcp_port *from, const struct udp4 *packet,
                                uint64_t now_usec)
{
    const struct model_port *port = &dhcp->network->ports[from->index];
    struct dhcp_request request;
    struct dhcp_answer answer;
    int r;

    if (dhcp_request_parse(packet->payload, packet->payload_len, &request) < 0) {
        dhcp_log(dhcp, from, "malformed message dropped", NULL, now_usec);
        return;
    }
    answer = dhcp_answer(dhcp->network, port, &request, reply_frame);
    dhcp_log(dhcp, from, answer.event, &request, now_usec);
    if (!answer.frame_len)
        return;
    r = dhcp_send(dhcp, port->device, answer.frame_len);
    if (r < 0)
        dhcp_log(dhcp, from, strerrordesc_np(-r), NULL, now_usec);
}

/* One frame, hostile as all are. */
static void dhcp_handle_frame(const struct dhcp *dhcp, const uint8_t *frame, size_t length, uint64_t now_usec)
{
    struct dhcp_port *from;
    struct udp4 packet;

    if (udp4_parse(frame, length, &packet) < 0 || packet.destination_port != DHCP_SERVER_PORT)
        return;
    from = dhcp_port_find(dhcp, packet.source);
    if (!from)
        return;
    if (!bucket_take(&from->requests, now_usec, DHCP_RATE, DHCP_BURST)) {
        dhcp_complain(dhcp, from, now_usec);
        return;
    }
    dhcp_handle_request(dhcp, from, &packet, now_usec);
}

static void dhcp_handle(int fd, uint32_t events, void *data)
{
    const struct dhcp *dhcp = data;
    struct mmsghdr messages[DHCP_BATCH] = {0};
    struct iovec vectors[DHCP_BATCH];
    uint64_t now_usec = loop_now_usec();
    int count;

    (void)events;
    for (size_t i = 0; i < DHCP_BATCH; i++) {
        vectors[i] = (struct iovec){.iov_base = batch_frames[i], .iov_len = DHCP_REQUEST_MAX};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    count = recvmmsg(fd, messages, DHCP_BATCH, MSG_DONTWAIT, NULL); /* an error (bridge down) is over once it is read */
    for (int i = 0; i < count; i++) {
        if (!(messages[i].msg_hdr.msg_flags & MSG_TRUNC))
            dhcp_handle_frame(dhcp, batch_frames[i], messages[i].msg_len, now_usec);
    }
}

void dhcp_release(struct dhcp *dhcp)
{
    loop_unwatch(dhcp->loop, dhcp->source);
    dhcp->source = NULL;
    dhcp->in_fd = dhcp->out_fd = -1;
}

void dhcp_free(struct dhcp *dhcp)
{
    if (!dhcp)
        return;
    loop_unwatch(dhcp->loop, dhcp->source);
    if (dhcp->in_fd >= 0)
        close(dhcp->in_fd);
    if (dhcp->out_fd >= 0)
        close(dhcp->out_fd);
    free(dhcp->ports);
    free(dhcp);
}

DEFINE_CLEANUP(struct dhcp *, dhcp_free)

int dhcp_new(struct loop *loop, const struct model_network *network, int in_fd, int out_fd, struct dhcp **ret)
{
    struct dhcp *dhcp cleanup(cleanup_dhcp_free) = calloc(1, sizeof(*dhcp));
    int r;

    if (!dhcp)
        return -ENOMEM;
    dhcp->loop = loop;
    dhcp->in_fd = dhcp->out_fd = -1; /* the caller's until all is well */
    r = dhcp_update(dhcp, network);
    if (r < 0)
        return r;
    r = loop_watch(loop, in_fd, EPOLLIN, dhcp_handle, dhcp, &dhcp->source);
    if (r < 0)
        return r;
    dhcp->in_fd = in_fd;
    dhcp->out_fd = out_fd;
    *ret = take_pointer(dhcp);
    return 0;
}
