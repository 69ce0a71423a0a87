/* SPDX-License-Identifier: MIT */
/* A network as JSON: what the service is told, and what stands in /run for its restart. See docs/design/json.md. */
#include "model/object.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "model/forward.h"
#include "model/json.h"
#include "model/json_keys.h"

#define SEARCH_MAX 253    /* a domain name as text */
#define BOOT_FILE_MAX 255 /* a DHCP option */

/* ---- writing ---- */

static json_t *addresses_to_json(const struct ip_address *addresses, size_t count)
{
    json_t *array = json_array();
    char text[IP_TEXT_MAX];

    for (size_t i = 0; i < count; i++)
        json_append(&array, json_string(ip_address_print(&addresses[i], text)));
    return array;
}

static json_t *texts_to_json(const char *const *texts, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_append(&array, json_string(texts[i]));
    return array;
}

/* Puts "dhcp" unless there is nothing in it. */
static void put_dhcp(json_t **json, const struct model_dhcp *dhcp)
{
    json_t *options;

    if (!dhcp->ntp_count && !dhcp->search_count && !dhcp->boot_file && !dhcp->boot_server.family)
        return;
    options = json_object();
    if (dhcp->ntp_count)
        json_put(&options, "ntp", addresses_to_json(dhcp->ntp, dhcp->ntp_count));
    if (dhcp->search_count)
        json_put(&options, "search", texts_to_json(dhcp->search, dhcp->search_count));
    json_put_text(&options, "boot_file", dhcp->boot_file);
    json_put_address(&options, "boot_server", &dhcp->boot_server);
    json_put(json, "dhcp", options);
}

static void put_hooks(json_t **json, const struct model_hooks *hooks)
{
    struct model_hook list[MODEL_HOOK_COUNT];
    json_t *keys = json_object();

    model_hooks_list(hooks, list);
    for (size_t i = 0; i < MODEL_HOOK_COUNT; i++)
        json_put_text(&keys, list[i].event, list[i].program);
    if (keys && json_object_size(keys) == 0)
        json_decref(keys);
    else
        json_put(json, "hooks", keys);
}

static void put_clones(json_t **json, const struct model_network *network)
{
    json_t *keys;

    if (!model_network_has_clones(network))
        return;
    keys = json_object();
    json_put_mac(&keys, "mac", &network->clones.mac);
    json_put_address(&keys, "address", &network->clones.address);
    json_put_address(&keys, "address6", &network->clones.address6);
    json_put(json, "clones", keys);
}

static json_t *forwards_to_json(const struct model_port *port)
{
    json_t *array = json_array();
    char text[MODEL_FORWARD_TEXT_MAX];

    for (size_t i = 0; i < port->forward_count; i++)
        json_append(&array, json_string(model_forward_print(&port->forwards[i], text)));
    return array;
}

/* Puts "origin" unless a file declares it. */
static void put_origin(json_t **json, enum model_origin origin)
{
    if (origin != MODEL_ORIGIN_DECLARED)
        json_put(json, "origin", json_string(model_origin_print(origin)));
}

static json_t *access_to_json(const struct model_network *network)
{
    json_t *array = json_array();

    for (size_t i = 0; i < network->access_count; i++) {
        json_t *json = json_object();

        json_put_id(&json, "user", network->access[i].user);
        json_put_id(&json, "group", network->access[i].group);
        json_put(&json, "ports", json_integer(network->access[i].ports));
        json_append(&array, json);
    }
    return array;
}

struct json_t *model_port_to_json(const struct model_port *port)
{
    json_t *json = json_object();
    const struct json_keys keys = json_tree_keys(&json);

    json_port_keys(port, &keys);
    put_dhcp(&json, &port->dhcp);
    if (port->forward_count)
        json_put(&json, "forward", forwards_to_json(port));
    return json;
}

static const char *const coexist_words[] = {
    [MODEL_COEXIST_ASK] = "ask",
    [MODEL_COEXIST_ON] = "on",
    [MODEL_COEXIST_OFF] = "off",
};

