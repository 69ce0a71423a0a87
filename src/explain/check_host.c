/* SPDX-License-Identifier: MIT */
/* Checks of the host itself: where TUN and TAP devices come from, who holds the ports of DHCP and DNS. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

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
