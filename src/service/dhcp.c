/* SPDX-License-Identifier: MIT */
/* DHCP of both families and router advertisements for all networks: hears by netfilter's log, answers the port. */
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
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "packet/frame6.h"
#include "packet/udp4.h"
#include "service/advertise.h"
#include "service/dhcp6_answer.h"
#include "service/dhcp_answer.h"
#include "service/log.h"
#include "service/neighbour.h"
#include "service/nflog.h"

/*
 * How it works: the rules of the bridge table log each DHCP request, and each question who the router is, to the one
 * socket that hears for all networks (control.h). The message says which device it came in by; the device's name says
 * which port that is, and nothing of the frame does. The reply goes out by the very same device. One that was made anew
 * under its old name since is another device: the request is forgotten, and the guest asks again.
 *
 * Frames may stand in the socket's queue from before: the keeper hands it from a service that was killed to the next.
 * So it is read only when no network has been added for DHCP_SETTLE_USEC: all whose guests may have asked are there.
 *
 * Advertisements that nobody asked for go to all ports at once, by the bridge: three in the first minute of a network,
 * then one every few minutes. In a routed network each port has its own, some at a time.
 *
 * Frames come in batches, one batch a wake-up, so that DNS gets its turn. Nothing is allocated per packet. How much one
 * port may ask is the rules' business.
 */

#define DHCP_BATCH 8
#define DHCP_SETTLE_USEC 5000
#define DHCP_MESSAGE_MAX 4096     /* GUARD_LOG_BYTES_MAX and what the log says beside them, some 200 bytes */
#define ADVERTISE_BATCH 64        /* guests of a routed network that are told at once, ... */
#define ADVERTISE_REST_USEC 20000 /* ... before the next ones are */
#define LOG_PORT_RATE 2           /* lines a second about one port */
#define LOG_PORT_BURST 20
#define LOG_TEXT_MAX 100 /* of a guest's text, escaped */

struct dhcp_port {
    const struct model_port *port;
    struct bucket lines;
    uint64_t leased_msec[2]; /* as in struct dhcp_lease */
};

struct dhcp_network {
    struct dhcp *dhcp;
    const struct model_network *network;
    struct dhcp_port *ports; /* sorted by their devices' names */
    size_t port_count;
    const struct model_port *base; /* the network's array, into which these point */
    struct loop_timer advertise;
    size_t advertise_next; /* the port that the round goes on with; 0: it has not begun */
    unsigned advertised;   /* how often since it was served, as far as that matters */
    struct dhcp_network *next;
};

struct dhcp {
    struct loop *loop;
    struct loop_source *source; /* NULL: the log is not read yet */
    struct loop_timer settle;
    int log_fd, reply_fd; /* -1: none yet */
    struct dhcp_network *first;
    void (*lease_told)(void *data); /* NULL: nobody wants to know */
    void *lease_data;
};

/* A request, and whose it is. */
struct dhcp_source {
    const struct model_network *network;
    struct dhcp_port *from;
    unsigned device;
    uint64_t now_usec;
};

static uint8_t batch_messages[DHCP_BATCH][DHCP_MESSAGE_MAX];
static uint8_t reply_frame[DHCP_FRAME_MAX]; /* the longest of all kinds */

_Static_assert(DHCP_FRAME_MAX >= ADVERTISE_FRAME_MAX && DHCP_FRAME_MAX >= DHCP6_FRAME_MAX, "room for every reply");

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
static int dhcp_send(const struct dhcp *dhcp, unsigned device, uint16_t protocol, size_t length)
{
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(protocol),
        .sll_ifindex = (int)device,
        .sll_halen = ETH_ALEN,
    };

    memcpy(to.sll_addr, reply_frame, ETH_ALEN);
    if (sendto(dhcp->reply_fd, reply_frame, length, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0)
        return -errno;
    return 0;
}

/* The guest has got a lease of IPv4, or of IPv6. */
static void dhcp_note_lease(const struct dhcp *dhcp, const struct dhcp_source *source, bool six)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    source->from->leased_msec[six] = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    if (dhcp->lease_told)
        dhcp->lease_told(dhcp->lease_data);
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
    r = dhcp_send(dhcp, source->device, ETH_P_IP, answer.frame_len);
    if (r < 0)
        dhcp_log(source, strerrordesc_np(-r), NULL);
    else if (answer.type == DHCP_ACK && request.type == DHCP_REQUEST)
        dhcp_note_lease(dhcp, source, false);
}

/* ---- IPv6 ---- */