struct json_t *model_network_to_json(const struct model_network *network)
{
    json_t *json = json_object(), *ports = json_array();

    for (size_t i = 0; i < network->port_count; i++)
        json_append(&ports, model_port_to_json(&network->ports[i]));
    json_put(&json, "name", json_string(network->name));
    put_origin(&json, network->origin);
    json_put_text(&json, "id", network->id);
    json_put(&json, "bridge", json_string(network->bridge));
    json_put(&json, "mode", json_string(model_mode_print(network->mode)));
    json_put_prefix(&json, "subnet", &network->subnet);
    json_put_prefix(&json, "subnet6", &network->subnet6);
    json_put_text(&json, "uplink6", network->uplink6);
    json_put_text(&json, "uplink", network->uplink);
    json_put_flag(&json, "uplink_given", network->uplink_given);
    put_clones(&json, network);
    json_put_flag(&json, "spread", network->spread);
    json_put_flag(&json, "on_link", network->on_link);
    json_put_flag(&json, "on_link6", network->on_link6);
    json_put(&json, "mtu", json_integer(network->mtu));
    json_put_flag(&json, "mtu_given", network->mtu_given);
    json_put_flag(&json, "ports_apart", !network->ports_see_each_other);
    json_put_flag(&json, "host_open", network->host == MODEL_HOST_ALLOW);
    if (network->coexist != MODEL_COEXIST_ASK)
        json_put(&json, "coexist", json_string(coexist_words[network->coexist]));
    json_put_mac(&json, "mac", &network->mac);
    json_put(&json, "dns_port", json_integer(network->dns_port));
    put_dhcp(&json, &network->dhcp);
    json_put_limit(&json, &network->limit);
    if (network->access_count)
        json_put(&json, "access", access_to_json(network));
    json_put_some(&json, "pool", network->pool);
    put_hooks(&json, &network->hooks);
    json_put(&json, "ports", ports);
    return json;
}

/* ---- reading ---- */

/* The array at @key, of 1 to @max entries; NULL when it is not there or not that. */
static const json_t *read_list(struct json_reader *reader, const char *key, enum json_need need, size_t min, size_t max)
{
    const json_t *array = json_read(reader, key, need);

    if (array && (!json_is_array(array) || json_array_size(array) < min || json_array_size(array) > max)) {
        json_read_wrong(reader, key, "a list of no more entries than it may have");
        return NULL;
    }
    return array;
}

static void read_ntp(struct json_reader *reader, struct model_dhcp *dhcp)
{
    const json_t *array = read_list(reader, "ntp", JSON_OPTIONAL, 1, MODEL_LIST_MAX);

    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_text_of(json_array_get(array, i), IP_TEXT_MAX - 1);

        if (!text || ip_address_parse(text, &dhcp->ntp[i]) < 0)
            json_read_wrong(reader, "ntp", "a list of IP addresses");
    }
    dhcp->ntp_count = json_array_size(array);
}

static void read_search(struct json_reader *reader, struct model_dhcp *dhcp)
{
    const json_t *array = read_list(reader, "search", JSON_OPTIONAL, 1, MODEL_LIST_MAX);

    for (size_t i = 0; i < json_array_size(array) && reader->code == 0; i++) {
        const char *text = json_text_of(json_array_get(array, i), SEARCH_MAX);

        if (!text || !json_text_printable(text))
            json_read_wrong(reader, "search", "a list of domain names");
        else if (!(dhcp->search[i] = arena_strdup(reader->arena, text)))
            reader->code = error_set(reader->error, -ENOMEM, "out of memory");
    }
    dhcp->search_count = json_array_size(array);
}

