/* SPDX-License-Identifier: MIT */
/* Running plans against a recording back end: the order of requests, and what is undone when any of them fails. */
#include "../plan/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "apply/apply.h"

/* A host that is a list of names: requests put names in and take them out. */
struct host {
    char present[64][96];
    size_t count;
    char log[16384];
    unsigned requests, fail_at;
};

static struct host host;

static int note(const char *verb, const char *noun, struct tapnet_error *error)
{
    size_t length = strlen(host.log);

    host.requests++;
    if (host.requests == host.fail_at)
        return error_set(error, -ENOBUFS, "no %s", noun);
    snprintf(host.log + length, sizeof(host.log) - length, "%s %s\n", verb, noun);
    return 0;
}

static void enter(const char *name)
{
    for (size_t i = 0; i < host.count; i++)
        if (strcmp(host.present[i], name) == 0)
            fail_msg("%s is made twice", name);
    snprintf(host.present[host.count++], sizeof(host.present[0]), "%s", name);
}

static void leave(const char *name)
{
    for (size_t i = 0; i < host.count; i++) {
        if (strcmp(host.present[i], name) == 0) {
            memcpy(host.present[i], host.present[--host.count], sizeof(host.present[0]));
            return;
        }
    }
    fail_msg("%s is taken away and was not there", name);
}

static bool is_present(const char *name)
{
    for (size_t i = 0; i < host.count; i++)
        if (strcmp(host.present[i], name) == 0)
            return true;
    return false;
}

static int change(bool make, const char *noun, struct tapnet_error *error)
{
    int result = note(make ? "make" : "remove", noun, error);

    if (result == 0 && make)
        enter(noun);
    else if (result == 0)
        leave(noun);
    return result;
}

static int link_index(void *data, const char *name, int *ret, struct tapnet_error *error)
{
    (void)data;
    (void)name;
    (void)error;
    *ret = 1;
    return 0;
}

static int bridge_create(void *data, const struct model_link *link, struct tapnet_error *error)
{
    (void)data;
    return change(true, link->name, error);
}

static int veth_create(void *data, const struct model_link *link, struct tapnet_error *error)
{
    (void)data;
    return change(true, link->name, error);
}

static char opened[MODEL_IFNAME_MAX];

/* The "descriptor" is real, so that closing it is; a device that is not kept is gone with it: noted at keep. */
static int device_open(void *data, const struct model_link *link, bool fresh, int *ret_fd, struct tapnet_error *error)
{
    int result = note("open", link->name, error);

    (void)data;
    (void)fresh;
    snprintf(opened, sizeof(opened), "%s", link->name);
    if (result == 0)
        *ret_fd = dup(0);
    return result;
}

static int device_keep(void *data, int fd, bool keep, struct tapnet_error *error)
{
    (void)data;
    (void)fd;
    if (!keep && !is_present(opened)) /* it never was */
        return 0;
    return change(keep, opened, error);
}

static int device_own(void *data, int fd, const struct model_link *link, struct tapnet_error *error)
{
    (void)data;
    (void)fd;
    return note("own", link->name, error);
}

static int device_set(void *data, int fd, enum apply_setting setting, uint32_t value, struct tapnet_error *error)
{
    char text[32];

    (void)data;
    (void)fd;
    snprintf(text, sizeof(text), "%d to %u", (int)setting, value);
    return note("tune", text, error);
}

static int link_set(void *data, const char *name, struct netlink_link_change *wanted, const char *master,
                    struct tapnet_error *error)
{
    (void)data;
    (void)wanted;
    (void)master;
    snprintf(opened, sizeof(opened), "%s", name);
    return note("set", name, error);
}

static int link_shape(void *data, const char *name, uint64_t rate, uint32_t burst, struct tapnet_error *error)
{
    (void)data;
    (void)rate;
    (void)burst;
    return note("shape", name, error);
}

