/* SPDX-License-Identifier: MIT */
/* A host to resolve sets for: what it has, what an earlier `up` left there, and what must hold afterwards. */
#include "host.h"

#include <netinet/in.h>

/* What the set has now, by the names of networks and ports: an earlier set that was resolved. */
static bool current_subnet(const void *data, const char *network, struct ip_prefix *ret)
{
    const struct model_set *before = data;

    for (size_t i = 0; before && i < before->network_count; i++) {
        if (strcmp(before->networks[i].name, network) == 0) {
            *ret = before->networks[i].subnet;
            return true;
        }
    }
    return false;
}

static bool current_address(const void *data, const char *network, const char *port, uint8_t family,
                            struct ip_address *ret)
{
    const struct model_set *before = data;

    for (size_t i = 0; before && i < before->network_count; i++) {
        for (size_t j = 0; j < before->networks[i].port_count; j++) {
            if (strcmp(before->networks[i].name, network) == 0 &&
                strcmp(before->networks[i].ports[j].name, port) == 0) {
                *ret = family == AF_INET6 ? before->networks[i].ports[j].address6
                                          : before->networks[i].ports[j].address;
                return true;
            }
        }
    }
    return false;
}

static uint32_t link_mtu(const void *data, const char *name)
{
    (void)data;
    return strcmp(name, "wg0") == 0 ? 1420 : 0;
}

/* A host with an uplink, and what an earlier `up` left there. */
struct model_surroundings host(const struct model_set *before)
{
    return (struct model_surroundings){
        .uplink = "eth0",
        .uplink_mtu = 1500,
        .link_mtu = link_mtu,
        .current_subnet = current_subnet,
        .current_address = current_address,
        .data = before,
    };
}

void route(struct model_surroundings *surroundings, struct ip_prefix *taken, const char *const *routes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        taken[i] = build_prefix(routes[i]);
    surroundings->taken = taken;
    surroundings->taken_count = count;
}

void resolve(struct model_set *set, const struct model_surroundings *surroundings)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;

    model_derive(set);
    if (model_resolve(set, surroundings, &error) < 0)
        fail_msg("%s", error.text);
}

void assert_prefix(const struct ip_prefix *prefix, const char *expected)
{
    char text[IP_PREFIX_TEXT_MAX];

    assert_string_equal(ip_prefix_print(prefix, text), expected);
}

static int compare_addresses(const void *a, const void *b)
{
    return ip_address_compare(a, b);
}

void assert_addresses_good(const struct model_network *network)
{
    struct ip_prefix net = ip_prefix_network(&network->subnet);
    struct ip_address *all _cleanup_free_ = calloc(network->port_count + 3, sizeof(*all));

    for (size_t i = 0; i < network->port_count; i++) {
        assert_true(ip_prefix_contains(&network->subnet, &network->ports[i].address));
        all[i] = network->ports[i].address;
    }
    all[network->port_count] = net.address;
    all[network->port_count + 1] = ip4_broadcast(&network->subnet);
    all[network->port_count + 2] = network->subnet.address;
    qsort(all, network->port_count + 3, sizeof(*all), compare_addresses);
    for (size_t i = 1; i < network->port_count + 3; i++)
        assert_false(ip_address_equal(&all[i - 1], &all[i]));
}

struct model_surroundings host_with_ip6(void)
{
    struct model_surroundings surroundings = host(NULL);

    surroundings.ip6 = (struct model_ip6){.available = true, .forces = true, .uplink = "eth0", .machine = 0x1122334455};
    return surroundings;
}

void assert_resolve_refused(struct model_set *set, const struct model_surroundings *surroundings, const char *part)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;

    model_derive(set);
    assert_int_equal(model_resolve(set, surroundings, &error), -EINVAL);
    if (!strstr(error.text, part))
        fail_msg("%s", error.text);
}

bool is_wanted(const struct model_objects *objects, const char *wanted)
{
    char text[MODEL_OBJECT_TEXT_MAX];

    for (size_t i = 0; i < objects->count; i++)
        if (strcmp(model_object_print(&objects->items[i], text), wanted) == 0)
            return true;
    return false;
}

void assert_wanted(const struct model_objects *objects, const char *const *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_wanted(objects, wanted[i]))
            fail_msg("not wanted: %s", wanted[i]);
}

void expand_for(struct model_set *set, const struct model_surroundings *surroundings, struct model_objects *ret)
{
    resolve(set, surroundings);
    assert_int_equal(model_expand(set, false, ret, NULL), 0);
}
