/* SPDX-License-Identifier: MIT */
/* Objects and networks as JSON: there and back without loss, and nothing read that was not written so. */
#include <jansson.h>

#include "build.h"
#include "random_object.h"

static void cleanup_json(json_t **json)
{
    json_decref(*json);
}

#define _cleanup_json_ cleanup(cleanup_json)

static void cleanup_arena(struct arena *arena)
{
    arena_fini(arena);
}

#define _cleanup_arena_ cleanup(cleanup_arena)

static bool links_same(const struct model_link *a, const struct model_link *b)
{
    return memcmp(&a->owner, &b->owner, sizeof(a->owner)) == 0 && strcmp(a->name, b->name) == 0 && a->kind == b->kind &&
           mac_equal(&a->mac, &b->mac) && a->mtu == b->mtu && strcmp(a->master, b->master) == 0 && a->user == b->user &&
           a->group == b->group && a->multi_queue == b->multi_queue && a->persistent == b->persistent &&
           a->up == b->up && a->forwarding == b->forwarding && a->routed == b->routed && a->routed6 == b->routed6 &&
           a->queue_length == b->queue_length && a->link_type == b->link_type &&
           a->settings.offloads_given == b->settings.offloads_given && a->settings.offloads == b->settings.offloads &&
           a->settings.vnet_header_size == b->settings.vnet_header_size;
}

/* Stricter than model_object_equal(): what that leaves out must survive as well. */
static void assert_same(const struct model_object *a, const struct model_object *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(model_object_compare(a, b), 0);
    if (a->kind == MODEL_OBJECT_LINK)
        assert_true(links_same(&a->link, &b->link));
    else if (a->kind == MODEL_OBJECT_TABLE)
        assert_int_equal(a->table.intact, b->table.intact);
    else
        assert_true(model_object_equal(a, b));
    for (size_t i = 0; a->kind == MODEL_OBJECT_UPLINK && i < a->uplink.item_count; i++) {
        assert_int_equal(a->uplink.items[i].valid, b->uplink.items[i].valid);
        assert_int_equal(a->uplink.items[i].preferred, b->uplink.items[i].preferred);
        assert_int_equal(a->uplink.items[i].learnt, b->uplink.items[i].learnt);
    }
    if (a->kind == MODEL_OBJECT_SYSCTL)
        assert_string_equal(a->sysctl.restore, b->sysctl.restore);
    if (a->kind == MODEL_OBJECT_ELEMENT) /* what was read has always one, if it is "" */
        assert_string_equal(a->element.label ? a->element.label : "", b->element.label);
}

/* Every object through text, as the journal does it. */
static void objects_go_there_and_back(void **state)
{
    struct random random = {.state = 42};

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        struct arena arena _cleanup_arena_ = {0};
        struct model_object object = random_object(&random, &arena), back;
        json_t *json _cleanup_json_ = model_object_to_json(&object), *again _cleanup_json_ = NULL;
        char *text _cleanup_free_ = json ? json_dumps(json, JSON_COMPACT) : NULL;
        struct tapnet_error error = TAPNET_ERROR_INIT;

        assert_non_null(text);
        again = json_loads(text, 0, NULL);
        assert_non_null(again);
        if (model_object_from_json(again, &arena, &back, &error) < 0)
            fail_msg("%s: %s", error.text, text);
        assert_same(&object, &back);
    }
}

/* What a tapnet of before left half done, whoever goes on with it. */
static void an_older_journal_is_read(void **state)
{
    static const char key[] = "{\"kind\":\"element\",\"set\":\"dns_ports6\",\"key\":[\"br-lab\",\"fd00:20::1\"],";
    static const char *const data[] = {"\"data\":10053}", "\"data\":[\"fd00:20::1\",10053]}"};
    struct arena arena _cleanup_arena_ = {0};
    struct model_object objects[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tapnet_error error = TAPNET_ERROR_INIT;
        char text[256];
        json_t *json _cleanup_json_ = NULL;

        snprintf(text, sizeof(text), "%s%s", key, data[i]);
        json = json_loads(text, 0, NULL);
        if (model_object_from_json(json, &arena, &objects[i], &error) < 0)
            fail_msg("%s: %s", error.text, text);
    }
    assert_same(&objects[0], &objects[1]);
}

