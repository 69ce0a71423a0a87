/* SPDX-License-Identifier: MIT */
/* The real requests behind struct apply_ops: rtnetlink, nf_tables, ioctl, /proc/sys, files. */
#include "apply/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "apply/run.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "device/tun.h"
#include "netlink/shaper.h"
#include "netlink/address.h"
#include "netlink/conntrack.h"
#include "netlink/item.h"
#include "netlink/sysctl.h"
#include "nft/passage.h"
#include "observe/plugged.h"

int apply_kernel_route(struct apply_kernel *kernel, struct tapnet_error *error)
{
    return kernel->route ? 0 : netlink_open(NETLINK_ROUTE, &kernel->route, error);
}

int apply_kernel_netfilter(struct apply_kernel *kernel, struct tapnet_error *error)
{
    return kernel->netfilter ? 0 : netlink_open(NETLINK_NETFILTER, &kernel->netfilter, error);
}

int apply_kernel_lingering(const struct apply_kernel *kernel)
{
    return kernel->netfilter && kernel->guards_changed ? netlink_fd(kernel->netfilter) : -1;
}

/* The ioctl needs no lock of the kernel's, for which a request of rtnetlink would wait behind all others. */
int apply_kernel_index(struct apply_kernel *kernel, const char *name, int *ret, struct tapnet_error *error)
{
    struct ifreq request = {.ifr_ifindex = 0};
    int result = apply_kernel_route(kernel, error);

    if (result < 0)
        return result;
    if (strlen(name) >= sizeof(request.ifr_name))
        return error_set_errno(error, -ENODEV, "%s", name);
    strcpy(request.ifr_name, name);
    if (ioctl(netlink_fd(kernel->route), SIOCGIFINDEX, &request) < 0)
        return error_set_errno(error, -errno, "%s", name);
    *ret = request.ifr_ifindex;
    return 0;
}

/* ---- links ---- */

static int link_index(void *data, const char *name, int *ret, struct tapnet_error *error)
{
    return apply_kernel_index(data, name, ret, error);
}

static int bridge_create(void *data, const struct model_link *link, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    int result = apply_kernel_route(kernel, error);

    if (result < 0)
        return result;
    kernel->master_name[0] = '\0';
    return netlink_bridge_create(kernel->route, link->name, &link->mac, MODEL_LINK_GROUP, link->mtu, error);
}

static int veth_create(void *data, const struct model_link *link, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    struct netlink_peer peer = {.mac = link->owner.guest_mac};
    int result = apply_kernel_route(kernel, error);

    if (result < 0)
        return result;
    if (!kernel->peer)
        return error_set(error, -ENOTUNIQ, "%s led into a container, and only who starts that can plug it in again",
                         link->name);
    peer.netns = kernel->peer->netns;
    peer.name = kernel->peer->name;
    apply_gone_give_way(kernel, link->name);
    result = netlink_veth_create(kernel->route, link->name, &link->mac, MODEL_LINK_GROUP, link->mtu, &peer, error);
    return result < 0 ? error_prefix(error, result, "%s with %s in the container", link->name, peer.name) : 0;
}

/* The ports of one bridge come in a row: its index is asked for once. */
static int find_master(struct apply_kernel *kernel, const char *name, int *ret, struct tapnet_error *error)
{
    int result = 0;

    if (!name || !name[0]) {
        *ret = 0;
        return 0;
    }
    if (strcmp(kernel->master_name, name) != 0) {
        result = apply_kernel_index(kernel, name, &kernel->master_index, error);
        if (result == 0)
            strcpy(kernel->master_name, name);
    }
    *ret = kernel->master_index;
    return result;
}

/* A bridge is full of devices that were laid off, too, until they are deleted: then there is room at once. */
static int set_link(struct apply_kernel *kernel, const char *name, const struct netlink_link_change *change,
                    struct tapnet_error *error)
{
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = netlink_link_set(kernel->route, 0, name, change, &refusal);

    if (result == -EXFULL && apply_gone_delete(kernel, NULL) == 0)
        return netlink_link_set(kernel->route, 0, name, change, error);
    return result < 0 ? error_set(error, result, "%s", refusal.text) : 0;
}

static bool is_caught(const struct apply_kernel *kernel, const struct netlink_link_change *change)
{
    return kernel->catching && change->fields & NETLINK_LINK_UP_LAST;
}

/*
 * What is caught is kept when it is labelled and in its bridge, before it is up: by then the kernel is busy with its
 * carrier, with the lock for all links held.
 */
static int set_caught(struct apply_kernel *kernel, const char *name, const struct netlink_link_change *change,
                      struct tapnet_error *error)
{
    const unsigned flags = NETLINK_LINK_UP | NETLINK_LINK_NO_ARP;
    struct netlink_link_change first = *change, last = *change;
    int result;

