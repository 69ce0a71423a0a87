/* SPDX-License-Identifier: MIT */
/* D-Bus messages: method calls are written, replies are read. */
#include "resolved/message.h"

#include <errno.h>
#include <string.h>

#define OUR_ORDER (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B')
#define VERSION 1
#define NO_AUTO_START 2
#define MESSAGE_MAX (1 << 20) /* bytes of a reply: far above what a resolver knows of a thousand links */

enum field {
    FIELD_PATH = 1,
    FIELD_INTERFACE,
    FIELD_MEMBER,
    FIELD_ERROR_NAME,
    FIELD_REPLY_SERIAL,
    FIELD_DESTINATION,
    FIELD_SENDER,
    FIELD_SIGNATURE,
};

/* ---- a call ---- */

static void put(struct dbus_call *call, const void *bytes, size_t len)
{
    if (call->too_long || len > sizeof(call->bytes) - call->len) {
        call->too_long = true;
        return;
    }
    memcpy(call->bytes + call->len, bytes, len);
    call->len += len;
}

static void align(struct dbus_call *call, size_t alignment)
{
    static const uint8_t zeros[8];

    put(call, zeros, -call->len & (alignment - 1));
}

void dbus_put_byte(struct dbus_call *call, uint8_t value)
{
    put(call, &value, sizeof(value));
}

void dbus_put_u16(struct dbus_call *call, uint16_t value)
{
    align(call, sizeof(value));
    put(call, &value, sizeof(value));
}

void dbus_put_u32(struct dbus_call *call, uint32_t value)
{
    align(call, sizeof(value));
    put(call, &value, sizeof(value));
}

void dbus_put_string(struct dbus_call *call, const char *text)
{
    dbus_put_u32(call, (uint32_t)strlen(text));
    put(call, text, strlen(text) + 1);
}

static void put_signature(struct dbus_call *call, const char *signature)
{
    dbus_put_byte(call, (uint8_t)strlen(signature));
    put(call, signature, strlen(signature) + 1);
}

void dbus_put_struct(struct dbus_call *call)
{
    align(call, 8);
}

void dbus_put_array(struct dbus_call *call, size_t alignment, struct dbus_array *ret)
{
    dbus_put_u32(call, 0);
    ret->length_at = call->len - sizeof(uint32_t);
    align(call, alignment);
    ret->first = call->len;
}

static void patch(struct dbus_call *call, size_t at, uint32_t value)
{
    if (!call->too_long)
        memcpy(call->bytes + at, &value, sizeof(value));
}

void dbus_end_array(struct dbus_call *call, const struct dbus_array *array)
{
    patch(call, array->length_at, (uint32_t)(call->len - array->first));
}

static void put_field(struct dbus_call *call, enum field field, const char *type, const char *value)
{
    dbus_put_struct(call);
    dbus_put_byte(call, (uint8_t)field);
    put_signature(call, type);
    if (*type == 'g')
        put_signature(call, value);
    else
        dbus_put_string(call, value);
}

void dbus_call_init(struct dbus_call *call, const struct dbus_method *method, uint32_t serial, const char *signature)
{
    struct dbus_array fields;

    *call = (struct dbus_call){.len = 0};
    dbus_put_byte(call, OUR_ORDER);
    dbus_put_byte(call, DBUS_CALL);
    dbus_put_byte(call, method->waits ? 0 : NO_AUTO_START);
    dbus_put_byte(call, VERSION);
    dbus_put_u32(call, 0); /* length of the arguments, known at the end */
    dbus_put_u32(call, serial);
    dbus_put_array(call, 8, &fields);
    put_field(call, FIELD_DESTINATION, "s", method->destination);
    put_field(call, FIELD_PATH, "o", method->path);
    put_field(call, FIELD_INTERFACE, "s", method->interface);
    put_field(call, FIELD_MEMBER, "s", method->member);
    if (*signature)
        put_field(call, FIELD_SIGNATURE, "g", signature);
    dbus_end_array(call, &fields);
    align(call, 8);
    call->body = call->len;
}

int dbus_call_finish(struct dbus_call *call)
{
    patch(call, 4, (uint32_t)(call->len - call->body));
    return call->too_long ? -EMSGSIZE : 0;
}

/* ---- a reply ---- */

