/* SPDX-License-Identifier: MIT */
/* A connection to the system's message bus: one method call at a time, and its reply. */
#ifndef RESOLVED_BUS_H
#define RESOLVED_BUS_H

#include "base/error.h"
#include "resolved/message.h"

#define BUS_SOCKET "/run/dbus/system_bus_socket"
#define BUS_PATIENCE_USEC 2000000 /* for all that is said on one connection: nobody waits for a bus that hangs */
#define BUS_NAME_MAX 128

struct bus {
    int fd;
    uint32_t serial; /* of the last call */
    uint64_t deadline_usec;
    uint8_t *reply;                /* the last one, whole */
    char error_name[BUS_NAME_MAX]; /* of the last call that failed by the peer's will; "" else */
};

/*
 * Connects and says hello (D-Bus Specification, "Authentication Protocol": EXTERNAL, by the kernel's word for who we
 * are). 0 or negative errno; bus_close() in either case.
 */
int bus_open(struct bus *bus, struct tapnet_error *error);
void bus_close(struct bus *bus);
/* Is there time left for another call? */
bool bus_has_patience(const struct bus *bus);

/* Begins a call; it is completed with dbus_put_...() and made with bus_call(). */
void bus_prepare(struct bus *bus, struct dbus_call *call, const struct dbus_method *method, const char *signature);
/*
 * Makes the call, and returns when it is answered. @ret, which may be NULL, reads the reply's arguments, of which
 * @ret_signature tells the types; both live until the next call. -EREMOTEIO when the peer refuses: bus->error_name says
 * why, @error in a sentence. -ETIMEDOUT, -EPROTO, ...
 */
int bus_call(struct bus *bus, struct dbus_call *call, struct dbus_reader *ret, const char **ret_signature,
             struct tapnet_error *error);

#endif