/* Does @answer give the address for a time? Other replies are about what the guest has, or wants to know. */
static bool dhcp6_is_lease(const struct dhcp6_request *request, const struct dhcp6_answer *answer)
{
    return answer->type == DHCP6_REPLY && request->address_count &&
           (request->type == DHCP6_SOLICIT || request->type == DHCP6_REQUEST || request->type == DHCP6_RENEW ||
            request->type == DHCP6_REBIND);
}

static void dhcp6_handle_request(const struct dhcp *dhcp, const struct dhcp_source *source, const struct frame6 *packet)
{
    const struct model_port *port = source->from->port;
    struct dhcp6_request request;
    struct dhcp6_answer answer = {.event = "malformed message dropped"};
    char address[IP_TEXT_MAX], mac[MAC_TEXT_MAX], id[LOG_TEXT_MAX];
    int r = 0;

    if (dhcp6_request_parse(packet->payload, packet->payload_len, &request) == 0)
        answer = dhcp6_answer(source->network, port, packet, &request, reply_frame);
    else
        request.client_id = (struct dhcp6_text){NULL, 0};
    if (answer.frame_len)
        r = dhcp_send(dhcp, source->device, ETH_P_IPV6, answer.frame_len);
    if (r == 0 && answer.frame_len && dhcp6_is_lease(&request, &answer))
        dhcp_note_lease(dhcp, source, true);
    if (!bucket_take(&source->from->lines, source->now_usec, LOG_PORT_RATE, LOG_PORT_BURST))
        return;
    log_line("dhcp6 %s/%s: %s: %s, MAC %s, client \"%s\"", source->network->name, port->name,
             r < 0 ? strerrordesc_np(-r) : answer.event, ip_address_print(&port->address6, address),
             mac_print(&packet->source_mac, mac),
             log_escape(request.client_id.bytes, request.client_id.length, id, sizeof(id)));
}

/* One IPv6 packet from a guest, which asks for its router, for its address, or for a neighbour. */
static void dhcp6_handle_packet(const struct dhcp *dhcp, const struct dhcp_source *source, struct frame6 *packet)
{
    const struct model_port *port = source->from->port;
    size_t length;

    if (!port->address6.family)
        return;
    if (memcmp(packet->source, port->address6.bytes, sizeof(packet->source)) == 0) /* the answer passes no rules */
        memcpy(packet->source, model_port_inside6(source->network, port)->bytes, sizeof(packet->source));
    if (mac_is_zero(&packet->source_mac)) /* the kernel does not say: it passed the guards */
        packet->source_mac = port->guest_mac;
    if (packet->protocol == IPPROTO_UDP) {
        if (packet->destination_port == DHCP6_SERVER_PORT)
            dhcp6_handle_request(dhcp, source, packet);
        return;
    }
    length = advertise_is_solicitation(packet) ? advertise_build(source->network, port, packet, false, reply_frame)
                                               : neighbour_answer(source->network, port, packet, reply_frame);
    if (length)
        dhcp_send(dhcp, source->device, ETH_P_IPV6, length);
}

/* Sends what stands in reply_frame out by the device of this name; one that is gone has no guests. */
static void dhcp_send_by(const struct dhcp *dhcp, const char device[MODEL_IFNAME_MAX], size_t length)
{
    struct ifreq request = {.ifr_ifindex = 0};

    memcpy(request.ifr_name, device, MODEL_IFNAME_MAX);
    if (length && dhcp->reply_fd >= 0 && ioctl(dhcp->reply_fd, SIOCGIFINDEX, &request) == 0)
        dhcp_send(dhcp, (unsigned)request.ifr_ifindex, ETH_P_IPV6, length);
}

/*
 * Tells guests of @served: all of them by the bridge, at once, or those of a routed network from port number @first on,
 * each by its own device. Returns the port to go on with; 0: all have been told.
 */
static size_t dhcp_advertise_from(const struct dhcp_network *served, size_t first, size_t count, bool last)
{
    const struct model_network *network = served->network;
    size_t end = served->port_count - first < count ? served->port_count : first + count;

    if (model_network_has_bridge(network)) {
        dhcp_send_by(served->dhcp, network->bridge, advertise_build(network, NULL, NULL, last, reply_frame));
        return 0;
    }
    for (size_t i = first; i < end; i++) {
        const struct model_port *port = served->ports[i].port;

        dhcp_send_by(served->dhcp, port->device, advertise_build(network, port, NULL, last, reply_frame));
    }
    return end < served->port_count ? end : 0;
}