    first.fields &= ~(flags | NETLINK_LINK_UP_LAST);
    last.fields &= flags;
    result = set_link(kernel, name, &first, error);
    if (result == 0)
        result = device_keep(*kernel->made_fd, true, error);
    if (result == 0)
        result = set_link(kernel, name, &last, error);
    kernel->catching = false;
    kernel->made_kept = result == 0;
    return result;
}

static int link_set(void *data, const char *name, struct netlink_link_change *change, const char *master,
                    struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    int result = apply_kernel_route(kernel, error);

    if (result == 0 && change->fields & NETLINK_LINK_MASTER)
        result = find_master(kernel, master, &change->master_index, error);
    if (result == 0)
        result = is_caught(kernel, change) ? set_caught(kernel, name, change, error)
                                           : set_link(kernel, name, change, error);
    if (change->fields & NETLINK_LINK_GROUP)
        apply_announce_end(kernel, name);
    return result;
}

static int link_shape(void *data, const char *name, uint64_t rate, uint32_t burst, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    struct netlink_shaper shaper = {.rate = rate, .burst = burst};
    int result = apply_kernel_index(kernel, name, &shaper.index, error);

    if (result < 0)
        return result;
    result = rate ? netlink_shaper_set(kernel->route, &shaper, error)
                  : netlink_shaper_delete(kernel->route, shaper.index, error);
    return result < 0 ? error_prefix(error, result, "what the guest of %s may receive", name) : 0;
}

/* ---- addresses, sysctls, guards, files, conntrack ---- */

static const struct ip_address *other_end(const struct model_host_address *address)
{
    return address->peer.family ? &address->peer : &address->prefix.address;
}

static int address_add(void *data, const struct model_host_address *address, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    int index = 0, result = apply_kernel_index(kernel, address->device, &index, error);

    return result < 0 ? result
                      : netlink_peer_add(kernel->route, index, &address->prefix, other_end(address),
                                         MODEL_ROUTE_PROTOCOL, error);
}

static int address_delete(void *data, const struct model_host_address *address, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    int index = 0, result = apply_kernel_index(kernel, address->device, &index, error);

    return result < 0 ? result : netlink_peer_delete(kernel->route, index, &address->prefix, other_end(address), error);
}

static int make_route(struct apply_kernel *kernel, const struct model_guest_route *route, struct netlink_route *ret,
                      struct tapnet_error *error)
{
    int index = 0, result = apply_kernel_index(kernel, route->device, &index, error);

    if (result < 0)
        return result;
    *ret = (struct netlink_route){
        .destination = {route->guest, (uint8_t)(8 * ip_family_size(route->guest.family))},
        .source = route->source,
        .index = index,
        .protocol = MODEL_ROUTE_PROTOCOL,
        .type = RTN_UNICAST,
    };
    return 0;
}

/* Beside one of the same guest by another port: that is still to go. */
static int route_add(void *data, const struct model_guest_route *route, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    struct netlink_route entry;
    int result = make_route(kernel, route, &entry, error);

    return result < 0 ? result : netlink_route_add_beside(kernel->route, &entry, error);
}

static int route_delete(void *data, const struct model_guest_route *route, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    struct netlink_route entry = {0};
    int result = make_route(kernel, route, &entry, &refusal);

    entry.source.family = 0; /* gone with its address, maybe */
    result = result < 0 ? result : netlink_route_delete(kernel->route, &entry, &refusal);
    if (result == -ESRCH || result == -ENODEV) /* it went with its device, or when that went down */
        return 0;
    return result < 0 ? error_set(error, result, "%s", refusal.text) : 0;
}

static int make_neighbour(struct apply_kernel *kernel, const struct model_neighbour *neighbour,
                          struct netlink_neighbour *ret, struct tapnet_error *error)
{
    int index = 0, result = apply_kernel_index(kernel, neighbour->device, &index, error);

    if (result < 0)
        return result;
    *ret = (struct netlink_neighbour){
        .family = neighbour->address.family,
        .index = index,
        .address = neighbour->address,
        .mac = neighbour->mac,
        .proxy = neighbour->proxy,
        .protocol = MODEL_ROUTE_PROTOCOL,
    };
    return 0;
}

static int neighbour_set(void *data, const struct model_neighbour *neighbour, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    struct netlink_neighbour entry;
    int result = make_neighbour(kernel, neighbour, &entry, error);

    return result < 0 ? result : netlink_neighbour_set(kernel->route, &entry, error);
}