static void networks_go_there_and_back(void **state)
{
    struct random random = {.state = 43};

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        struct arena arena _cleanup_arena_ = {0};
        struct model_network network, *back = NULL;
        struct tapnet_error error = TAPNET_ERROR_INIT;
        json_t *json _cleanup_json_ = NULL, *again _cleanup_json_ = NULL;

        random_network(&random, &arena, &network);
        json = model_network_to_json(&network);
        assert_non_null(json);
        if (model_network_from_json(json, &arena, &back, &error) < 0)
            fail_msg("%s", error.text);
        assert_true(model_network_equal(&network, back));
        again = model_network_to_json(back);
        assert_true(json_equal(json, again));
    }
}

/* A port's line says the same in the same order, whether it is printed at once or by the tree. */
static void a_line_is_the_tree_printed(void **state)
{
    struct random random = {.state = 45};
    unsigned ports = 0;

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        struct arena arena _cleanup_arena_ = {0};
        struct model_network network;

        random_network(&random, &arena, &network);
        for (size_t j = 0; j < network.port_count; j++, ports++) {
            json_t *json _cleanup_json_ = model_port_to_json(&network.ports[j]);
            char *text _cleanup_free_ = json_dumps(json, JSON_COMPACT);
            char *line _cleanup_free_ = model_port_print(&network.ports[j]);

            assert_memory_equal(line, text, strlen(text));
            assert_string_equal(line + strlen(text), "\n");
        }
    }
    assert_true(ports > 1000);
}

static void what_has_to_be_escaped_is(void **state)
{
    struct model_port port = {.name = "web", .device = "a\"b\\c", .user = 1000, .group = MODEL_ID_NONE};
    char *line _cleanup_free_ = model_port_print(&port);

    (void)state;
    assert_string_equal(line, "{\"name\":\"web\",\"device\":\"a\\\"b\\\\c\",\"user\":1000,\"limit\":{}}\n");
}

/* Another value for @key that is right, and that no random network has. */
static const char *replacement(const char *key)
{
    if (strstr(key, "mac"))
        return "02:00:00:00:00:00";
    if (strcmp(key, "mode") == 0)
        return "other";
    if (strcmp(key, "origin") == 0)
        return "attached";
    if (strcmp(key, "subnet") == 0)
        return "0.0.0.0/9";
    return strcmp(key, "address") == 0 ? "0.0.0.0" : "another9";
}

/* Every single value of a network made another: no longer equal, or refused. */
static void every_difference_of_a_network_is_seen(void **state)
{
    struct random random = {.state = 44};
    unsigned differing = 0;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        struct arena arena _cleanup_arena_ = {0};
        struct model_network network, *back = NULL;
        json_t *json _cleanup_json_ = NULL;
        json_t *target;
        void *at;

        random_network(&random, &arena, &network);
        json = model_network_to_json(&network);
        target = json;
        if (network.port_count && random_chance(&random, 50))
            target = json_array_get(json_object_get(json, "ports"),
                                    random_below(&random, (uint32_t)network.port_count));
        at = json_object_iter(target);
        for (uint32_t skip = random_below(&random, (uint32_t)json_object_size(target)); skip > 0; skip--)
            at = json_object_iter_next(target, at);
        if (json_is_string(json_object_iter_value(at)))
            json_object_set_new(target, json_object_iter_key(at), json_string(replacement(json_object_iter_key(at))));
        else if (json_is_integer(json_object_iter_value(at)))
            json_object_set_new(target, json_object_iter_key(at),
                                json_integer(json_integer_value(json_object_iter_value(at)) ^ 1));
        else
            continue;
        if (model_network_from_json(json, &arena, &back, NULL) == 0) {
            json_t *again _cleanup_json_ = model_network_to_json(back);

            assert_true(json_equal(json, again));
            assert_false(model_network_equal(&network, back));
            differing++;
        }
    }
    assert_true(differing > 100);
}

/* ---- hostile ---- */