static void read_dhcp(struct json_reader *outer, struct model_dhcp *ret)
{
    const json_t *json = json_read(outer, "dhcp", JSON_OPTIONAL);
    struct json_reader reader;

    if (!json)
        return;
    json_read_begin(&reader, json, "dhcp", outer->arena, outer->error);
    read_ntp(&reader, ret);
    read_search(&reader, ret);
    json_read_string(&reader, "boot_file", JSON_OPTIONAL, BOOT_FILE_MAX, &ret->boot_file);
    json_read_address(&reader, "boot_server", JSON_OPTIONAL, &ret->boot_server);
    outer->code = json_read_end(&reader);
}

static void read_hooks(struct json_reader *outer, struct model_hooks *ret)
{
    const json_t *json = json_read(outer, "hooks", JSON_OPTIONAL);
    struct json_reader reader;

    if (!json)
        return;
    json_read_begin(&reader, json, "hooks", outer->arena, outer->error);
    json_read_string(&reader, "up", JSON_OPTIONAL, MODEL_HOOK_MAX, &ret->up);
    json_read_string(&reader, "down", JSON_OPTIONAL, MODEL_HOOK_MAX, &ret->down);
    json_read_string(&reader, "plugged", JSON_OPTIONAL, MODEL_HOOK_MAX, &ret->plugged);
    json_read_string(&reader, "unplugged", JSON_OPTIONAL, MODEL_HOOK_MAX, &ret->unplugged);
    outer->code = json_read_end(&reader);
}

static void read_clones(struct json_reader *outer, struct model_network *network)
{
    const json_t *json = json_read(outer, "clones", JSON_OPTIONAL);
    struct json_reader reader;

    if (!json)
        return;
    json_read_begin(&reader, json, "clones", outer->arena, outer->error);
    json_read_mac(&reader, "mac", JSON_REQUIRED, &network->clones.mac);
    json_read_address(&reader, "address", JSON_REQUIRED, &network->clones.address);
    if (!ip_prefix_contains(&network->subnet, &network->clones.address))
        json_read_wrong(&reader, "address", "inside the network's subnet");
    json_read_address(&reader, "address6", JSON_OPTIONAL, &network->clones.address6);
    if (model_network_has_clones6(network) && !ip_prefix_contains(&network->subnet6, &network->clones.address6))
        json_read_wrong(&reader, "address6", "inside the network's subnet6");
    outer->code = json_read_end(&reader);
}

static void read_forwards(struct json_reader *reader, struct model_port *ret)
{
    const json_t *array = read_list(reader, "forward", JSON_OPTIONAL, 1, MODEL_FORWARDS_MAX);
    size_t count = json_array_size(array);

    if (!count)
        return;
    ret->forwards = arena_alloc(reader->arena, count * sizeof(*ret->forwards));
    if (!ret->forwards)
        reader->code = error_set(reader->error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < count && reader->code == 0; i++) {
        const char *text = json_text_of(json_array_get(array, i), MODEL_FORWARD_TEXT_MAX - 1), *problem;

        if (!text || model_forward_parse(text, &ret->forwards[i], &problem) < 0)
            json_read_wrong(reader, "forward", "a list of forwards");
    }
    ret->forward_count = reader->code == 0 ? count : 0;
}

static void read_access(struct json_reader *outer, struct model_network *network)
{
    const json_t *array = read_list(outer, "access", JSON_OPTIONAL, 1, MODEL_LIST_MAX);

    for (size_t i = 0; i < json_array_size(array) && outer->code == 0; i++) {
        struct model_access *access = &network->access[network->access_count++];
        struct json_reader reader;

        json_read_begin(&reader, json_array_get(array, i), "access", outer->arena, outer->error);
        json_read_id(&reader, "user", &access->user);
        json_read_id(&reader, "group", &access->group);
        json_read_number(&reader, "ports", JSON_REQUIRED, MODEL_PORTS_MAX, &access->ports);
        if ((access->user == MODEL_ID_NONE) == (access->group == MODEL_ID_NONE))
            json_read_wrong(&reader, "user", "there, or \"group\", and not both");
        outer->code = json_read_end(&reader);
    }
}

