/* SPDX-License-Identifier: MIT */
/* A connection to the system's message bus: one method call at a time, and its reply. */
#include "resolved/bus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define LINE_MAX_LEN 256 /* of the bus's answer to who we are */

static const struct dbus_method hello = {
    .destination = "org.freedesktop.DBus",
    .path = "/org/freedesktop/DBus",
    .interface = "org.freedesktop.DBus",
    .member = "Hello",
};

static uint64_t now_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

bool bus_has_patience(const struct bus *bus)
{
    return now_usec() < bus->deadline_usec;
}

/* Until the socket is ready for @events, or the patience is at its end. */
static int await(const struct bus *bus, short events)
{
    struct pollfd poll_fd = {.fd = bus->fd, .events = events};
    uint64_t now = now_usec();
    int count;

    if (now >= bus->deadline_usec)
        return -ETIMEDOUT;
    count = poll(&poll_fd, 1, (int)((bus->deadline_usec - now + 999) / 1000));
    return count < 0 && errno != EINTR ? -errno : 0;
}

static int send_all(const struct bus *bus, const void *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t sent = send(bus->fd, (const uint8_t *)bytes + at, len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        int result = sent < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;

        if (result == 0 && sent < 0)
            result = await(bus, POLLOUT);
        if (result < 0)
            return result;
        at += sent > 0 ? (size_t)sent : 0;
    }
    return 0;
}

static int receive_all(const struct bus *bus, void *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t received = recv(bus->fd, (uint8_t *)bytes + at, len - at, MSG_DONTWAIT);
        int result = received < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;

        if (received == 0)
            return -ECONNRESET;
        if (result == 0 && received < 0)
            result = await(bus, POLLIN);
        if (result < 0)
            return result;
        at += received > 0 ? (size_t)received : 0;
    }
    return 0;
}

/* ---- who we are ---- */

/* "AUTH EXTERNAL", and our user in decimal, of which the bytes are written in hexadecimal. */
static int authenticate(const struct bus *bus)
{
    char line[LINE_MAX_LEN] = "", user[16], auth[64];
    int len, result;

    snprintf(user, sizeof(user), "%u", (unsigned)geteuid());
    len = snprintf(auth, sizeof(auth), "%cAUTH EXTERNAL ", '\0');
    for (const char *digit = user; *digit; digit++)
        len += snprintf(auth + len, sizeof(auth) - (size_t)len, "%02x", (unsigned)*digit);
    len += snprintf(auth + len, sizeof(auth) - (size_t)len, "\r\n");
    result = send_all(bus, auth, (size_t)len);
    for (size_t i = 0; result == 0 && (i == 0 || line[i - 1] != '\n'); i++)
        result = i + 1 < sizeof(line) ? receive_all(bus, line + i, 1) : -EPROTO;
    if (result == 0 && strncmp(line, "OK ", 3) != 0)
        result = -EACCES;
    return result < 0 ? result : send_all(bus, "BEGIN\r\n", strlen("BEGIN\r\n"));
}

static int connect_bus(struct bus *bus)
{
    const struct timeval patience = {.tv_sec = BUS_PATIENCE_USEC / 1000000};
    const struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = BUS_SOCKET};

    bus->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bus->fd < 0)
        return -errno;
    setsockopt(bus->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)); /* of connect() */
    if (connect(bus->fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
        return -errno;
    return authenticate(bus);
}

int bus_open(struct bus *bus, struct tapnet_error *error)
{
    struct dbus_call call;
    int result;

    *bus = (struct bus){.fd = -1, .deadline_usec = now_usec() + BUS_PATIENCE_USEC};
    result = connect_bus(bus);
    if (result < 0)
        return error_set_errno(error, result, "cannot speak to the system bus at %s", BUS_SOCKET);
    bus_prepare(bus, &call, &hello, "");
    return bus_call(bus, &call, NULL, NULL, error);
}

void bus_close(struct bus *bus)
{
    if (bus->fd >= 0)
        close(bus->fd);
    free(bus->reply);
}

/* ---- calls ---- */

void bus_prepare(struct bus *bus, struct dbus_call *call, const struct dbus_method *method, const char *signature)
{
    dbus_call_init(call, method, ++bus->serial, signature);
}

/* The next message, whole, into bus->reply. */
static int receive_message(struct bus *bus, size_t *ret_len)
{
    uint8_t fixed[DBUS_FIXED_LEN];
    int result = receive_all(bus, fixed, sizeof(fixed));
    size_t len;

    if (result < 0)
        return result;
    len = dbus_message_length(fixed);
    if (len < sizeof(fixed))
        return -EPROTO;
    free(bus->reply);
    bus->reply = malloc(len);
    if (!bus->reply)
        return -ENOMEM;
    memcpy(bus->reply, fixed, sizeof(fixed));
    *ret_len = len;
    return receive_all(bus, bus->reply + sizeof(fixed), len - sizeof(fixed));
}

/* The answer to the last call; signals that come before it go by. */
static int receive_reply(struct bus *bus, struct dbus_reader *ret, struct dbus_header *ret_header)
{
    size_t len;
    int result;

    while ((result = receive_message(bus, &len)) == 0) {
        *ret = (struct dbus_reader){.bytes = bus->reply, .len = len};
        if (!dbus_read_header(ret, ret_header))
            return -EPROTO;
        if (ret_header->reply_serial == bus->serial &&
            (ret_header->type == DBUS_RETURN || ret_header->type == DBUS_ERROR))
            return 0;
    }
    return result;
}

/* What the peer says of itself is shown to people: no control characters of it. */
static int refuse(struct bus *bus, struct dbus_reader *reader, const struct dbus_header *header,
                  struct tapnet_error *error)
{
    const char *sentence = header->signature[0] == 's' ? dbus_read_string(reader) : "";
    char text[BUS_NAME_MAX];

    snprintf(bus->error_name, sizeof(bus->error_name), "%s", header->error_name);
    snprintf(text, sizeof(text), "%s", *sentence ? sentence : header->error_name);
    return error_set(error, -EREMOTEIO, "%s", text_make_printable(text));
}

int bus_call(struct bus *bus, struct dbus_call *call, struct dbus_reader *ret, const char **ret_signature,
             struct tapnet_error *error)
{
    struct dbus_header header = {0};
    struct dbus_reader reader = {0};
    int result = dbus_call_finish(call);

    bus->error_name[0] = '\0';
    if (result == 0)
        result = send_all(bus, call->bytes, call->len);
    if (result == 0)
        result = receive_reply(bus, &reader, &header);
    if (result < 0)
        return error_set_errno(error, result, "the system bus does not answer");
    if (header.type == DBUS_ERROR)
        return refuse(bus, &reader, &header, error);
    if (ret)
        *ret = reader;
    if (ret_signature)
        *ret_signature = header.signature;
    return 0;
}
