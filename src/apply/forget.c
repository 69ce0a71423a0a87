/* SPDX-License-Identifier: MIT */
/* What conntrack must not carry on when a plan has run: connections of freed addresses, and of forwards that went. */
#include "apply/apply.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

/* ---- addresses ---- */

/* The address that @step takes from its holder, a guest or a bridge; false when it takes none. */
static bool freed_address(const struct plan_step *step, struct ip_address *ret)
{
    const struct model_object *before = step->before;

    if (!before || step->after)
        return false;
    if (before->kind == MODEL_OBJECT_ELEMENT && guard_element_is_learned(&before->element))
        return false;                         /* its port keeps it */
    if (before->kind == MODEL_OBJECT_ADDRESS) /* one with a peer is the gateway's, which others have, too */
        *ret = before->address.peer.family ? before->address.peer : before->address.prefix.address;
    else if (before->kind == MODEL_OBJECT_ROUTE)
        *ret = before->route.guest;
    else if (before->kind == MODEL_OBJECT_ELEMENT && before->element.set == GUARD_PORT_ADDRESSES)
        *ret = guard_read_ip4(&before->element, 2);
    else if (before->kind == MODEL_OBJECT_ELEMENT &&
             (before->element.set == GUARD_ANY_MAC_ADDRESSES || before->element.set == GUARD_OPEN_ADDRESSES))
        *ret = guard_read_ip4(&before->element, 1);
    else if (before->kind == MODEL_OBJECT_ELEMENT && before->element.set == GUARD_PORT_ADDRESSES6)
        *ret = guard_read_ip6(&before->element, 2);
    else if (before->kind == MODEL_OBJECT_ELEMENT &&
             (before->element.set == GUARD_ANY_MAC_ADDRESSES6 || before->element.set == GUARD_OPEN_ADDRESSES6))
        *ret = guard_read_ip6(&before->element, 1);
    else
        return false;
    return ret->family == AF_INET || (ret->family == AF_INET6 && !ip_prefix_contains(&model_router6, ret));
}

/* An address that a port has from now on: an element lets it use that, or a route leads there. */
struct given {
    bool routed;
    const char *device;
    struct ip_address address;
};

/* What @object, an element or a route, gives to a port, or takes from it; false for any other. */
static bool port_address(const struct model_object *object, struct given *ret)
{
    const struct plan_step taken = {.before = object};
    bool routed = object && object->kind == MODEL_OBJECT_ROUTE;

    if (!object || (object->kind != MODEL_OBJECT_ELEMENT && !routed) || !freed_address(&taken, &ret->address))
        return false;
    ret->routed = routed;
    ret->device = routed ? object->route.device : guard_read_ifname(&object->element, 0);
    return true;
}

static int compare_given(const void *a, const void *b)
{
    const struct given *left = a, *right = b;
    int order = (int)left->routed - (int)right->routed;

    if (order == 0)
        order = strcmp(left->device, right->device);
    return order ? order : ip_address_compare(&left->address, &right->address);
}

/* All that the plan gives, sorted, by what was not there before. */
static int collect_given(const struct plan *plan, struct given **ret, size_t *ret_count)
{
    _cleanup_free_ struct given *given = NULL;
    size_t count = 0, capacity = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        const struct plan_step *step = &plan->steps[i];
        struct given address;

        if (step->before || !port_address(step->after, &address))
            continue;
        if (array_reserve((void **)&given, &capacity, count, 1, sizeof(*given)) < 0)
            return -ENOMEM;
        given[count++] = address;
    }
    if (count)
        qsort(given, count, sizeof(*given), compare_given);
    *ret = take_pointer(given);
    *ret_count = count;
    return 0;
}

/*
 * Does the same plan give @address back to the port that @step takes it from: in another set, say, or by a route where
 * it was the other end of the gateway's?
 */
static bool stays_at_port(const struct given *given, size_t given_count, const struct plan_step *step,
                          const struct ip_address *address)
{
    struct given key = {.address = *address};

    if (!given_count)
        return false;
    if (step->before->kind == MODEL_OBJECT_ADDRESS)
        key = (struct given){true, step->before->address.device, *address};
    else if (!port_address(step->before, &key))
        return false;
    return bsearch(&key, given, given_count, sizeof(*given), compare_given) != NULL;
}