static void read_origin(struct json_reader *reader, enum model_origin *ret)
{
    char word[MODEL_NAME_MAX] = "";

    json_read_name(reader, "origin", JSON_OPTIONAL, word);
    if (word[0] && model_origin_parse(word, ret) < 0)
        json_read_wrong(reader, "origin", "declared, run or attached");
}

static void read_coexist(struct json_reader *reader, enum model_coexist *ret)
{
    char word[MODEL_NAME_MAX] = "ask";

    json_read_name(reader, "coexist", JSON_OPTIONAL, word);
    for (enum model_coexist each = MODEL_COEXIST_ASK; each <= MODEL_COEXIST_OFF; each++)
        if (strcmp(word, coexist_words[each]) == 0) {
            *ret = each;
            return;
        }
    json_read_wrong(reader, "coexist", "ask, on or off");
}

int model_port_from_json(const json_t *json, const struct model_network *network, struct arena *arena,
                         struct model_port *ret, struct tapnet_error *error)
{
    struct json_reader reader;
    bool any_protocol = false;

    json_read_begin(&reader, json, "port", arena, error);
    json_read_name(&reader, "name", JSON_REQUIRED, ret->name);
    read_origin(&reader, &ret->origin);
    json_read_text(&reader, "id", JSON_OPTIONAL, NULL, "an id", ret->id, sizeof(ret->id));
    json_read_name(&reader, "hostname", JSON_OPTIONAL, ret->hostname);
    json_read_ifname(&reader, "device", JSON_REQUIRED, ret->device);
    json_read_mac(&reader, "mac", JSON_OPTIONAL, &ret->mac);
    json_read_mac(&reader, "guest_mac", JSON_OPTIONAL, &ret->guest_mac);
    json_read_flag(&reader, "guest_mac_given", &ret->guest_mac_given);
    json_read_flag(&reader, "mac_spoofing", &ret->mac_spoofing);
    json_read_flag(&reader, "any_protocol", &any_protocol);
    ret->protocols = any_protocol ? MODEL_PROTOCOLS_ANY : MODEL_PROTOCOLS_IP;
    json_read_address(&reader, "address", JSON_OPTIONAL, &ret->address);
    json_read_address(&reader, "address6", JSON_OPTIONAL, &ret->address6);
    json_read_id(&reader, "user", &ret->user);
    json_read_id(&reader, "group", &ret->group);
    json_read_number(&reader, "queues", JSON_OPTIONAL, MODEL_QUEUES_MAX, &ret->queues);
    json_read_flag(&reader, "veth", &ret->veth);
    json_read_flag(&reader, "no_ip6", &ret->no_ip6);
    read_dhcp(&reader, &ret->dhcp);
    json_read_limit(&reader, &ret->limit);
    read_forwards(&reader, ret);
    if (ret->address.family && !ip_prefix_contains(&network->subnet, &ret->address))
        json_read_wrong(&reader, "address", "inside the network's subnet");
    if (ret->address6.family && !ip_prefix_contains(&network->subnet6, &ret->address6))
        json_read_wrong(&reader, "address6", "inside the network's subnet6");
    return json_read_end(&reader);
}

static void read_ports(struct json_reader *reader, struct model_network *network)
{
    const json_t *array = read_list(reader, "ports", JSON_REQUIRED, 0, model_network_ports_max(network));

    if (!array || reader->code < 0)
        return;
    network->port_count = json_array_size(array);
    network->ports = arena_alloc(reader->arena, network->port_count * sizeof(*network->ports));
    if (!network->ports) {
        reader->code = error_set(reader->error, -ENOMEM, "out of memory");
        return;
    }
    for (size_t i = 0; i < network->port_count && reader->code == 0; i++)
        reader->code = model_port_from_json(json_array_get(array, i), network, reader->arena, &network->ports[i],
                                            reader->error);
}

