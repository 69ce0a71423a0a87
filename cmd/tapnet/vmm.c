/* SPDX-License-Identifier: MIT */
/* How virtual machine monitors are told of a port: each in its own words. */
#include "vmm.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

/*
 * How it works: all of them open a persistent TAP by its name, with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR, and say then
 * that the vnet header has 12 bytes; that is all that a TAP's owner may do, and for what changes the interface (MAC,
 * MTU, up) CAP_NET_ADMIN is needed, which they had better not have. So nothing is printed here that would make one of
 * them try: no MTU for cloud-hypervisor, which reads the TAP's own when it is told none. What is printed has no
 * character that a shell or their own parsers would take for anything else: a device's name has letters, digits and
 * "-_.+@" only.
 *
 *                    | by name       | by descriptor | several queues
 *   firecracker      | host_dev_name | -             | -
 *   cloud-hypervisor | tap=          | fd=           | num_queues=, two for each, on a TAP that was made for several
 *   crosvm           | tap-name=     | tap-fd=       | - (for each it brings the device up: CAP_NET_ADMIN)
 *   qemu             | ifname=       | fd=, fds=     | queues=
 *
 * (firecracker: src/vmm/src/devices/virtio/net/tap.rs; cloud-hypervisor: net_util/src/open_tap.rs, tap.rs; crosvm:
 * net_util/src/sys/linux/tap.rs, devices/src/virtio/net.rs; QEMU: net/tap.c, qapi/net.json.)
 */

/* The body of PUT /network-interfaces/eth0, or an element of "network-interfaces" in a file for --config-file. */
static bool print_firecracker(FILE *out, const struct tapnet_attached_info *port)
{
    json_t *body = json_pack("{s:s, s:s, s:s}", "iface_id", "eth0", "guest_mac", port->mac, "host_dev_name",
                             port->device);
    bool whole = body && json_dumpf(body, out, 0) == 0;

    json_decref(body);
    return whole;
}

static bool print_cloud_hypervisor(FILE *out, const struct tapnet_attached_info *port)
{
    fprintf(out, "--net tap=%s,mac=%s", port->device, port->mac);
    if (port->queues > 1)
        fprintf(out, ",num_queues=%u", 2 * port->queues);
    return true;
}

static bool print_crosvm(FILE *out, const struct tapnet_attached_info *port)
{
    fprintf(out, "--net tap-name=%s,mac=%s", port->device, port->mac);
    return true;
}

/* Two vectors a queue, for what is received and what is sent, and two for the rest (QEMU's own advice). */
void vmm_print_qemu_device(FILE *out, const char *card, const char *mac, size_t queues)
{
    fprintf(out, "%s,netdev=tapnet,mac=%s", card, mac);
    if (queues > 1)
        fputs(",mq=on", out);
    if (queues > 1 && strcmp(card, "virtio-net-pci") == 0)
        fprintf(out, ",vectors=%zu", 2 * queues + 2);
}

/* With vhost where we may use it. */
static bool print_qemu(FILE *out, const struct tapnet_attached_info *port)
{
    fprintf(out, "-netdev tap,id=tapnet,ifname=%s,script=no,downscript=no", port->device);
    if (port->queues > 1)
        fprintf(out, ",queues=%u", port->queues);
    if (access("/dev/vhost-net", R_OK | W_OK) == 0)
        fputs(",vhost=on", out);
    fputs(" -device ", out);
    vmm_print_qemu_device(out, "virtio-net-pci", port->mac, port->queues);
    return true;
}

static const struct vmm vmms[] = {
    {"firecracker", 1, print_firecracker},
    {"cloud-hypervisor", TAPNET_DEVICE_QUEUES_MAX, print_cloud_hypervisor},
    {"crosvm", 1, print_crosvm},
    {"qemu", TAPNET_DEVICE_QUEUES_MAX, print_qemu},
};

const struct vmm *vmm_find(const char *command, const char *name)
{
    for (size_t i = 0; i < sizeof(vmms) / sizeof(vmms[0]); i++)
        if (strcmp(vmms[i].name, name) == 0)
            return &vmms[i];
    fprintf(stderr, "tapnet %s: --for %s is none of", command, name);
    for (size_t i = 0; i < sizeof(vmms) / sizeof(vmms[0]); i++)
        fprintf(stderr, "%s %s", i ? "," : "", vmms[i].name);
    fputc('\n', stderr);
    return NULL;
}
