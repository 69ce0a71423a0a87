/* SPDX-License-Identifier: MIT */
/* What stands in elements of the guards' sets, and what they limit. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "guard/field.h"

#define IFNAME GUARD_FIELD_IFNAME
#define MAC GUARD_FIELD_MAC
#define IP4 GUARD_FIELD_IP4
#define PORT GUARD_FIELD_PORT
#define MARK GUARD_FIELD_MARK
#define PROTOCOL GUARD_FIELD_PROTOCOL
#define IP4_PORT GUARD_FIELD_IP4_PORT
#define IP6 GUARD_FIELD_IP6
#define IP6_PORT GUARD_FIELD_IP6_PORT
#define RAW_IP6 GUARD_FIELD_RAW_IP6
#define RAW_IP4 GUARD_FIELD_RAW_IP4

const uint8_t *guard_field_bytes(const struct guard_element *element, int index)
{
    return index < 0 ? element->data : element->key + guard_key_offset(element->set, index);
}

enum guard_field guard_field_type(const struct guard_element *element, int index)
{
    if (index < 0)
        return guard_schemas[element->set].data;
    return index < GUARD_FIELDS_MAX ? guard_schemas[element->set].key[index] : GUARD_FIELD_NONE;
}

const char *guard_read_ifname(const struct guard_element *element, int index)
{
    return guard_field_type(element, index) == IFNAME ? (const char *)guard_field_bytes(element, index) : "";
}

struct mac guard_read_mac(const struct guard_element *element, int index)
{
    struct mac mac = {0};

    if (guard_field_type(element, index) == MAC)
        memcpy(mac.bytes, guard_field_bytes(element, index), guard_field_len(MAC));
    return mac;
}

struct ip_address guard_read_ip4(const struct guard_element *element, int index)
{
    struct ip_address address = {.family = AF_INET};

    if (guard_field_type(element, index) == IP4 || guard_field_type(element, index) == IP4_PORT ||
        guard_field_type(element, index) == RAW_IP4)
        memcpy(address.bytes, guard_field_bytes(element, index), guard_field_len(IP4));
    return address;
}

struct ip_address guard_read_ip6(const struct guard_element *element, int index)
{
    struct ip_address address = {.family = AF_INET6};
    enum guard_field type = guard_field_type(element, index);

    if (type == IP6 || type == RAW_IP6 || type == IP6_PORT)
        memcpy(address.bytes, guard_field_bytes(element, index), guard_field_len(IP6));
    return address;
}

struct ip_address guard_read_ip(const struct guard_element *element, int index)
{
    enum guard_field type = guard_field_type(element, index);

    return type == IP6 || type == RAW_IP6 || type == IP6_PORT ? guard_read_ip6(element, index)
                                                              : guard_read_ip4(element, index);
}

uint16_t guard_read_port(const struct guard_element *element, int index)
{
    uint16_t wire = 0;

    if (guard_field_type(element, index) == PORT)
        memcpy(&wire, guard_field_bytes(element, index), sizeof(wire));
    else if (guard_field_type(element, index) == IP4_PORT)
        memcpy(&wire, guard_field_bytes(element, index) + guard_field_room(IP4), sizeof(wire));
    else if (guard_field_type(element, index) == IP6_PORT)
        memcpy(&wire, guard_field_bytes(element, index) + guard_field_room(IP6), sizeof(wire));
    return ntohs(wire);
}

void guard_set_limit(struct guard_element *element, uint64_t rate, uint32_t burst)
{
    memcpy(element->data, &rate, sizeof(rate));
    memcpy(element->data + sizeof(rate), &burst, sizeof(burst));
}

uint64_t guard_rate(const struct guard_element *element)
{
    uint64_t rate;

    memcpy(&rate, element->data, sizeof(rate));
    return rate;
}

uint32_t guard_burst(const struct guard_element *element)
{
    uint32_t burst;

    memcpy(&burst, element->data + sizeof(uint64_t), sizeof(burst));
    return burst;
}

uint32_t guard_read_mark(const struct guard_element *element, int index)
{
    uint32_t mark = 0;

    if (guard_field_type(element, index) == MARK)
        memcpy(&mark, guard_field_bytes(element, index), sizeof(mark));
    return mark;
}

uint8_t guard_read_protocol(const struct guard_element *element, int index)
{
    return guard_field_type(element, index) == PROTOCOL ? guard_field_bytes(element, index)[0] : 0;
}