static void read_network(struct json_reader *reader, struct model_network *network)
{
    char mode[MODEL_NAME_MAX] = "";
    uint32_t dns_port = 0;
    bool ports_apart = false, host_open = false;

    json_read_name(reader, "name", JSON_REQUIRED, network->name);
    read_origin(reader, &network->origin);
    json_read_text(reader, "id", JSON_OPTIONAL, NULL, "an id", network->id, sizeof(network->id));
    json_read_ifname(reader, "bridge", JSON_REQUIRED, network->bridge);
    json_read_name(reader, "mode", JSON_REQUIRED, mode);
    if (reader->code == 0 && model_mode_parse(mode, &network->mode) < 0)
        json_read_wrong(reader, "mode", "nat, isolated or routed");
    json_read_prefix(reader, "subnet", JSON_OPTIONAL, &network->subnet);
    if (network->subnet.address.family &&
        (network->subnet.address.family != AF_INET || network->subnet.length < MODEL_PREFIX_MIN ||
         network->subnet.length > MODEL_PREFIX_MAX))
        json_read_wrong(reader, "subnet", "an IPv4 address with a length of 8 to 30");
    json_read_prefix(reader, "subnet6", JSON_OPTIONAL, &network->subnet6);
    if (network->subnet6.address.family &&
        (network->subnet6.address.family != AF_INET6 || !model_length6_valid(network->subnet6.length, network->mode)))
        json_read_wrong(reader, "subnet6", "an IPv6 address with a length of 64, in mode routed to 126");
    json_read_text(reader, "uplink6", JSON_OPTIONAL, model_ifname_valid, "an interface name", network->uplink6,
                   sizeof(network->uplink6));
    json_read_text(reader, "uplink", JSON_OPTIONAL, model_ifname_valid, "an interface name", network->uplink,
                   sizeof(network->uplink));
    json_read_flag(reader, "uplink_given", &network->uplink_given);
    read_clones(reader, network);
    json_read_flag(reader, "spread", &network->spread);
    if (network->spread && network->mode != MODEL_MODE_NAT && network->mode != MODEL_MODE_ISOLATED)
        json_read_wrong(reader, "spread", "of a network of mode nat or isolated");
    if (model_network_has_clones(network) && model_network_has_bridge(network))
        json_read_wrong(reader, "clones", "of a network without a bridge");
    json_read_flag(reader, "on_link", &network->on_link);
    json_read_flag(reader, "on_link6", &network->on_link6);
    json_read_number(reader, "mtu", JSON_REQUIRED, MODEL_MTU_MAX, &network->mtu);
    json_read_flag(reader, "mtu_given", &network->mtu_given);
    json_read_flag(reader, "ports_apart", &ports_apart);
    network->ports_see_each_other = !ports_apart;
    network->ports_see_each_other_given = true; /* nobody may choose again when another port comes */
    json_read_flag(reader, "host_open", &host_open);
    network->host = host_open ? MODEL_HOST_ALLOW : MODEL_HOST_CLOSED;
    read_coexist(reader, &network->coexist);
    json_read_mac(reader, "mac", JSON_OPTIONAL, &network->mac);
    json_read_number(reader, "dns_port", JSON_REQUIRED, UINT16_MAX, &dns_port);
    network->dns_port = (uint16_t)dns_port;
    read_dhcp(reader, &network->dhcp);
    json_read_limit(reader, &network->limit);
    read_access(reader, network);
    json_read_number(reader, "pool", JSON_OPTIONAL, MODEL_POOL_MAX, &network->pool);
    read_hooks(reader, &network->hooks);
    read_ports(reader, network);
}

int model_network_from_json(const struct json_t *json, struct arena *arena, struct model_network **ret,
                            struct tapnet_error *error)
{
    struct model_network *network = arena_alloc(arena, sizeof(*network));
    struct json_reader reader;
    int result;

    if (!network)
        return error_set(error, -ENOMEM, "out of memory");
    json_read_begin(&reader, json, "network", arena, error);
    read_network(&reader, network);
    result = json_read_end(&reader);
    if (result < 0)
        return result;
    *ret = network;
    return 0;
}

