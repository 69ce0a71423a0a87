/* SPDX-License-Identifier: MIT */
/* What on the host is missing for guests, or in their way: checks, one function and one row each. */
#ifndef EXPLAIN_DOCTOR_H
#define EXPLAIN_DOCTOR_H

#include <tapnet/doctor.h>

#include "base/arena.h"
#include "base/error.h"
#include "explain/host.h"
#include "netlink/listener.h"

struct doctor_check;

/* What `status` says: something of a set is not as it was brought up. */
struct doctor_problem {
    const char *text, *set;      /* set "": of no single one */
    enum model_object_kind kind; /* of what; MODEL_OBJECT_RECORD where it is nothing of the kernel's */
};

/* What the checks look at, read once, and what they found. */
struct doctor {
    struct explain_host host;
    const struct doctor_problem *problems;
    size_t problem_count;
    struct netlink_listener *listeners;
    size_t listener_count, listener_capacity;
    struct tapnet_finding *findings; /* texts are the arena's, or constants */
    size_t finding_count, finding_capacity;
    struct arena arena;
};

/*
 * Reads the host and makes every check; each of @problems is told, too. @found must live as long as @ret, which the
 * caller ends with doctor_fini(). -ENOMEM, and what the kernel refuses.
 */
int doctor_examine(const struct observe_found *found, const struct doctor_problem *problems, size_t problem_count,
                   struct doctor *ret, struct tapnet_error *error);
void doctor_fini(struct doctor *doctor);
/* How many checks there are. */
size_t doctor_check_count(void);

/* ---- for the checks ---- */

/* Looks, and adds findings for @check. 0 or -ENOMEM: what can't be seen is no finding. */
typedef int doctor_look(struct doctor *doctor, const struct doctor_check *check);

struct doctor_check {
    const char *name, *severity;
    const char *consequence;
    const char *command; /* that mends it, unless the look has a better one; "" */
    doctor_look *look;
    const char *prefix; /* of its evidence */
};

/* Adds a finding: @command NULL is the row's. Texts are made with doctor_print(). NULL evidence: no memory. */
int doctor_add(struct doctor *doctor, const struct doctor_check *check, const char *command, const char *evidence);
/* A text of the arena's; NULL when memory is short. */
__attribute__((format(printf, 2, 3))) const char *doctor_print(struct doctor *doctor, const char *format, ...);

/* "tapnet up FILE" of the set. NULL: no memory. */
const char *doctor_up_command(struct doctor *doctor, const char *set);
/* Is it there, and nobody knows any more what it should be? */
bool doctor_is_leftover(const struct doctor *doctor, const char *set);

/* ---- check_*.c ---- */

doctor_look doctor_check_tun_missing, doctor_check_tun_closed, doctor_check_ports_held;
doctor_look doctor_check_connections, doctor_check_bridge_ports;
doctor_look doctor_check_kvm, doctor_check_kvm_closed, doctor_check_vhost, doctor_check_foreign_table, doctor_check_log,
    doctor_check_two_iptables;
doctor_look doctor_check_resolver, doctor_check_managers, doctor_check_leftover_devices, doctor_check_leftover_sets;
doctor_look doctor_check_uplink, doctor_check_mtu, doctor_check_forwarding, doctor_check_subnets;
doctor_look doctor_check_guards, doctor_check_service, doctor_check_others, doctor_check_strangers;
doctor_look doctor_check_input_dropped, doctor_check_forward_dropped, doctor_check_bridge_filtered;

#endif
