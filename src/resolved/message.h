/* SPDX-License-Identifier: MIT */
/* D-Bus messages: method calls are written, replies are read. */
#ifndef RESOLVED_MESSAGE_H
#define RESOLVED_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How it works: D-Bus Specification, "Message Format". A value is aligned to its own size, counted from the message's
 * begin; a string is its length, its bytes and a NUL; an array the length of its elements in bytes (without the padding
 * in front of the first), and they; a structure begins at a multiple of eight. All numbers are in this machine's byte
 * order, which the first byte of the message tells; who answers runs on the same machine, and so has the same.
 *
 * Both directions have a sticky error that is looked at once, at the end.
 */

#define DBUS_CALL_MAX 1024 /* bytes of a call: names of our own choice, and one network's */
#define DBUS_FIXED_LEN 16  /* the part of a message that tells its length */

/* ---- a call ---- */

struct dbus_call {
    uint8_t bytes[DBUS_CALL_MAX];
    size_t len, body;
    bool too_long;
};

/* What is called: all are names that the peer has chosen. */
struct dbus_method {
    const char *destination, *path, *interface, *member;
    bool waits; /* for a peer that is starting, which may also start it; else it is there, or is not */
};

/* An array that is being written. */
struct dbus_array {
    size_t length_at, first;
};

/* Begins a call whose arguments, which follow, have the types @signature ("" for none). */
void dbus_call_init(struct dbus_call *call, const struct dbus_method *method, uint32_t serial, const char *signature);
void dbus_put_byte(struct dbus_call *call, uint8_t value);
void dbus_put_u16(struct dbus_call *call, uint16_t value);
void dbus_put_u32(struct dbus_call *call, uint32_t value); /* also 'i' and 'b' */
void dbus_put_string(struct dbus_call *call, const char *text);
void dbus_put_struct(struct dbus_call *call);
void dbus_put_array(struct dbus_call *call, size_t alignment, struct dbus_array *ret);
void dbus_end_array(struct dbus_call *call, const struct dbus_array *array);
/* No more arguments. 0, or -EMSGSIZE: it did not fit. */
int dbus_call_finish(struct dbus_call *call);

/* ---- a reply ---- */

struct dbus_reader {
    const uint8_t *bytes;
    size_t len, at;
    bool wrong; /* what was read since is zero, or empty */
};

enum dbus_type {
    DBUS_CALL = 1,
    DBUS_RETURN,
    DBUS_ERROR,
    DBUS_SIGNAL,
};

struct dbus_header {
    enum dbus_type type;
    uint32_t reply_serial;  /* of the call that is answered; 0: of none */
    const char *error_name; /* "" unless it is an error */
    const char *signature;  /* of what follows; "" for nothing */
};

/* Length of the whole message whose first DBUS_FIXED_LEN bytes are @bytes; 0 when this is no message. */
size_t dbus_message_length(const uint8_t bytes[DBUS_FIXED_LEN]);
/* Reads the header of a whole message; the reader stands at its first argument then. Texts point into the message. */
bool dbus_read_header(struct dbus_reader *reader, struct dbus_header *ret);
uint8_t dbus_read_byte(struct dbus_reader *reader);
uint16_t dbus_read_u16(struct dbus_reader *reader);
uint32_t dbus_read_u32(struct dbus_reader *reader);
const char *dbus_read_string(struct dbus_reader *reader);
const char *dbus_read_signature(struct dbus_reader *reader);
void dbus_read_struct(struct dbus_reader *reader);
/* Where the array's elements end, for `while (dbus_more(reader, end))`; the reader stands at the first. */
size_t dbus_read_array(struct dbus_reader *reader, size_t alignment);
bool dbus_more(struct dbus_reader *reader, size_t end);

#endif