/* ---- equality: of exactly what is written above ---- */

static bool text_equal(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool dhcp_equal(const struct model_dhcp *a, const struct model_dhcp *b)
{
    if (a->ntp_count != b->ntp_count || a->search_count != b->search_count)
        return false;
    for (size_t i = 0; i < a->ntp_count; i++)
        if (!ip_address_equal(&a->ntp[i], &b->ntp[i]))
            return false;
    for (size_t i = 0; i < a->search_count; i++)
        if (strcmp(a->search[i], b->search[i]) != 0)
            return false;
    return text_equal(a->boot_file, b->boot_file) && ip_address_equal(&a->boot_server, &b->boot_server);
}

static bool forwards_equal(const struct model_port *a, const struct model_port *b)
{
    if (a->forward_count != b->forward_count)
        return false;
    for (size_t i = 0; i < a->forward_count; i++)
        if (!model_forward_equal(&a->forwards[i], &b->forwards[i]))
            return false;
    return true;
}

static bool port_equal(const struct model_port *a, const struct model_port *b)
{
    return strcmp(a->name, b->name) == 0 && a->origin == b->origin && strcmp(a->id, b->id) == 0 &&
           strcmp(a->hostname, b->hostname) == 0 && strcmp(a->device, b->device) == 0 && mac_equal(&a->mac, &b->mac) &&
           mac_equal(&a->guest_mac, &b->guest_mac) && a->guest_mac_given == b->guest_mac_given &&
           a->mac_spoofing == b->mac_spoofing && a->protocols == b->protocols &&
           ip_address_equal(&a->address, &b->address) && ip_address_equal(&a->address6, &b->address6) &&
           a->user == b->user && a->group == b->group && a->queues == b->queues && a->veth == b->veth &&
           a->no_ip6 == b->no_ip6 && dhcp_equal(&a->dhcp, &b->dhcp) && model_limit_equal(&a->limit, &b->limit) &&
           forwards_equal(a, b);
}

static bool access_equal(const struct model_network *a, const struct model_network *b)
{
    return a->access_count == b->access_count &&
           memcmp(a->access, b->access, a->access_count * sizeof(a->access[0])) == 0;
}

bool model_network_names_itself(const struct model_network *network)
{
    return network->dns_port && model_network_has_bridge(network);
}

bool model_network_equal(const struct model_network *a, const struct model_network *b)
{
    if (strcmp(a->name, b->name) != 0 || a->origin != b->origin || strcmp(a->id, b->id) != 0 ||
        strcmp(a->bridge, b->bridge) != 0 || strcmp(a->uplink, b->uplink) != 0 || strcmp(a->uplink6, b->uplink6) != 0 ||
        a->mode != b->mode || a->mtu != b->mtu || a->dns_port != b->dns_port || a->uplink_given != b->uplink_given ||
        a->spread != b->spread || !mac_equal(&a->clones.mac, &b->clones.mac) ||
        !ip_address_equal(&a->clones.address, &b->clones.address) ||
        !ip_address_equal(&a->clones.address6, &b->clones.address6) || a->on_link != b->on_link ||
        a->on_link6 != b->on_link6 || a->mtu_given != b->mtu_given ||
        a->ports_see_each_other != b->ports_see_each_other || a->host != b->host || a->coexist != b->coexist ||
        a->port_count != b->port_count)
        return false;
    if (ip_prefix_compare(&a->subnet, &b->subnet) != 0 || ip_prefix_compare(&a->subnet6, &b->subnet6) != 0 ||
        !mac_equal(&a->mac, &b->mac) || !dhcp_equal(&a->dhcp, &b->dhcp) || !model_limit_equal(&a->limit, &b->limit) ||
        !access_equal(a, b) || a->pool != b->pool || !model_hooks_equal(&a->hooks, &b->hooks))
        return false;
    for (size_t i = 0; i < a->port_count; i++)
        if (!port_equal(&a->ports[i], &b->ports[i]))
            return false;
    return true;
}