/* What is set of a link by sysctl goes with it. */
static int link_delete(void *data, const char *name, struct tapnet_error *error)
{
    int result = change(false, name, error);
    char part[MODEL_SYSCTL_MAX];

    (void)data;
    snprintf(part, sizeof(part), "/conf/%s/", name);
    for (size_t i = host.count; result == 0 && i > 0; i--)
        if (strstr(host.present[i - 1], part))
            leave(host.present[i - 1]);
    return result;
}

static int links_delete(void *data, const char *const *names, size_t count, struct tapnet_error *error)
{
    int result = note("remove", "many", error);

    (void)data;
    for (size_t i = 0; result == 0 && i < count; i++)
        leave(names[i]);
    return result;
}

static int address_add(void *data, const struct model_host_address *address, struct tapnet_error *error)
{
    char text[IP_PREFIX_TEXT_MAX];

    (void)data;
    return change(true, ip_prefix_print(&address->prefix, text), error);
}

static int address_delete(void *data, const struct model_host_address *address, struct tapnet_error *error)
{
    char text[IP_PREFIX_TEXT_MAX];

    (void)data;
    return change(false, ip_prefix_print(&address->prefix, text), error);
}

/* Noted with where the host speaks from: one that changes is another one. */
static int change_route(bool make, const struct model_guest_route *route, struct tapnet_error *error)
{
    char guest[IP_TEXT_MAX], source[IP_TEXT_MAX], text[2 * IP_TEXT_MAX + MODEL_IFNAME_MAX];

    snprintf(text, sizeof(text), "%s by %s from %s", ip_address_print(&route->guest, guest), route->device,
             ip_address_print(&route->source, source));
    return change(make, text, error);
}

static int route_add(void *data, const struct model_guest_route *route, struct tapnet_error *error)
{
    (void)data;
    return change_route(true, route, error);
}

static int route_delete(void *data, const struct model_guest_route *route, struct tapnet_error *error)
{
    (void)data;
    return change_route(false, route, error);
}

/* eth0 is there always; a link of ours can be told only while it is there. */
static int sysctl_set(void *data, const char *path, const char *value, struct tapnet_error *error)
{
    struct model_sysctl sysctl = {.value = ""};

    (void)data;
    snprintf(sysctl.path, sizeof(sysctl.path), "%s", path);
    if (strstr(path, "/br-lab/") && !is_present("br-lab"))
        return error_set(error, -ENOENT, "no %s", path);
    if (value[0] < '0' || value[0] > '9' || value[1])
        return error_set(error, -EINVAL, "no number: %s", value);
    return change(strcmp(value, model_sysctl_wanted(&sysctl)) == 0, path, error);
}

static int guards_commit(void *data, struct nft_transaction *transaction, struct tapnet_error *error)
{
    (void)data;
    (void)transaction;
    return note("commit", "guards", error);
}

static int passage_add(void *data, const struct guard_passage *passage, struct tapnet_error *error)
{
    (void)data;
    return change(true, passage->chain, error);
}

static int passage_delete(void *data, const struct guard_passage *passage, struct tapnet_error *error)
{
    (void)data;
    return change(false, passage->chain, error);
}

static int file_write(void *data, const char *name, const char *text, struct tapnet_error *error)
{
    (void)data;
    (void)text;
    return is_present(name) ? note("write again", name, error) : change(true, name, error);
}

static int file_remove(void *data, const char *name, struct tapnet_error *error)
{
    (void)data;
    return change(false, name, error);
}

static int prepare(void *data, struct tapnet_error *error)
{
    (void)data;
    return note("prepare", "service", error);
}

static int release(void *data, struct tapnet_error *error)
{
    (void)data;
    (void)error;
    return 0;
}

static int serve(void *data, const struct model_network *network, struct tapnet_error *error)
{
    (void)data;
    (void)network; /* served again is as before: a reply may have been lost */
    return is_present("service") ? note("serve again", "service", error) : change(true, "service", error);
}

