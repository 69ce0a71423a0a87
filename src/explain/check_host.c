/* SPDX-License-Identifier: MIT */
/* Checks of the host itself: where TUN and TAP devices come from, who holds the ports of DHCP and DNS. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "explain/doctor.h"
#include "observe/program.h"

#define TUN "/dev/net/tun"

int doctor_check_tun_missing(struct doctor *doctor, const struct doctor_check *check)
{
    _cleanup_close_ int fd = open(TUN, O_RDWR | O_CLOEXEC);

    if (fd >= 0)
        return 0;
    if (errno == EACCES || errno == EPERM)
        return doctor_add(doctor, check, "chmod 0666 " TUN,
                          doctor_print(doctor, TUN " can't be opened: %s", strerrordesc_np(errno)));
    return doctor_add(doctor, check, NULL,
                      doctor_print(doctor, TUN " %s: %s", errno == ENOENT ? "is not there" : "can't be opened",
                                   strerrordesc_np(errno)));
}

/* A port or a device of ours that belongs to another user than root; NULL: there is none. */
static const struct model_link *find_users_device(const struct doctor *doctor)
{
    const struct model_objects *objects = &doctor->host.found->objects;

    for (size_t i = 0; i < objects->count; i++) {
        const struct model_link *link = &objects->items[i].link;

        if (objects->items[i].kind == MODEL_OBJECT_LINK && link->kind != MODEL_LINK_BRIDGE && link->user != 0 &&
            link->user != MODEL_ID_NONE)
            return link;
    }
    return NULL;
}

/* The kernel asks for no right of its own when a device is opened that belongs to the user: the node's mode counts. */
int doctor_check_tun_closed(struct doctor *doctor, const struct doctor_check *check)
{
    const struct model_link *link = find_users_device(doctor);
    struct stat node;

    if (!link || stat(TUN, &node) < 0 || (node.st_mode & 0006) == 0006)
        return 0;
    return doctor_add(doctor, check, NULL,
                      doctor_print(doctor, "%s belongs to user %u, and " TUN " has the mode %04o", link->name,
                                   link->user, (unsigned)node.st_mode & 07777));
}

/* ---- who holds 53 and 67 ---- */

static const struct held_port {
    uint8_t protocol;
    uint16_t port;
    const char *text;
} held_ports[] = {
    {IPPROTO_UDP, 53, "UDP port 53 (DNS)"},
    {IPPROTO_TCP, 53, "TCP port 53 (DNS)"},
    {IPPROTO_UDP, 67, "UDP port 67 (DHCP)"},
};

static int tell_listener(struct doctor *doctor, const struct doctor_check *check, const struct held_port *held,
                         const struct netlink_listener *listener)
{
    char program[OBSERVE_PROGRAM_MAX], address[IP_TEXT_MAX] = "any address";

    if (!observe_program(listener->inode, program))
        strcpy(program, "a program of the host");
    if (listener->address.family)
        ip_address_print(&listener->address, address);
    return doctor_add(doctor, check, NULL, doctor_print(doctor, "%s holds %s at %s", program, held->text, address));
}

int doctor_check_ports_held(struct doctor *doctor, const struct doctor_check *check)
{
    int result = 0;

    for (size_t p = 0; p < ARRAY_COUNT(held_ports); p++)
        for (size_t i = 0; i < doctor->listener_count && result == 0; i++)
            if (doctor->listeners[i].protocol == held_ports[p].protocol &&
                doctor->listeners[i].port == held_ports[p].port)
                result = tell_listener(doctor, check, &held_ports[p], &doctor->listeners[i]);
    return result;
}