static int neighbour_delete(void *data, const struct model_neighbour *neighbour, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    struct netlink_neighbour entry;
    int result = make_neighbour(kernel, neighbour, &entry, &refusal);

    result = result < 0 ? result : netlink_neighbour_delete(kernel->route, &entry, &refusal);
    if (result == -ENOENT || result == -ENODEV) /* the kernel forgets those of a link that speaks no ARP any more */
        return 0;
    return result < 0 ? error_set(error, result, "%s", refusal.text) : 0;
}

static struct netlink_item netlink_item_of(const struct model_item *item)
{
    return (struct netlink_item){
        .kind = (enum netlink_item_kind)item->kind,
        .bytes = item->bytes,
        .len = item->len,
        .valid = item->valid,
        .preferred = item->preferred,
    };
}

static int item_add(void *data, const struct model_item *item, struct tapnet_error *error)
{
    const struct netlink_item words = netlink_item_of(item);
    struct apply_kernel *kernel = data;
    int index = 0, result = apply_kernel_index(kernel, item->device, &index, error);

    return result < 0 ? result : netlink_item_add(kernel->route, index, &words, error);
}

static int item_delete(void *data, const struct model_item *item, struct tapnet_error *error)
{
    const struct netlink_item words = netlink_item_of(item);
    struct apply_kernel *kernel = data;
    int index = 0, result = apply_kernel_index(kernel, item->device, &index, NULL);

    if (result == -ENODEV) /* it went with its device */
        return 0;
    return result < 0 ? error_set_errno(error, result, "%s", item->device)
                      : netlink_item_delete(kernel->route, index, &words, error);
}

static void item_hint(void *data, const struct model_item *item, bool there)
{
    if (there)
        item_add(data, item, NULL);
    else
        item_delete(data, item, NULL);
}

static int write_sysctl(void *data, const char *path, const char *value, struct tapnet_error *error)
{
    char current[16];

    (void)data;
    /* `forwarding` of IPv6 does something each time it is written, changed or not. */
    if (sysctl_read(path, current, sizeof(current), NULL) == 0 && strcmp(current, value) == 0)
        return 0;
    return sysctl_write(path, value, error);
}

static int guards_commit(void *data, struct nft_transaction *transaction, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    int result = apply_kernel_netfilter(kernel, error);

    kernel->guards_changed = true;
    return result < 0 ? result : nft_commit(kernel->netfilter, transaction, error);
}

static int elements_find(void *data, struct guard_element *elements, size_t *count, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    int result = apply_kernel_netfilter(kernel, error);

    return result < 0 ? result : nft_elements_find(kernel->netfilter, elements, count, error);
}

static int passage_add(void *data, const struct guard_passage *passage, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    int result = apply_kernel_netfilter(kernel, error);

    return result < 0 ? result : nft_passage_add(kernel->netfilter, passage, error);
}

static int passage_delete(void *data, const struct guard_passage *passage, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    int result = apply_kernel_netfilter(kernel, error);

    return result < 0 ? result : nft_passage_delete(kernel->netfilter, passage, error);
}

/* What stands beside a network's ledger is void with it (observe/plugged.h): one that can't be removed does no harm. */
static void remove_companions(const struct apply_kernel *kernel, const char *name)
{
    static const char *const suffixes[] = {PLUGGED_SUFFIX, PLUGGED_ROLL_SUFFIX};
    size_t len = strlen(name);
    char companion[NAME_MAX];

    if (strncmp(name, "networks/", strlen("networks/")) != 0 || len < strlen(".json"))
        return;
    for (size_t i = 0; i < ARRAY_COUNT(suffixes); i++)
        if (snprintf(companion, sizeof(companion), "%.*s%s", (int)(len - strlen(".json")), name, suffixes[i]) <
            (int)sizeof(companion))
            run_file_remove(kernel->run_dir, companion, NULL);
}

static int file_write(void *data, const char *name, const char *text, struct tapnet_error *error)
{
    const struct apply_kernel *kernel = data;
    int result = run_file_write(kernel->run_dir, name, text, error);

    if (result == 0)
        remove_companions(kernel, name);
    return result;
}

static int file_remove(void *data, const char *name, struct tapnet_error *error)
{
    const struct apply_kernel *kernel = data;

    remove_companions(kernel, name);
    return run_file_remove(kernel->run_dir, name, error);
}

static int file_append(void *data, const char *name, const char *head, const char *line, struct tapnet_error *error)
{
    return run_file_append(((struct apply_kernel *)data)->run_dir, name, head, line, error);
}

static int conntrack_forget(void *data, const struct ip_address *addresses, size_t count, struct tapnet_error *error)
{
    struct apply_kernel *kernel = data;
    int result = apply_kernel_netfilter(kernel, error);

    return result < 0 ? result : netlink_conntrack_forget(kernel->netfilter, addresses, count, NULL, error);
}

