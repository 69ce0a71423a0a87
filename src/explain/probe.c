/* SPDX-License-Identifier: MIT */
/* One packet, sent into a guest's device by the descriptor of whoever holds it, as if the guest had sent it. */
#include "explain/probe.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tapnet/packet.h>

#include "base/cleanup.h"

#define ICMP_ECHO 8
#define TTL 64
#define HEADERS_MAX 64 /* struct tun_pi and a vnet header of any size that there is */
#define WINDOW 1024

static bool is_ip6(const struct probe *probe)
{
    return probe->source.family == AF_INET6;
}

/* The layer behind IP; how long it is. */
static int build_transport(const struct probe *probe, uint8_t *bytes, size_t room)
{
    const struct tapnet_icmp icmp = {
        .type = is_ip6(probe) ? ICMP6_ECHO_REQUEST : ICMP_ECHO, .id = probe->id, .sequence = 1};
    const struct tapnet_udp udp = {.source_port = probe->id, .destination_port = probe->port};
    const struct tapnet_tcp tcp = {
        .source_port = probe->id, .destination_port = probe->port, .flags = TAPNET_TCP_SYN, .window = WINDOW};
    size_t len = probe->protocol == IPPROTO_TCP ? TAPNET_TCP_LEN : TAPNET_UDP_LEN; /* that of ICMP is UDP's */
    uint32_t pseudo = tapnet_checksum_pseudo(probe->source.bytes, probe->destination.bytes,
                                             ip_family_size(probe->source.family), probe->protocol, (uint32_t)len);

    if (probe->protocol == IPPROTO_TCP)
        return tapnet_tcp_build(bytes, room, &tcp, 0, pseudo);
    if (probe->protocol == IPPROTO_UDP)
        return tapnet_udp_build(bytes, room, &udp, 0, pseudo);
    return tapnet_icmp_build(bytes, room, &icmp, 0, is_ip6(probe) ? pseudo : 0);
}

/* The header before @len bytes of the layer behind it. */
static int build_network(const struct probe *probe, uint8_t *bytes, int len)
{
    struct tapnet_ipv6 ip6 = {.next_header = probe->protocol, .hop_limit = TTL, .payload_len = (uint16_t)len};
    struct tapnet_ipv4 ip4 = {.ttl = TTL, .protocol = probe->protocol, .total_len = (uint16_t)(TAPNET_IPV4_LEN + len)};

    if (is_ip6(probe)) {
        memcpy(ip6.source, probe->source.bytes, sizeof(ip6.source));
        memcpy(ip6.destination, probe->destination.bytes, sizeof(ip6.destination));
        return tapnet_ipv6_build(bytes, TAPNET_IPV6_LEN, &ip6);
    }
    memcpy(ip4.source, probe->source.bytes, sizeof(ip4.source));
    memcpy(ip4.destination, probe->destination.bytes, sizeof(ip4.destination));
    return tapnet_ipv4_build(bytes, TAPNET_IPV4_LEN, &ip4);
}

/* Returns the frame's length, or a negative errno. */
static int build_frame(const struct probe *probe, uint8_t *bytes, size_t room)
{
    struct tapnet_ethernet ethernet = {.type = is_ip6(probe) ? ETH_P_IPV6 : ETH_P_IP};
    const size_t before = TAPNET_ETHERNET_LEN + (is_ip6(probe) ? TAPNET_IPV6_LEN : TAPNET_IPV4_LEN);
    int len = build_transport(probe, bytes + before, room - before), result;

    if (len < 0)
        return len;
    memcpy(ethernet.source, probe->source_mac.bytes, ETH_ALEN);
    memcpy(ethernet.destination, probe->destination_mac.bytes, ETH_ALEN);
    result = tapnet_ethernet_build(bytes, TAPNET_ETHERNET_LEN, &ethernet);
    if (result >= 0)
        result = build_network(probe, bytes + TAPNET_ETHERNET_LEN, len);
    return result < 0 ? result : (int)before + len;
}

/* What stands before each frame at this descriptor; all of it may be zeros. Its length, or a negative errno. */
static int headers_len(int fd)
{
    struct ifreq request;
    int vnet_len = 0;

    memset(&request, 0, sizeof(request));
    if (ioctl(fd, TUNGETIFF, &request) < 0)
        return -errno;
    if ((request.ifr_flags & IFF_VNET_HDR) && ioctl(fd, TUNGETVNETHDRSZ, &vnet_len) < 0)
        return -errno;
    return vnet_len + (request.ifr_flags & IFF_NO_PI ? 0 : (int)sizeof(struct tun_pi));
}

int probe_send(const struct probe *probe, const struct device_holder *holder, struct tapnet_error *error)
{
    _cleanup_close_ int fd = device_holder_borrow(holder);
    uint8_t bytes[HEADERS_MAX + 128] = {0};
    int before = fd < 0 ? fd : headers_len(fd), len;

    if (before < 0)
        return error_set_errno(error, before, "cannot send by the descriptor that %s (%d) has of %s", holder->command,
                               holder->pid, holder->device);
    if (before > HEADERS_MAX)
        return error_set(error, -EOPNOTSUPP, "%s has headers of %d bytes", holder->device, before);
    len = build_frame(probe, bytes + before, sizeof(bytes) - (size_t)before);
    if (len >= 0 && write(fd, bytes, (size_t)before + (size_t)len) < 0)
        len = -errno;
    return len < 0 ? error_set_errno(error, len, "cannot send into %s", holder->device) : 0;
}
