/* SPDX-License-Identifier: MIT */
/* What the rules have learnt by themselves: whose it is, and how long it stays. */
#include "plan/learned.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "plan/plan.h"

/*
 * How it works: a port without a MAC in its file is in GUARD_PORT_NETWORKS, and the rules add its guest's first MAC to
 * several sets (nft/ruleset.c). No plan wants these elements. They stay while the port is what it was and somebody
 * holds its TAP, and go, as part of any plan, when it was unplugged, when the file names a MAC after all, and when
 * there is no such port any more. Nothing of it is undone or journaled: a guest that is still there is learnt again
 * with its next frame.
 */

static const struct guard_element *find_element(const struct model_objects *sorted, struct guard_element element)
{
    const struct model_object key = {.kind = MODEL_OBJECT_ELEMENT, .element = element};
    const struct model_object *object = model_objects_find(sorted, &key);

    return object ? &object->element : NULL;
}

static bool is_plugged(const struct model_objects *all, const char *device)
{
    struct model_object key = {.kind = MODEL_OBJECT_LINK, .link = {.kind = MODEL_LINK_TAP}};
    const struct model_object *object;

    strncpy(key.link.name, device, sizeof(key.link.name) - 1);
    object = model_objects_find(all, &key);
    return object && object->link.plugged;
}

/* Is the port of @found, an element that only tapnet makes, another set's than @set? */
static bool is_anothers(const struct guard_element *found, const char *set)
{
    const struct model_object object = {.kind = MODEL_OBJECT_ELEMENT, .element = *found};
    char owner[MODEL_NAME_MAX];

    return set && strcmp(plan_object_set(&object, owner), set) != 0;
}

/* Does the port @device keep what was learnt of it? What is another set's is that one's affair. */
static bool keeps(const char *device, const struct model_objects *wanted, const struct model_objects *all,
                  const char *set)
{
    const struct guard_element key = guard_port_network(device, 0, "");
    const struct guard_element *found = find_element(all, key);

    if (found && is_anothers(found, set))
        return true;
    return find_element(wanted, key) && is_plugged(all, device);
}

static int compare_elements(const void *a, const void *b)
{
    return guard_element_compare(a, b);
}

/* The MAC of @element, of GUARD_PORT_MACS, in the network of its port. */
static int add_kept(struct plan_learned *learned, const struct guard_element *element, const struct model_objects *all)
{
    const char *device = guard_read_ifname(element, 0);
    const struct guard_element *network = find_element(all, guard_port_network(device, 0, ""));
    const struct mac mac = guard_read_mac(element, 1);
    int result;

    if (!network)
        return 0;
    result = array_reserve((void **)&learned->kept, &learned->capacity, learned->count, 1, sizeof(*learned->kept));
    if (result == 0)
        learned->kept[learned->count++] = guard_network_mac(guard_read_mark(network, -1), &mac, "");
    return result;
}

int plan_learned_init(struct plan_learned *learned, const struct model_objects *wanted, const struct model_objects *all,
                      const char *set)
{
    *learned = (struct plan_learned){0};
    for (size_t i = 0; i < all->count; i++) {
        const struct guard_element *element = &all->items[i].element;
        int result = 0;

        if (all->items[i].kind == MODEL_OBJECT_ELEMENT && element->set == GUARD_PORT_MACS &&
            guard_element_is_learned(element) && keeps(guard_read_ifname(element, 0), wanted, all, set))
            result = add_kept(learned, element, all);
        if (result < 0)
            return result;
    }
    if (learned->count)
        qsort(learned->kept, learned->count, sizeof(*learned->kept), compare_elements);
    return 0;
}

void plan_learned_fini(struct plan_learned *learned)
{
    free(learned->kept);
}

static bool is_kept(const struct plan_learned *learned, const struct guard_element *element)
{
    return learned->count && bsearch(element, learned->kept, learned->count, sizeof(*learned->kept), compare_elements);
}

/* Counters last as long as the port. */
static bool has_port(const char *device, const struct model_objects *wanted, const struct model_objects *all,
                     const char *set)
{
    const struct guard_element keys[] = {guard_port(device, ""), guard_device(GUARD_ROUTED_PORTS, device, "")};

    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        const struct guard_element *found = find_element(all, keys[i]);

        if ((found && is_anothers(found, set)) || find_element(wanted, keys[i]))
            return true;
    }
    return false;
}

/* Those that are counted by their addresses last as long as their network. */
static bool has_network(const char *bridge, const struct model_objects *wanted, const struct model_objects *all,
                        const char *set)
{
    const struct guard_element key = guard_network(bridge, "");
    const struct guard_element *found = find_element(all, key);

    return (found && is_anothers(found, set)) || find_element(wanted, key);
}

static bool has_limit(const struct guard_element *element, const struct model_objects *wanted,
                      const struct model_objects *all, const char *set)
{
    const struct ip_address address = element->set == GUARD_REFUSED_CONNECTIONS6 ? guard_read_ip6(element, 1)
                                                                                 : guard_read_ip4(element, 1);
    const struct guard_element key = guard_connection_limit(guard_read_ifname(element, 0), &address, 0, "");
    const struct guard_element *found = find_element(all, key);

    return (found && is_anothers(found, set)) || find_element(wanted, key);
}

bool plan_learned_goes(const struct plan_learned *learned, const struct guard_element *element,
                       const struct model_objects *wanted, const struct model_objects *all, const char *set)
{
    const char *device = guard_read_ifname(element, 0);
    struct ip_address address;

    switch (element->set) {
    case GUARD_REFUSED_MACS:
    case GUARD_ROUTED_REFUSED_MACS:
    case GUARD_ERRORS:
    case GUARD_ROUTED_ERRORS:
        return false; /* soon enough by itself */
    case GUARD_BLOCKED:
    case GUARD_ROUTED_BLOCKED:
    case GUARD_ARP_BLOCKED:
        return !has_port(device, wanted, all, set);
    case GUARD_REFUSED:
    case GUARD_REFUSED6:
        return !has_network(device, wanted, all, set);
    case GUARD_NETWORK_MACS:
        return !is_kept(learned, element);
    case GUARD_PORT_ADDRESSES:
        address = guard_read_ip4(element, 2);
        return !keeps(device, wanted, all, set) || !find_element(all, guard_open_address(device, &address, "")) ||
               find_element(wanted, guard_send_limit(device, 0, 0, ""));
    case GUARD_REFUSED_CONNECTIONS:
        return !has_limit(element, wanted, all, set);
    case GUARD_PORT_ADDRESSES6:
        address = guard_read_ip6(element, 2);
        return !keeps(device, wanted, all, set) || !find_element(all, guard_open_address(device, &address, "")) ||
               find_element(wanted, guard_send_limit(device, 0, 0, ""));
    case GUARD_REFUSED_CONNECTIONS6:
        return !has_limit(element, wanted, all, set);
    default:
        return !keeps(device, wanted, all, set);
    }
}
