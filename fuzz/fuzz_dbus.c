/* SPDX-License-Identifier: MIT */
/* Replies from the system bus: any bytes are survived, and what is read of them lies inside. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "resolved/resolved.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_inside(const char *text, const uint8_t *data, size_t size)
{
    const uint8_t *begin = (const uint8_t *)text;

    if (*text && (begin < data || begin + strlen(text) >= data + size))
        abort();
}

/* As systemd-resolved's two properties, and as the two strings that systemd-networkd answers with. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct resolved_names names[2] = {{.link_index = 3, .server = {AF_INET, {10, 20, 0, 1}}, .port = 10053},
                                      {.link_index = 9, .server = {AF_INET, {10, 30, 0, 1}}, .port = 10053}};
    struct dbus_reader reader = {.bytes = data, .len = size}, again;
    struct dbus_header header;

    names[0].domain = "lab";
    names[1].domain = "office";
    if (!dbus_read_header(&reader, &header))
        return 0;
    expect_inside(header.signature, data, size);
    expect_inside(header.error_name, data, size);
    again = reader;
    expect_inside(dbus_read_string(&again), data, size);
    expect_inside(dbus_read_string(&again), data, size);
    expect_inside(dbus_read_signature(&reader), data, size);
    again = reader;
    resolved_read_servers(&reader, names, 2);
    resolved_read_domains(&again, names, 2);
    if (reader.at > size || again.at > size)
        abort();
    return 0;
}
