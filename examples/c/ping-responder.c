/* SPDX-License-Identifier: MIT */
/*
 * Answers pings to every address behind a TUN. As root:
 *
 *     ./ping-responder 192.168.3.11/24 &
 *     ping -c 4 192.168.3.12
 *
 * cc -o ping-responder ping-responder.c $(pkg-config --cflags --libs tapnet)
 */
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tapnet/device.h>

/* Makes the reply of an echo request of @length bytes in @packet, in place. 0 when it is something else. */
static int make_reply(unsigned char *packet, size_t length)
{
    struct iphdr *ip = (struct iphdr *)packet;
    struct icmphdr *icmp;
    unsigned sum, address;

    if (length < sizeof(*ip) || ip->version != 4 || ip->ihl < 5 || ip->protocol != IPPROTO_ICMP ||
        length < ip->ihl * 4u + sizeof(*icmp))
        return 0;
    icmp = (struct icmphdr *)(packet + ip->ihl * 4u);
    if (icmp->type != ICMP_ECHO)
        return 0;
    address = ip->saddr; /* swapped addresses leave the header's checksum as it is */
    ip->saddr = ip->daddr;
    ip->daddr = address;
    icmp->type = ICMP_ECHOREPLY;
    sum = icmp->checksum + htons(ICMP_ECHO << 8); /* RFC 1624: what the sum has lost goes back into it */
    icmp->checksum = (unsigned short)(sum + (sum >> 16));
    return 1;
}

int main(int count, char **words)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    const char *const addresses[] = {count > 1 ? words[1] : "192.168.3.11/24"};
    const struct tapnet_device_change change = {.addresses = addresses, .address_count = 1};
    struct tapnet_device_options options = TAPNET_DEVICE_OPTIONS_INIT;
    struct tapnet_device *device;
    unsigned char packet[65536];
    ssize_t length;

    options.kind = TAPNET_TUN;
    options.flags = TAPNET_DEVICE_UP;
    options.change = &change;
    if (tapnet_device_open(&options, &device, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    printf("answering on %s\n", tapnet_device_name(device));
    fflush(stdout);
    while ((length = read(tapnet_device_fd(device, 0), packet, sizeof(packet))) > 0)
        if (make_reply(packet, (size_t)length) && write(tapnet_device_fd(device, 0), packet, (size_t)length) < 0)
            perror("write");
    tapnet_device_close(device);
    return 0;
}