static int conntrack_forget_forwards(void *data, const struct netlink_conntrack_forward *forwards, size_t count,
                                     struct tapnet_error *error)
{
    _cleanup_free_ struct ip_address *addresses = NULL;
    struct apply_kernel *kernel = data;
    size_t address_count = 0;
    int result = apply_kernel_netfilter(kernel, error);

    if (result == 0)
        result = apply_kernel_route(kernel, error);
    if (result == 0)
        result = netlink_address_list(kernel->route, &addresses, &address_count, error);
    return result < 0 ? result
                      : netlink_conntrack_forget_forwards(kernel->netfilter, forwards, count, addresses, address_count,
                                                          NULL, error);
}

static const struct apply_ops kernel_ops = {
    .link_index = link_index,
    .bridge_create = bridge_create,
    .veth_create = veth_create,
    .device_open = apply_device_open,
    .device_own = apply_device_own,
    .device_keep = apply_device_keep,
    .device_set = apply_device_set,
    .link_set = link_set,
    .link_shape = link_shape,
    .link_delete = apply_link_delete,
    .links_delete = apply_links_delete,
    .link_lay_off = apply_link_lay_off,
    .address_add = address_add,
    .address_delete = address_delete,
    .route_add = route_add,
    .route_delete = route_delete,
    .neighbour_set = neighbour_set,
    .neighbour_delete = neighbour_delete,
    .item_add = item_add,
    .item_delete = item_delete,
    .item_hint = item_hint,
    .link_imitate = apply_link_imitate,
    .sysctl_write = write_sysctl,
    .guards_commit = guards_commit,
    .elements_find = elements_find,
    .passage_add = passage_add,
    .passage_delete = passage_delete,
    .file_write = file_write,
    .file_remove = file_remove,
    .file_append = file_append,
    .service_prepare = apply_service_prepare,
    .service_release = apply_service_release,
    .service_serve = apply_service_serve,
    .service_update = apply_service_update,
    .service_plug = apply_service_plug,
    .service_plugged = apply_service_plugged,
    .service_unplug = apply_service_unplug,
    .service_stop = apply_service_stop,
    .names_tell = apply_names_tell,
    .names_forget = apply_names_forget,
    .conntrack_forget = conntrack_forget,
    .conntrack_forget_forwards = conntrack_forget_forwards,
};

void apply_kernel_lend(struct apply_kernel *kernel, struct apply_loan loan)
{
    kernel->loan = loan;
}

void apply_kernel_catch(struct apply_kernel *kernel, unsigned flags, int *ret_fd)
{
    kernel->made_flags = flags;
    kernel->made_fd = ret_fd;
}

void apply_kernel_peer(struct apply_kernel *kernel, const struct apply_peer *peer)
{
    kernel->peer = peer;
}

/* What belongs to the calls until now is forgotten: names that mean other links by then, whom they were for. */
void apply_kernel_rest(struct apply_kernel *kernel)
{
    if (!kernel)
        return;
    apply_announce_fini(kernel);
    kernel->making_fd = APPLY_MAKING_UNKNOWN;
    if (kernel->awaiting) /* what comes by it is about what was given up */
        apply_service_hang_up(kernel);
    kernel->made_fd = NULL;
    kernel->made_flags = 0;
    kernel->catching = kernel->made_kept = false;
    kernel->peer = NULL;
    kernel->master_name[0] = '\0';
}

void apply_kernel_free(struct apply_kernel *kernel)
{
    if (!kernel)
        return;
    if (kernel->making_fd >= 0)
        close(kernel->making_fd);
    apply_service_hang_up(kernel);
    netlink_close(kernel->route);
    netlink_close(kernel->netfilter);
    free(kernel->run_dir);
    free(kernel->service);
    free(kernel);
}

int apply_kernel_new(const char *run_dir, const char *service, struct apply_kernel **ret, struct apply_ops *ret_ops,
                     struct tapnet_error *error)
{
    struct apply_kernel *kernel = calloc(1, sizeof(*kernel));

    if (kernel) {
        kernel->making_fd = APPLY_MAKING_UNKNOWN;
        kernel->talk_fd = kernel->mail_fd = kernel->mail_process = -1;
        kernel->run_dir = strdup(run_dir);
        kernel->service = strdup(service);
        kernel->loan = APPLY_LOAN_NONE;
    }
    if (!kernel || !kernel->run_dir || !kernel->service) {
        apply_kernel_free(kernel);
        return error_set(error, -ENOMEM, "out of memory");
    }
    *ret_ops = kernel_ops;
    ret_ops->data = kernel;
    *ret = kernel;
    return 0;
}