static int stop(void *data, const char *network, struct tapnet_error *error)
{
    (void)data;
    (void)network;
    return is_present("service") ? change(false, "service", error) : note("stop again", "service", error);
}

static int names_tell(void *data, const struct model_network *network, struct tapnet_error *error)
{
    (void)data;
    (void)network;
    return note("tell", "names", error);
}

static int names_forget(void *data, const struct model_network *network, struct tapnet_error *error)
{
    (void)data;
    (void)network;
    return note("forget", "names", error);
}

static int forget(void *data, const struct ip_address *addresses, size_t count, struct tapnet_error *error)
{
    (void)data;
    (void)addresses;
    (void)count;
    return note("forget", "connections", error);
}

static int forget_forwards(void *data, const struct netlink_conntrack_forward *forwards, size_t count,
                           struct tapnet_error *error)
{
    (void)data;
    (void)forwards;
    (void)count;
    return note("forget", "forwards", error);
}

static const struct apply_ops recording = {
    .link_index = link_index,
    .bridge_create = bridge_create,
    .veth_create = veth_create,
    .device_open = device_open,
    .device_own = device_own,
    .device_keep = device_keep,
    .device_set = device_set,
    .link_set = link_set,
    .link_shape = link_shape,
    .link_delete = link_delete,
    .links_delete = links_delete,
    .address_add = address_add,
    .address_delete = address_delete,
    .route_add = route_add,
    .route_delete = route_delete,
    .sysctl_write = sysctl_set,
    .guards_commit = guards_commit,
    .passage_add = passage_add,
    .passage_delete = passage_delete,
    .file_write = file_write,
    .file_remove = file_remove,
    .service_prepare = prepare,
    .service_release = release,
    .service_serve = serve,
    .service_update = serve,
    .service_stop = stop,
    .names_tell = names_tell,
    .names_forget = names_forget,
    .conntrack_forget = forget,
    .conntrack_forget_forwards = forget_forwards,
};

static int run(const struct model_objects *wanted, const struct model_objects *found, unsigned fail_at,
               struct tapnet_error *error)
{
    struct plan *plan;
    int result;

    assert_int_equal(plan_make(wanted, found, &plan), 0);
    host.requests = 0;
    host.fail_at = fail_at;
    host.log[0] = '\0';
    result = apply_run(&(struct apply_request){.plan = plan, .all = found, .ops = &recording}, error);
    plan_free(plan);
    return result;
}

/* The lab with IPv6, and its sysctl of IPv4 with the old value, as the scope would have filled it in. */
static void expand(struct lab *lab, struct model_objects *ret)
{
    lab_init(lab, "lab");
    lab_init6(lab, true);
    lab_expand(lab, ret);
    for (size_t i = 0; i < ret->count; i++)
        if (ret->items[i].kind == MODEL_OBJECT_SYSCTL && strncmp(ret->items[i].sysctl.path, "net/ipv4/", 9) == 0)
            strcpy(ret->items[i].sysctl.restore, "0");
}

static void guards_stand_before_anything_is_up(void **state)
{
    struct model_objects wanted, nothing = {0};
    struct lab lab;

    (void)state;
    host = (struct host){.count = 0};
    expand(&lab, &wanted);
    assert_int_equal(run(&wanted, &nothing, 0, NULL), 0);
    assert_ptr_equal(strstr(host.log, "prepare service\ncommit guards\n"), host.log);
    assert_true(strstr(host.log, "make br-lab") < strstr(host.log, "open lab-db"));
    assert_true(strstr(host.log, "set lab-web") < strstr(host.log, "make lab-web")); /* labelled, then kept */
    assert_true(strstr(host.log, "make br-lab") < strstr(host.log, "make net/ipv6/conf/br-lab/forwarding"));
    assert_non_null(strstr(host.log, "make service"));
    model_objects_fini(&wanted);
}