/* All that the plan takes, in no order; conntrack must not carry their flows to the next holder. */
static int collect_freed(const struct plan *plan, struct ip_address **ret, size_t *ret_count)
{
    _cleanup_free_ struct ip_address *addresses = NULL;
    _cleanup_free_ struct given *given = NULL;
    size_t count = 0, capacity = 0, given_count;
    int result = collect_given(plan, &given, &given_count);

    for (size_t i = 0; i < plan->step_count && result == 0; i++) {
        struct ip_address address;

        if (!freed_address(&plan->steps[i], &address) || stays_at_port(given, given_count, &plan->steps[i], &address))
            continue;
        result = array_reserve((void **)&addresses, &capacity, count, 1, sizeof(*addresses));
        if (result == 0)
            addresses[count++] = address;
    }
    if (result < 0)
        return result;
    *ret = take_pointer(addresses);
    *ret_count = count;
    return 0;
}

static int compare_addresses(const void *a, const void *b)
{
    return ip_address_compare(a, b);
}

/* ---- forwards ---- */

struct forwards {
    struct netlink_conntrack_forward *items;
    size_t count, capacity;
};

static void forwards_fini(struct forwards *forwards)
{
    free(forwards->items);
}

static bool is_forward(const struct model_object *object)
{
    if (!object || object->kind != MODEL_OBJECT_ELEMENT)
        return false;
    switch (object->element.set) {
    case GUARD_FORWARDS:
    case GUARD_BOUND_FORWARDS:
    case GUARD_FORWARD_RANGES:
    case GUARD_FORWARDS6:
    case GUARD_BOUND_FORWARDS6:
    case GUARD_FORWARD_RANGES6:
        return true;
    default:
        return false;
    }
}

/* The element in the words of conntrack. */
static struct netlink_conntrack_forward read_forward(const struct guard_element *element, bool comes)
{
    bool range = guard_is_interval(element->set);
    int field = element->set == GUARD_FORWARDS || element->set == GUARD_FORWARDS6 ? 0 : 1;
    struct netlink_conntrack_forward forward = {
        .protocol = guard_read_protocol(element, field),
        .first = guard_read_port(element, field + 1),
        .last = guard_read_port(element, range ? 6 : field + 1),
        .guest = guard_read_ip(element, -1),
        .comes = comes,
    };

    if (field == 1)
        forward.address = guard_read_ip(element, 0);
    if (ip_address_is_any(&forward.address))
        forward.address.family = 0;
    return forward;
}

static int add_forward(struct forwards *forwards, const struct model_object *object, bool comes)
{
    int result = array_reserve((void **)&forwards->items, &forwards->capacity, forwards->count, 1,
                               sizeof(*forwards->items));

    if (result == 0)
        forwards->items[forwards->count++] = read_forward(&object->element, comes);
    return result;
}

static int compare_with_address(const void *guest, const void *address)
{
    return ip_address_compare(guest, address);
}

/*
 * Those that go, but for those to guests that go too (@freed, sorted), and those of UDP that come: who has been sending
 * to the host's port all the time has a connection with the host, and would never reach the guest.
 */
static int collect_forwards(const struct plan *plan, const struct ip_address *freed, size_t freed_count,
                            struct forwards *forwards)
{
    int result = 0;

    for (size_t i = 0; i < plan->step_count && result == 0; i++) {
        const struct plan_step *step = &plan->steps[i];
        struct ip_address guest;

        if (is_forward(step->before)) {
            guest = guard_read_ip(&step->before->element, -1);
            if (!freed_count || !bsearch(&guest, freed, freed_count, sizeof(*freed), compare_with_address))
                result = add_forward(forwards, step->before, false);
        }
        if (result == 0 && is_forward(step->after) && read_forward(&step->after->element, true).protocol == IPPROTO_UDP)
            result = add_forward(forwards, step->after, true);
    }
    return result;
}

int apply_forget(const struct apply_request *request, struct tapnet_error *error)
{
    struct forwards forwards cleanup(forwards_fini) = {0};
    _cleanup_free_ struct ip_address *freed = NULL;
    size_t freed_count = 0;
    int result = collect_freed(request->plan, &freed, &freed_count);

    if (result == 0 && freed_count)
        qsort(freed, freed_count, sizeof(*freed), compare_addresses);
    if (result == 0)
        result = collect_forwards(request->plan, freed, freed_count, &forwards);
    if (result < 0)
        return error_set(error, result, "out of memory");
    if (freed_count)
        result = request->ops->conntrack_forget(request->ops->data, freed, freed_count, error);
    if (result == 0 && forwards.count)
        result = request->ops->conntrack_forget_forwards(request->ops->data, forwards.items, forwards.count, error);
    return result;
}
