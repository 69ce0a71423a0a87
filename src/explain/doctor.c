/* SPDX-License-Identifier: MIT */
/* The table of checks, and how they are made. */
#include "explain/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

#define PROBLEM "problem"
#define WARNING "warning"
#define NOTE "note"

/* In the order in which findings of one severity are shown. */
static const struct doctor_check checks[] = {
    {"tun-missing", PROBLEM, "no TUN or TAP can be made: no port of a network, no device",
     "modprobe tun && mkdir -p /dev/net && { test -e /dev/net/tun || mknod -m 0666 /dev/net/tun c 10 200; }",
     doctor_check_tun_missing},
    {"tun-closed", WARNING, "users other than root can't open the ports that belong to them", "chmod 0666 /dev/net/tun",
     doctor_check_tun_closed},
    {"forwarding-off", PROBLEM, "guests reach each other and the gateway, and nothing beyond it", "",
     doctor_check_forwarding},
    {"forward-dropped", PROBLEM, "guests get no answer from outside, though all else is right", "",
     doctor_check_forward_dropped, ""},
    {"input-dropped", PROBLEM, "guests find no names: their questions to tapnet's DNS do not arrive", "",
     doctor_check_input_dropped, ""},
    {"bridge-filtered", PROBLEM, "guests of one network do not reach each other",
     "sysctl -w net.bridge.bridge-nf-call-iptables=0", doctor_check_bridge_filtered,
     "br_netfilter is on (net.bridge.bridge-nf-call-iptables): "},
    {"kvm-missing", NOTE, "guests run by emulation, many times slower", "", doctor_check_kvm},
    {"kvm-closed", NOTE, "that user's guests run by emulation, many times slower", "", doctor_check_kvm_closed},
    {"vhost-missing", NOTE, "QEMU's vhost=on does not work: its guests' packets go by way of QEMU",
     "modprobe vhost_net", doctor_check_vhost},
    {"table-taken", PROBLEM, "no network can be brought up", "", doctor_check_foreign_table},
    {"log-taken", PROBLEM, "tapnet's service can't hear requests of DHCP: no network with a service can be brought up",
     "", doctor_check_log},
    {"uplink-missing", PROBLEM, "guests reach nothing outside", "", doctor_check_uplink},
    {"guards-touched", PROBLEM, "guests are less well kept apart, or less well served, than they should be", "",
     doctor_check_guards},
    {"service-down", PROBLEM, "guests get no address by DHCP, and no names by DNS", "", doctor_check_service},
    {"not-as-made", PROBLEM, "what needs it does not work as its file says", "", doctor_check_others},
    {"unguarded", WARNING, "who is behind it may use any MAC and address, also those of the guests and of the gateway",
     "", doctor_check_strangers},
    {"two-iptables", WARNING, "each of the two programs shows its own half, and a packet must pass both",
     "iptables-legacy-save", doctor_check_two_iptables},
    {"resolver-dead", WARNING, "guests find no names outside", "", doctor_check_resolver},
    {"mtu-smaller", NOTE, "larger packets of guests come back with a message that says so; TCP is told in advance", "",
     doctor_check_mtu},
    {"managers", WARNING, "it may take tapnet's devices for its own: addresses and bridges may go", "",
     doctor_check_managers},
    {"leftover-set", WARNING, "nothing looks after it: what is taken away of it stays away", "",
     doctor_check_leftover_sets},
    {"leftover-device", NOTE, "none, but for its name and a line in each list", "", doctor_check_leftover_devices},
    {"connections-full", WARNING, "what guests and the host begin is dropped once it is full", "",
     doctor_check_connections},
    {"bridge-full", WARNING, "soon no port more can be added to the network", "", doctor_check_bridge_ports},
    {"subnet-collides", PROBLEM, "the host sends packets for the one to the other", "", doctor_check_subnets},
    {"port-held", NOTE, "none for guests: tapnet's service has ports of its own, and guests' questions are led there",
     "", doctor_check_ports_held},
};

size_t doctor_check_count(void)
{
    return ARRAY_COUNT(checks);
}

void doctor_fini(struct doctor *doctor)
{
    explain_host_fini(&doctor->host);
    free(doctor->listeners);
    free(doctor->findings);
    arena_fini(&doctor->arena);
    *doctor = (struct doctor){.finding_count = 0};
}

const char *doctor_print(struct doctor *doctor, const char *format, ...)
{
    va_list arguments;
    const char *text;

    va_start(arguments, format);
    text = explain_print(&doctor->arena, format, arguments);
    va_end(arguments);
    return text;
}

int doctor_add(struct doctor *doctor, const struct doctor_check *check, const char *command, const char *evidence)
{
    int result = array_reserve((void **)&doctor->findings, &doctor->finding_capacity, doctor->finding_count, 1,
                               sizeof(*doctor->findings));

    if (result < 0 || !evidence)
        return -ENOMEM;
    doctor->findings[doctor->finding_count++] = (struct tapnet_finding){
        .name = check->name,
        .severity = check->severity,
        .evidence = evidence,
        .consequence = check->consequence,
        .command = command ? command : check->command,
    };
    return 0;
}

/* ---- what the checks look at ---- */

static int add_listener(const struct netlink_listener *listener, void *data)
{
    struct doctor *doctor = data;
    int result = array_reserve((void **)&doctor->listeners, &doctor->listener_capacity, doctor->listener_count, 1,
                               sizeof(*doctor->listeners));

    if (result == 0)
        doctor->listeners[doctor->listener_count++] = *listener;
    return result;
}

/* ---- all of it ---- */

static int rank(const struct tapnet_finding *finding)
{
    return strcmp(finding->severity, PROBLEM) == 0 ? 0 : strcmp(finding->severity, WARNING) == 0 ? 1 : 2;
}

/* Findings of one severity stay in the order of the table: an insertion sort is stable, and there are few. */
static void sort_findings(struct doctor *doctor)
{
    for (size_t i = 1; i < doctor->finding_count; i++) {
        struct tapnet_finding finding = doctor->findings[i];
        size_t at = i;

        for (; at > 0 && rank(&doctor->findings[at - 1]) > rank(&finding); at--)
            doctor->findings[at] = doctor->findings[at - 1];
        doctor->findings[at] = finding;
    }
}

int doctor_examine(const struct observe_found *found, const struct doctor_problem *problems, size_t problem_count,
                   struct doctor *ret, struct tapnet_error *error)
{
    struct doctor doctor cleanup(doctor_fini) = {.problems = problems, .problem_count = problem_count};
    int result = explain_host_read(found, &doctor.host, error);

    if (result == 0)
        result = netlink_listener_dump(add_listener, &doctor, error);
    if (result < 0)
        return result;
    for (size_t i = 0; i < ARRAY_COUNT(checks); i++)
        if (checks[i].look(&doctor, &checks[i]) < 0)
            return error_set(error, -ENOMEM, "out of memory");
    sort_findings(&doctor);
    doctor.problems = NULL; /* the caller's, and told */
    doctor.problem_count = 0;
    *ret = doctor;
    doctor = (struct doctor){.finding_count = 0};
    return 0;
}