/* Whichever request of `up` fails: everything that was made is taken away again, and the error says what and why. */
static void a_failed_up_leaves_nothing(void **state)
{
    struct model_objects wanted, nothing = {0};
    struct lab lab;
    unsigned total;

    (void)state;
    host = (struct host){.count = 0};
    expand(&lab, &wanted);
    assert_int_equal(run(&wanted, &nothing, 0, NULL), 0);
    total = host.requests;
    assert_true(total >= 14);
    for (unsigned i = 1; i <= total; i++) {
        struct tapnet_error error = TAPNET_ERROR_INIT;

        host = (struct host){.count = 0};
        assert_int_equal(run(&wanted, &nothing, i, &error), -ENOBUFS);
        assert_int_equal(host.count, 0);
        assert_non_null(strstr(error.text, i == 1 ? "service" : "cannot make"));
        assert_non_null(strstr(error.text, "no "));
    }
    model_objects_fini(&wanted);
}

static struct model_service *find_service(struct model_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++)
        if (objects->items[i].kind == MODEL_OBJECT_SERVICE)
            return &objects->items[i].service;
    fail_msg("no service");
    return NULL;
}

/* The host's resolver comes last and is asked for alone; whatever it says, the network is up. */
static void a_resolver_that_fails_fails_nothing(void **state)
{
    struct model_objects wanted, found, nothing = {0};
    struct lab lab;

    (void)state;
    host = (struct host){.count = 0};
    expand(&lab, &wanted);
    expand(&lab, &found);
    find_service(&wanted)->named = true;
    assert_int_equal(run(&wanted, &nothing, 0, NULL), 0);
    assert_true(strstr(host.log, "make service") < strstr(host.log, "tell names"));
    find_service(&found)->running = true;
    assert_int_equal(run(&wanted, &found, 0, NULL), 0);
    assert_null(strstr(host.log, "make service"));
    assert_non_null(strstr(host.log, "tell names"));
    assert_int_equal(run(&wanted, &found, host.requests, NULL), 0);
    assert_int_equal(run(&nothing, &wanted, 0, NULL), 0);
    assert_true(strstr(host.log, "forget names") < strstr(host.log, "remove service"));
    model_objects_fini(&wanted);
    model_objects_fini(&found);
}

/* The same for `down`: what was removed is made again. */
static void a_failed_down_leaves_everything(void **state)
{
    struct model_objects wanted, nothing = {0};
    struct host before;
    struct lab lab;
    unsigned total;

    (void)state;
    host = (struct host){.count = 0};
    expand(&lab, &wanted);
    assert_int_equal(run(&wanted, &nothing, 0, NULL), 0);
    before = host;
    assert_int_equal(run(&nothing, &wanted, 0, NULL), 0);
    assert_int_equal(host.count, 0);
    total = host.requests;
    for (unsigned i = 1; i <= total; i++) {
        host = before;
        assert_int_equal(run(&nothing, &wanted, i, NULL), -ENOBUFS);
        assert_int_equal(host.count, before.count);
    }
    model_objects_fini(&wanted);
}

/* Is @object br-lab, or an address of it? */
static bool is_of_bridge(const struct model_object *object)
{
    if (object->kind == MODEL_OBJECT_ADDRESS)
        return strcmp(object->address.device, "br-lab") == 0;
    return object->kind == MODEL_OBJECT_LINK && strcmp(object->link.name, "br-lab") == 0;
}

/* What a host has of @whole when somebody has deleted the bridge. */
static void delete_bridge(const struct model_objects *whole, struct model_objects *ret)
{
    *ret = (struct model_objects){0};
    for (size_t i = 0; i < whole->count; i++) {
        struct model_object object = whole->items[i];

        if (is_of_bridge(&object))
            continue;
        if (object.kind == MODEL_OBJECT_SYSCTL && strstr(object.sysctl.path, "/br-lab/"))
            strcpy(object.sysctl.value, MODEL_SYSCTL_GONE);
        assert_int_equal(model_objects_add(ret, &object), 0);
    }
}