/* RFC 4861, 6.2.4: at random, so that routers that were started together do not stay so. */
static uint64_t dhcp_interval_usec(unsigned advertised)
{
    uint32_t number = 0;

    if (advertised < ADVERTISE_FIRST_COUNT)
        return ADVERTISE_FIRST_USEC;
    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
        number = 0;
    return ADVERTISE_MIN_USEC + (ADVERTISE_MAX_USEC - ADVERTISE_MIN_USEC) * number / UINT32_MAX;
}

static void dhcp_advertise(void *data)
{
    struct dhcp_network *served = data;
    uint64_t wait_usec = ADVERTISE_REST_USEC;

    served->advertise_next = dhcp_advertise_from(served, served->advertise_next, ADVERTISE_BATCH, false);
    if (!served->advertise_next) {
        if (served->advertised < ADVERTISE_FIRST_COUNT)
            served->advertised++;
        wait_usec = dhcp_interval_usec(served->advertised);
    }
    loop_timer_arm(served->dhcp->loop, &served->advertise, loop_now_usec() + wait_usec, dhcp_advertise, served);
}

/* From now on, or with what is new of it. */
static void dhcp_begin_advertising(struct dhcp_network *served)
{
    loop_timer_disarm(served->dhcp->loop, &served->advertise);
    served->advertised = 0;
    served->advertise_next = 0;
    if (served->network->subnet6.address.family)
        dhcp_advertise(served);
}

void dhcp_retire(struct dhcp_network *served)
{
    if (served->network->subnet6.address.family)
        dhcp_advertise_from(served, 0, served->port_count, true);
}

/* ---- what the log says ---- */

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
    struct frame6 packet6;

    if (nflog_parse(message, length, &frame) < 0)
        return;
    source.device = frame.device;
    if (udp4_parse_datagram(frame.payload, frame.payload_len, &packet) == 0) {
        if (packet.destination_port == DHCP_SERVER_PORT && dhcp_find_source(dhcp, &source))
            dhcp_handle_request(dhcp, &source, &packet);
    } else if (frame6_parse_packet(frame.payload, frame.payload_len, &packet6) == 0) {
        packet6.source_mac = frame.source;
        if (dhcp_find_source(dhcp, &source))
            dhcp6_handle_packet(dhcp, &source, &packet6);
    }
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
    if (count > 0)
        loop_catch_up(dhcp->loop);
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
        if (before) { /* an update fills nobody's bucket */
            ports[count] = *before;
            ports[count].port = &network->ports[i];
        }
        count++;
    }
    qsort(ports, count, sizeof(*ports), dhcp_port_compare);
    free(served->ports);
    served->ports = ports;
    served->port_count = count;
    served->network = network;
    served->base = network->ports;
    dhcp_begin_advertising(served);
    return 0;
}

/* Of what routers tell nothing is new, and a guest that comes asks for it. */
int dhcp_plug(struct dhcp_network *served, const struct model_network *network)
{
    const struct model_port *port = &network->ports[network->port_count - 1];
    struct dhcp_port *ports, fresh = {.port = port};
    size_t place;

    if (served->network != network || served->base != network->ports)
        return dhcp_update(served, network);
    if (port->address.family != AF_INET)
        return 0;
    ports = realloc(served->ports, (served->port_count + 1) * sizeof(*ports));
    if (!ports)
        return -ENOMEM;
    for (place = served->port_count++; place > 0 && dhcp_port_compare(&ports[place - 1], &fresh) > 0; place--)
        ports[place] = ports[place - 1];
    ports[place] = fresh;
    served->ports = ports;
    return 0;
}

void dhcp_unplug(struct dhcp_network *served, size_t place)
{
    const struct model_port *ports = served->network->ports;
    struct dhcp_port *last = dhcp_port_find(served, ports[served->network->port_count - 1].device);
    struct dhcp_port *gone = dhcp_port_find(served, ports[place].device);
    size_t index;

    if (last)
        last->port = &ports[place];
    if (!gone)
        return;
    index = (size_t)(gone - served->ports);
    memmove(gone, gone + 1, (--served->port_count - index) * sizeof(*gone));
    served->advertise_next -= index < served->advertise_next;
}

bool dhcp_lease(const struct dhcp_network *served, size_t index, struct dhcp_lease *ret)
{
    const struct dhcp_port *port = &served->ports[index];

    if (index >= served->port_count)
        return false;
    *ret = (struct dhcp_lease){port->port->name, {port->leased_msec[0], port->leased_msec[1]}};
    return true;
}

void dhcp_on_lease(struct dhcp *dhcp, void (*told)(void *data), void *data)
{
    dhcp->lease_told = told;
    dhcp->lease_data = data;
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
    loop_timer_disarm(served->dhcp->loop, &served->advertise);
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