/* @len bytes at a multiple of @alignment; NULL, and the reader is wrong, where there are no more so many. */
static const uint8_t *get(struct dbus_reader *reader, size_t alignment, size_t len)
{
    size_t begin = (reader->at + alignment - 1) & ~(alignment - 1);

    if (reader->wrong || begin > reader->len || len > reader->len - begin) {
        reader->wrong = true;
        return NULL;
    }
    reader->at = begin + len;
    return reader->bytes + begin;
}

uint8_t dbus_read_byte(struct dbus_reader *reader)
{
    const uint8_t *bytes = get(reader, 1, 1);

    return bytes ? *bytes : 0;
}

uint16_t dbus_read_u16(struct dbus_reader *reader)
{
    const uint8_t *bytes = get(reader, sizeof(uint16_t), sizeof(uint16_t));
    uint16_t value = 0;

    if (bytes)
        memcpy(&value, bytes, sizeof(value));
    return value;
}

uint32_t dbus_read_u32(struct dbus_reader *reader)
{
    const uint8_t *bytes = get(reader, sizeof(uint32_t), sizeof(uint32_t));
    uint32_t value = 0;

    if (bytes)
        memcpy(&value, bytes, sizeof(value));
    return value;
}

/* Bytes that end with the only NUL among them. */
static const char *read_text(struct dbus_reader *reader, size_t len)
{
    const uint8_t *bytes = len < reader->len ? get(reader, 1, len + 1) : NULL;

    if (!bytes || memchr(bytes, '\0', len + 1) != bytes + len) {
        reader->wrong = true;
        return "";
    }
    return (const char *)bytes;
}

const char *dbus_read_string(struct dbus_reader *reader)
{
    return read_text(reader, dbus_read_u32(reader));
}

const char *dbus_read_signature(struct dbus_reader *reader)
{
    return read_text(reader, dbus_read_byte(reader));
}

void dbus_read_struct(struct dbus_reader *reader)
{
    get(reader, 8, 0);
}

size_t dbus_read_array(struct dbus_reader *reader, size_t alignment)
{
    size_t len = dbus_read_u32(reader);

    get(reader, alignment, 0);
    if (reader->wrong || len > reader->len - reader->at) {
        reader->wrong = true;
        return reader->at;
    }
    return reader->at + len;
}

/* An element that reached beyond the array's end makes the whole wrong. */
bool dbus_more(struct dbus_reader *reader, size_t end)
{
    reader->wrong |= reader->at > end;
    return !reader->wrong && reader->at < end;
}

size_t dbus_message_length(const uint8_t bytes[DBUS_FIXED_LEN])
{
    uint32_t body, fields;

    memcpy(&body, bytes + 4, sizeof(body));
    memcpy(&fields, bytes + 12, sizeof(fields));
    if (bytes[0] != OUR_ORDER || bytes[3] != VERSION || body > MESSAGE_MAX || fields > MESSAGE_MAX)
        return 0;
    return DBUS_FIXED_LEN + ((fields + 7) & ~UINT32_C(7)) + body;
}

/* One field of the header: a byte that says which, and a variant. Those that we do not ask for go by. */
static void read_field(struct dbus_reader *reader, struct dbus_header *header)
{
    enum field field;
    const char *type, *text = "";
    uint32_t number = 0;

    dbus_read_struct(reader);
    field = dbus_read_byte(reader);
    type = dbus_read_signature(reader);
    if (strcmp(type, "s") == 0 || strcmp(type, "o") == 0)
        text = dbus_read_string(reader);
    else if (strcmp(type, "g") == 0)
        text = dbus_read_signature(reader);
    else if (strcmp(type, "u") == 0)
        number = dbus_read_u32(reader);
    else
        reader->wrong = true; /* the specification has no field of another type */
    if (field == FIELD_REPLY_SERIAL)
        header->reply_serial = number;
    else if (field == FIELD_ERROR_NAME)
        header->error_name = text;
    else if (field == FIELD_SIGNATURE)
        header->signature = text;
}

bool dbus_read_header(struct dbus_reader *reader, struct dbus_header *ret)
{
    struct dbus_header header = {.error_name = "", .signature = ""};
    size_t end;

    if (reader->len < DBUS_FIXED_LEN || dbus_message_length(reader->bytes) != reader->len)
        return false;
    header.type = reader->bytes[1];
    reader->at = DBUS_FIXED_LEN - sizeof(uint32_t);
    end = dbus_read_array(reader, 8);
    while (dbus_more(reader, end))
        read_field(reader, &header);
    get(reader, 8, 0);
    if (reader->wrong)
        return false;
    *ret = header;
    return true;
}