/* A tapnet that was killed while it made the bridge anew: putting back takes it away, and its sysctls with it. */
static void what_was_gone_goes_again(void **state)
{
    struct model_objects whole, before, nothing = {0};
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct lab lab;

    (void)state;
    host = (struct host){.count = 0};
    expand(&lab, &whole);
    assert_int_equal(run(&whole, &nothing, 0, NULL), 0);
    delete_bridge(&whole, &before);
    if (run(&before, &whole, 0, &error) < 0)
        fail_msg("%s", error.text);
    assert_false(is_present("br-lab") || is_present("net/ipv6/conf/br-lab/forwarding"));
    assert_true(is_present("net/ipv6/conf/eth0/accept_ra"));
    assert_int_equal(run(&whole, &before, 0, NULL), 0);
    assert_true(is_present("net/ipv6/conf/br-lab/forwarding"));
    model_objects_fini(&before);
    model_objects_fini(&whole);
}

static struct ip_address address_of(const char *text)
{
    struct ip_address address = {0};

    assert_int_equal(ip_address_parse(text, &address), 0);
    return address;
}

static void set_route(struct model_objects *objects, const char *device, const char *source)
{
    struct model_object object = {.kind = MODEL_OBJECT_ROUTE, .route = {.guest = address_of("fd00:20::7")}};

    strcpy(object.route.device, device);
    object.route.source = address_of(source);
    *objects = (struct model_objects){0};
    assert_int_equal(model_objects_add(objects, &object), 0);
}

#define ROUTE_FROM(gateway) "fd00:20::7 by lab-web from " gateway

/* Its guest is out of reach for a moment, and never for good. */
static void a_route_that_changes_is_made_anew_or_stays(void **state)
{
    struct model_objects wanted, found;

    (void)state;
    host = (struct host){.count = 0};
    set_route(&found, "lab-web", "fd00:20::1");
    set_route(&wanted, "lab-web", "fd00:20::2");
    enter(ROUTE_FROM("fd00:20::1"));
    assert_int_equal(run(&found, &found, 0, NULL), 0);
    assert_int_equal(host.requests, 0);
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(run(&wanted, &found, i, NULL), -ENOBUFS);
        assert_true(host.count == 1 && is_present(ROUTE_FROM("fd00:20::1")));
    }
    assert_int_equal(run(&wanted, &found, 0, NULL), 0);
    assert_true(host.count == 1 && is_present(ROUTE_FROM("fd00:20::2")));
    model_objects_fini(&wanted);
    model_objects_fini(&found);
}

/* As an older tapnet led to a guest by the other end of an address: the guest's connections go on. */
static void a_guest_whose_address_stays_keeps_its_connections(void **state)
{
    struct model_object peer = {.kind = MODEL_OBJECT_ADDRESS, .address = {.peer = address_of("fd00:20::7")}};
    struct model_objects wanted, found = {0};

    (void)state;
    peer.address.prefix = (struct ip_prefix){address_of("fd00:20::1"), 128};
    strcpy(peer.address.device, "lab-web");
    assert_int_equal(model_objects_add(&found, &peer), 0);
    for (int other = 0; other < 2; other++) {
        host = (struct host){.count = 0};
        enter("fd00:20::1/128");
        set_route(&wanted, other ? "lab-db" : "lab-web", "fd00:20::1");
        assert_int_equal(run(&wanted, &found, 0, NULL), 0);
        assert_int_equal(strstr(host.log, "forget connections") != NULL, other);
        model_objects_fini(&wanted);
    }
    model_objects_fini(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guards_stand_before_anything_is_up),
        cmocka_unit_test(a_failed_up_leaves_nothing),
        cmocka_unit_test(a_failed_down_leaves_everything),
        cmocka_unit_test(what_was_gone_goes_again),
        cmocka_unit_test(a_resolver_that_fails_fails_nothing),
        cmocka_unit_test(a_route_that_changes_is_made_anew_or_stays),
        cmocka_unit_test(a_guest_whose_address_stays_keeps_its_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