static int read_object(const char *text, struct tapnet_error *error)
{
    struct arena arena _cleanup_arena_ = {0};
    json_t *json _cleanup_json_ = json_loads(text, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    struct model_object object;

    assert_non_null(json);
    return model_object_from_json(json, &arena, &object, error);
}

#define LINK_TAIL ",\"mtu\":0,\"multi_queue\":false,\"persistent\":true,\"up\":true,\"forwarding\":false}"
#define NETWORK_HEAD                                                                                                   \
    "{\"kind\":\"service\",\"running\":true,\"named\":false,"                                                          \
    "\"network\":{\"name\":\"lab\",\"bridge\":\"br-lab\",\"mode\":\"nat\","
#define NETWORK_TAIL "\"mtu\":1500,\"dns_port\":10053,\"ports\":[]}}"

static void what_is_written_by_hand_and_right_is_read(void **state)
{
    static const char *const good[] = {
        "{\"kind\":\"table\",\"family\":\"inet\",\"intact\":true}",
        "{\"kind\":\"element\",\"set\":\"ports\",\"key\":[\"lab-web\"]}",
        "{\"kind\":\"element\",\"set\":\"dns_ports\",\"key\":[\"br-lab\",\"10.20.0.1\"],\"data\":53,\"label\":\"a/b\"}",
        "{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"lab-web\"" LINK_TAIL,
        "{\"kind\":\"address\",\"device\":\"br-lab\",\"prefix\":\"10.20.0.1/24\"}",
        "{\"kind\":\"sysctl\",\"path\":\"net/ipv4/conf/eth0/forwarding\",\"value\":\"1\"}",
        NETWORK_HEAD NETWORK_TAIL,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        struct tapnet_error error = TAPNET_ERROR_INIT;

        if (read_object(good[i], &error) < 0)
            fail_msg("%s: %s", error.text, good[i]);
    }
}

static const char *const wrong[][2] = {
    {"7", "object must be a JSON object"},
    {"[]", "object must be a JSON object"},
    {"null", "object must be a JSON object"},
    {"{}", "object has no \"kind\""},
    {"{\"kind\":7}", "\"kind\" must be"},
    {"{\"kind\":\"gate\"}", "\"kind\" must be"},
    {"{\"kind\":\"route\"}", "no \"device\""},
    {"{\"kind\":\"table\\u0000\",\"family\":\"inet\",\"intact\":true}", "\"kind\" must be"},
    {"{\"kind\":\"table\",\"family\":\"ip6\",\"intact\":true}", "\"family\" must be"},
    {"{\"kind\":\"table\",\"family\":\"inet\",\"intact\":1}", "\"intact\" must be true or false"},
    {"{\"kind\":\"table\",\"family\":\"inet\"}", "no \"intact\""},
    {"{\"kind\":\"table\",\"family\":\"inet\",\"intact\":true,\"x\":1}", "does not know"},
    {"{\"kind\":\"element\",\"set\":\"nosuch\",\"key\":[\"a\"]}", "\"set\" must be"},
    {"{\"kind\":\"element\",\"set\":\"ports\",\"key\":\"a\"}", "\"key\" must be"},
    {"{\"kind\":\"element\",\"set\":\"ports\",\"key\":[]}", "\"key\" must be"},
    {"{\"kind\":\"element\",\"set\":\"ports\",\"key\":[\"a\",\"b\"]}", "\"key\" must be"},
    {"{\"kind\":\"element\",\"set\":\"ports\",\"key\":[\"\"]}", "\"key\" must be"},
    {"{\"kind\":\"element\",\"set\":\"ports\",\"key\":[\"a/b\"]}", "\"key\" must be"},
    {"{\"kind\":\"element\",\"set\":\"ports\",\"key\":[\"12345678901234567\"]}", "\"key\" must be"},
    {"{\"kind\":\"element\",\"set\":\"ports\",\"key\":[\"\\u0100\"]}", "\"key\" must be"},
    {"{\"kind\":\"element\",\"set\":\"ports\",\"key\":[\"a\"],\"data\":1}", "does not know"},
    {"{\"kind\":\"element\",\"set\":\"gateways\",\"key\":[\"a\",\"fd00::1\"]}", "\"key\" must be"},
    {"{\"kind\":\"element\",\"set\":\"gateways\",\"key\":[\"a\",7]}", "\"key\" must be"},
    {"{\"kind\":\"element\",\"set\":\"dns_ports\",\"key\":[\"a\",\"10.0.0.1\"]}", "no \"data\""},
    {"{\"kind\":\"element\",\"set\":\"dns_ports\",\"key\":[\"a\",\"10.0.0.1\"],\"data\":65536}", "\"data\" must be"},
    {"{\"kind\":\"element\",\"set\":\"dns_ports\",\"key\":[\"a\",\"10.0.0.1\"],\"data\":-1}", "\"data\" must be"},
    {"{\"kind\":\"link\",\"type\":\"vlan\",\"name\":\"a\"" LINK_TAIL, "\"type\" must be"},
    {"{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"1234567890123456\"" LINK_TAIL, "\"name\" must be"},
    {"{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"a\\u0000b\"" LINK_TAIL, "\"name\" must be"},
    {"{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"a\",\"alias\":\"uplink\"" LINK_TAIL, "\"alias\" must be"},
    {"{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"a\",\"mac\":\"52:54:00\"" LINK_TAIL, "\"mac\" must be"},
    {"{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"a\",\"user\":4294967295" LINK_TAIL, "\"user\" must be"},
    {"{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"a\",\"user\":-1" LINK_TAIL, "\"user\" must be"},
    {"{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"a\",\"user\":1.5" LINK_TAIL, "\"user\" must be"},
    {"{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"a\",\"user\":\"root\"" LINK_TAIL, "\"user\" must be"},
    {"{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"a\",\"link_type\":65536" LINK_TAIL, "\"link_type\" must be"},
    {"{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"a\",\"offloads\":\"csum\"" LINK_TAIL,
     "\"offloads\" must be a list"},
    {"{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"a\",\"offloads\":[\"none\"]" LINK_TAIL,
     "\"offloads\" must be a list of offloads that this version knows"},
    {"{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"a\",\"offloads\":[\"csum\",\"csum\"]" LINK_TAIL, "each once"},
    {"{\"kind\":\"link\",\"type\":\"tap\",\"name\":\"a\",\"vnet_header_size\":65536" LINK_TAIL,
     "\"vnet_header_size\" must be"},
    {"{\"kind\":\"address\",\"device\":\"a\",\"prefix\":\"10.20.0.1\"}", "\"prefix\" must be"},
    {"{\"kind\":\"address\",\"device\":\"a\",\"prefix\":null}", "\"prefix\" must be"},
    {"{\"kind\":\"sysctl\",\"path\":\"kernel/core_pattern\",\"value\":\"1\"}", "\"path\" must be"},
    {"{\"kind\":\"sysctl\",\"path\":\"net/../kernel/core_pattern\",\"value\":\"1\"}", "\"path\" must be"},
    {"{\"kind\":\"sysctl\",\"path\":\"/net/ipv4/ip_forward\",\"value\":\"1\"}", "\"path\" must be"},
    {"{\"kind\":\"sysctl\",\"path\":\"net//ipv4\",\"value\":\"1\"}", "\"path\" must be"},
    {"{\"kind\":\"sysctl\",\"path\":\"net/ipv4/\",\"value\":\"1\"}", "\"path\" must be"},
    {"{\"kind\":\"sysctl\",\"path\":\"net/x\",\"value\":\"1234567890123456\"}", "\"value\" must be"},
    {"{\"kind\":\"sysctl\",\"path\":\"net/x\",\"value\":\"1\\n2\"}", "\"value\" must be"},
    {"{\"kind\":\"service\",\"running\":true,\"named\":false}", "no \"network\""},
    {"{\"kind\":\"service\",\"running\":true,\"named\":false,\"set\":\"../x\",\"network\":null}", "\"set\" must be"},
    {"{\"kind\":\"service\",\"running\":true,\"named\":false,\"network\":null}", "network must be a JSON object"},
    {NETWORK_HEAD "\"subnet\":\"fd00::1/64\"," NETWORK_TAIL, "\"subnet\" must be"},
    {NETWORK_HEAD "\"subnet\":\"10.20.0.1/31\"," NETWORK_TAIL, "\"subnet\" must be"},
    {NETWORK_HEAD "\"subnet\":\"10.20.0.1/7\"," NETWORK_TAIL, "\"subnet\" must be"},
    {NETWORK_HEAD "\"uplink\":\"a/b\"," NETWORK_TAIL, "\"uplink\" must be"},
    {NETWORK_HEAD "\"dhcp\":[]," NETWORK_TAIL, "dhcp must be a JSON object"},
    {NETWORK_HEAD "\"dhcp\":{\"ntp\":[7]}," NETWORK_TAIL, "\"ntp\" must be"},
    {NETWORK_HEAD "\"dhcp\":{\"ntp\":\"10.0.0.1\"}," NETWORK_TAIL, "\"ntp\" must be"},
    {NETWORK_HEAD "\"dhcp\":{\"ntp\":[]}," NETWORK_TAIL, "\"ntp\" must be"},
    {NETWORK_HEAD "\"dhcp\":{\"search\":[1,2,3,4,5,6,7,8,9]}," NETWORK_TAIL, "\"search\" must be"},
    {NETWORK_HEAD "\"dhcp\":{\"search\":[\"a\\nb\"]}," NETWORK_TAIL, "\"search\" must be"},
    {NETWORK_HEAD "\"dhcp\":{\"search\":[\"a\\u0000b\"]}," NETWORK_TAIL, "\"search\" must be"},
    {NETWORK_HEAD "\"dhcp\":{\"boot_file\":\"\"}," NETWORK_TAIL, "\"boot_file\" must be"},
    {NETWORK_HEAD "\"dhcp\":{\"boot_server\":\"tftp\"}," NETWORK_TAIL, "\"boot_server\" must be"},
    {NETWORK_HEAD "\"mtu_given\":false," NETWORK_TAIL, "\"mtu_given\" must be"},
    {NETWORK_HEAD "\"uplink_given\":1," NETWORK_TAIL, "\"uplink_given\" must be"},
    {NETWORK_HEAD "\"mtu\":65522,\"dns_port\":0,\"ports\":[]}}", "\"mtu\" must be"},
    {NETWORK_HEAD "\"mtu\":1500,\"dns_port\":65536,\"ports\":[]}}", "\"dns_port\" must be"},
    {"{\"kind\":\"service\",\"running\":true,\"named\":false,\"network\":{\"name\":\"lab\",\"bridge\":\"b\","
     "\"mode\":\"bridge\",\"spread\":true,\"mtu\":1500,\"dns_port\":0,\"ports\":[]}}",
     "\"spread\" must be"},
    {NETWORK_HEAD "\"mtu\":1500,\"dns_port\":0,\"ports\":{}}}", "\"ports\" must be"},
    {NETWORK_HEAD "\"mtu\":1500,\"dns_port\":0,\"ports\":[null]}}", "port must be a JSON object"},
    {NETWORK_HEAD "\"mtu\":1500,\"dns_port\":0,\"ports\":[{\"name\":\"web\"}]}}", "port has no \"device\""},
    {NETWORK_HEAD "\"mtu\":1500,\"dns_port\":0,\"ports\":[{\"name\":\"we b\",\"device\":\"a\"}]}}", "\"name\" must be"},
    {"{\"kind\":\"element\",\"set\":\"forwards\",\"key\":[6,80],\"data\":[\"10.0.0.1\"]}", "\"data\" must be"},
    {"{\"kind\":\"element\",\"set\":\"forwards\",\"key\":[6,80],\"data\":\"10.0.0.1\"}", "\"data\" must be"},
    {"{\"kind\":\"element\",\"set\":\"subnets\",\"key\":[\"a\",\"10.0.0.0\",\"-\",\"a\",\"10.0.0.9\"]}",
     "\"key\" must be"},
    {NETWORK_HEAD "\"mtu\":1500,\"dns_port\":0,\"ports\":[{\"name\":\"web\",\"device\":\"a\",\"forward\":[\"80\"]}]}}",
     "\"forward\" must be"},
    {NETWORK_HEAD "\"mtu\":1500,\"dns_port\":0,\"ports\":[{\"name\":\"web\",\"device\":\"a\",\"forward\":[]}]}}",
     "\"forward\" must be"},
    {NETWORK_HEAD
     "\"subnet\":\"10.20.0.1/24\",\"mtu\":1500,\"dns_port\":0,\"ports\":[{\"name\":\"web\",\"device\":\"a\","
     "\"address\":\"10.20.1.7\"}]}}",
     "inside the network's subnet"},
};

static void what_is_wrong_is_refused_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        struct tapnet_error error = TAPNET_ERROR_INIT;

        if (read_object(wrong[i][0], &error) != -EINVAL)
            fail_msg("was read: %s", wrong[i][0]);
        if (!strstr(error.text, wrong[i][1]))
            fail_msg("%s: %s", error.text, wrong[i][0]);
    }
}

