/* SPDX-License-Identifier: MIT */
/* Elements as text, nearly as `nft` has it. */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>

#include "guard/field.h"

struct guard_print {
    char *text;
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void print_append(struct guard_print *print, const char *format, ...)
{
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(print->text + print->len, GUARD_TEXT_MAX - print->len, format, arguments);
    va_end(arguments);
    if (len > 0)
        print->len += (size_t)len;
    if (print->len >= GUARD_TEXT_MAX)
        print->len = GUARD_TEXT_MAX - 1;
}

/* As `nft` has it. */
static void print_protocol(struct guard_print *print, uint8_t protocol)
{
    if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
        print_append(print, "%s", protocol == IPPROTO_TCP ? "tcp" : "udp");
    else
        print_append(print, "%u", protocol);
}

static void print_field(struct guard_print *print, const struct guard_element *element, int index)
{
    char address[IP_TEXT_MAX], mac_text[MAC_TEXT_MAX];
    struct ip_address ip;
    struct mac mac;

    switch (guard_field_type(element, index)) {
    case GUARD_FIELD_NONE:
        break;
    case GUARD_FIELD_IFNAME:
        print_append(print, "%.15s", guard_read_ifname(element, index));
        break;
    case GUARD_FIELD_MAC:
        mac = guard_read_mac(element, index);
        print_append(print, "%s", mac_print(&mac, mac_text));
        break;
    case GUARD_FIELD_IP4:
    case GUARD_FIELD_RAW_IP4:
        ip = guard_read_ip4(element, index);
        print_append(print, "%s", ip_address_print(&ip, address));
        break;
    case GUARD_FIELD_IP6:
    case GUARD_FIELD_RAW_IP6:
        ip = guard_read_ip6(element, index);
        print_append(print, "%s", ip_address_print(&ip, address));
        break;
    case GUARD_FIELD_RAW_MIDDLE:
    case GUARD_FIELD_RAW_END:
        for (size_t i = 0; i < guard_field_len(guard_field_type(element, index)); i++)
            print_append(print, "%02x", guard_field_bytes(element, index)[i]);
        break;
    case GUARD_FIELD_FAMILY:
        print_append(print, "%u", guard_field_bytes(element, index)[0]);
        break;
    case GUARD_FIELD_PROTOCOL:
        print_protocol(print, guard_read_protocol(element, index));
        break;
    case GUARD_FIELD_PORT:
        print_append(print, "%u", guard_read_port(element, index));
        break;
    case GUARD_FIELD_MARK:
        print_append(print, "0x%08x", guard_read_mark(element, index));
        break;
    case GUARD_FIELD_IP4_PORT:
        ip = guard_read_ip4(element, index);
        print_append(print, "%s . %u", ip_address_print(&ip, address), guard_read_port(element, index));
        break;
    case GUARD_FIELD_IP6_PORT:
        ip = guard_read_ip6(element, index);
        print_append(print, "%s . %u", ip_address_print(&ip, address), guard_read_port(element, index));
        break;
    case GUARD_FIELD_TO:
        print_append(print, " - ");
        break;
    }
}

static void print_limit(struct guard_print *print, const struct guard_element *element)
{
    unsigned long long rate = guard_rate(element);

    switch (guard_schemas[element->set].limit) {
    case GUARD_LIMIT_NONE:
        break;
    case GUARD_LIMIT_PACKETS:
        print_append(print, " limit %llu packets/s", rate);
        break;
    case GUARD_LIMIT_BYTES:
        print_append(print, " limit %llu bytes/s burst %u", rate, guard_burst(element));
        break;
    case GUARD_LIMIT_CONNECTIONS:
        print_append(print, " limit %llu connections", rate);
        break;
    }
}

const char *guard_element_print(const struct guard_element *element, char text[GUARD_TEXT_MAX])
{
    const struct guard_schema *schema = &guard_schemas[element->set];
    struct guard_print print = {.text = text};

    text[0] = '\0';
    for (int i = 0; i < GUARD_FIELDS_MAX && schema->key[i]; i++) {
        print_append(&print, "%s",
                     i && schema->key[i] != GUARD_FIELD_TO && schema->key[i - 1] != GUARD_FIELD_TO ? " . " : "");
        print_field(&print, element, i);
    }
    if (schema->limit)
        print_limit(&print, element);
    if (schema->data) {
        print_append(&print, " : ");
        print_field(&print, element, -1);
    }
    return text;
}