static void more_ports_than_a_bridge_takes_are_refused(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", NULL), *back = NULL;

    (void)state;
    build_many_ports(set, network, "vm%u", MODEL_BRIDGE_PORTS_MAX);
    model_derive(set);
    for (unsigned more = 0; more < 2; more++) {
        json_t *json _cleanup_json_ = model_network_to_json(network);

        assert_int_equal(model_network_from_json(json, &set->arena, &back, NULL), more ? -EINVAL : 0);
        build_port(set, network, "one-more", NULL, NULL);
        model_derive(set);
    }
}

/* Any value of any object replaced by anything: refused, or read as something that is written the same again. */
static json_t *random_value(struct random *random)
{
    static const char *const texts[] = {"",
                                        "a",
                                        "nat",
                                        "10.0.0.1",
                                        "10.0.0.1/24",
                                        "\xc3\xbf",
                                        "net/x",
                                        "\n",
                                        "lab",
                                        "52:54:00:00:00:07",
                                        "tapnet:lab//tun1 declared",
                                        "inet",
                                        "element",
                                        "ports"};
    json_int_t number = (json_int_t)((uint64_t)random_below(random, UINT32_MAX) << random_below(random, 32));

    switch (random_below(random, 8)) {
    case 0:
        return json_null();
    case 1:
        return json_true();
    case 2:
        return json_integer(random_chance(random, 50) ? number : -number);
    case 3:
        return json_real(0.5);
    case 4:
        return json_array();
    case 5:
        return json_object();
    default:
        return json_string(texts[random_below(random, ARRAY_COUNT(texts))]);
    }
}

static void spoil(struct random *random, json_t *json)
{
    if (json_is_array(json) && json_array_size(json) && random_chance(random, 80)) {
        size_t index = random_below(random, (uint32_t)json_array_size(json));

        if (random_chance(random, 50))
            spoil(random, json_array_get(json, index));
        else
            json_array_set_new(json, index, random_value(random));
    } else if (json_is_array(json)) {
        json_array_append_new(json, random_value(random));
    } else if (json_is_object(json) && json_object_size(json)) {
        void *at = json_object_iter(json);

        for (uint32_t skip = random_below(random, (uint32_t)json_object_size(json)); skip > 0; skip--)
            at = json_object_iter_next(json, at);
        if (random_chance(random, 60) &&
            (json_is_object(json_object_iter_value(at)) || json_is_array(json_object_iter_value(at))))
            spoil(random, json_object_iter_value(at));
        else if (random_chance(random, 10))
            json_object_del(json, json_object_iter_key(at));
        else
            json_object_iter_set_new(json, at, random_value(random));
    }
}

static void spoilt_objects_are_refused_or_mean_what_they_say(void **state)
{
    struct random random = {.state = 45};
    unsigned refused = 0, read = 0;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        struct arena arena _cleanup_arena_ = {0};
        struct model_object object = random_object(&random, &arena), back;
        json_t *json _cleanup_json_ = model_object_to_json(&object);
        struct tapnet_error error = TAPNET_ERROR_INIT;

        assert_non_null(json);
        for (uint32_t times = random_below(&random, 3); times < 3; times++)
            spoil(&random, json);
        if (model_object_from_json(json, &arena, &back, &error) < 0) {
            assert_int_equal(error.code, -EINVAL);
            assert_true(error.text[0] && !strchr(error.text, '\n'));
            refused++;
        } else {
            json_t *again _cleanup_json_ = model_object_to_json(&back);
            struct model_object twice;

            assert_non_null(again);
            assert_int_equal(model_object_from_json(again, &arena, &twice, &error), 0);
            assert_same(&back, &twice);
            read++;
        }
    }
    assert_true(refused > 1000 && read > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_go_there_and_back),
        cmocka_unit_test(an_older_journal_is_read),
        cmocka_unit_test(networks_go_there_and_back),
        cmocka_unit_test(a_line_is_the_tree_printed),
        cmocka_unit_test(what_has_to_be_escaped_is),
        cmocka_unit_test(every_difference_of_a_network_is_seen),
        cmocka_unit_test(what_is_written_by_hand_and_right_is_read),
        cmocka_unit_test(what_is_wrong_is_refused_with_a_sentence),
        cmocka_unit_test(more_ports_than_a_bridge_takes_are_refused),
        cmocka_unit_test(spoilt_objects_are_refused_or_mean_what_they_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
