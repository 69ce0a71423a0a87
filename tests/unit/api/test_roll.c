/* SPDX-License-Identifier: MIT */
/* A network's roll: it says who is there as long as the ledger is the one that it was made of. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "api/roll.h"
#include "apply/run.h"

static char directory[] = "/tmp/tapnet-roll-XXXXXX";

static int make(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static struct roll_kept kept; /* over all tests, as by a context */

static int clean(void **state)
{
    static const char *const names[] = {"networks/lab.json", "networks/lab.more", "networks/lab.roll"};

    (void)state;
    roll_kept_fini(&kept);
    for (size_t i = 0; i < 3; i++)
        run_file_remove(directory, names[i], NULL);
    return rmdir(directory);
}

/* A network of two ports whose bridge is the loopback, since that is there. */
static void make_network(struct model_port ports[3], struct model_network *ret)
{
    memset(ports, 0, 3 * sizeof(*ports));
    snprintf(ports[0].name, sizeof(ports[0].name), "web");
    snprintf(ports[1].name, sizeof(ports[1].name), "vm1");
    snprintf(ports[2].name, sizeof(ports[2].name), "vm2");
    for (size_t i = 0; i < 3; i++) {
        ports[i].address = ip4_from_value(0x0a140007 + (uint32_t)i);
        ports[i].guest_mac.bytes[5] = (uint8_t)(i + 1);
        ports[i].user = i ? 1000 : MODEL_ID_NONE;
        ports[i].group = MODEL_ID_NONE;
        ports[i].origin = i ? MODEL_ORIGIN_RUN : MODEL_ORIGIN_DECLARED;
        snprintf(ports[i].device, sizeof(ports[i].device), "lab-%.8s", ports[i].name);
    }
    *ret = (struct model_network){.name = "lab", .bridge = "lo", .mtu = 1500, .ports = ports, .port_count = 2};
    ret->subnet = (struct ip_prefix){ip4_from_value(0x0a140001), 24};
}

static void assert_stale(const char *name)
{
    struct roll roll;

    assert_int_equal(roll_read(directory, name, &kept, &roll), -ESTALE);
    roll_fini(&roll);
}

static void it_has_who_is_there(void **state)
{
    struct model_port ports[3], found;
    struct model_network network;
    struct roll roll;

    (void)state;
    make_network(ports, &network);
    assert_stale("lab");
    assert_int_equal(run_file_write(directory, "networks/lab.json", "{}", NULL), 0);
    roll_write(directory, "set", &network);
    assert_int_equal(roll_read(directory, "lab", &kept, &roll), 0);
    assert_string_equal(roll.set, "set");
    assert_int_equal(roll.count, 2);
    assert_int_equal(roll.network->port_count, 0);
    for (size_t i = 0; i < 2; i++) {
        roll_port(&roll, i, &found);
        assert_string_equal(found.name, ports[i].name);
        assert_string_equal(found.device, ports[i].device);
        assert_true(ip_address_equal(&found.address, &ports[i].address));
        assert_true(mac_equal(&found.guest_mac, &ports[i].guest_mac));
        assert_int_equal(found.user, ports[i].user);
        assert_int_equal(found.origin, ports[i].origin);
        assert_true(roll_collides(&roll, &ports[i]));
    }
    assert_false(roll_collides(&roll, &ports[2]));
    assert_int_equal(roll_used(&roll, 1000), 1);
    assert_true(roll_has_origin(&roll, MODEL_ORIGIN_RUN));
    assert_false(roll_has_origin(&roll, MODEL_ORIGIN_ATTACHED));
    assert_true(roll_fellow(&roll, 0, false, &found));
    assert_string_equal(found.name, "vm1");
    /* Another stands beside the ledger: only when the roll has it, too, is it of use. */
    assert_int_equal(run_file_append(directory, "networks/lab.more", roll.ledger, "{}\n", NULL), 0);
    roll_fini(&roll);
    assert_stale("lab");
    roll_write(directory, "set", &network);
    assert_int_equal(roll_read(directory, "lab", &kept, &roll), 0);
    roll_add(directory, &roll, &ports[2]);
    roll_fini(&roll);
    assert_int_equal(roll_read(directory, "lab", &kept, &roll), 0);
    assert_int_equal(roll.count, 3);
    assert_string_equal(roll_name(&roll, 2), "vm2");
    roll_fini(&roll);
}

static void a_network_is_parsed_when_it_is_another(void **state)
{
    struct model_port ports[3];
    struct model_network network;
    const struct model_network *first;
    struct roll roll;

    (void)state;
    make_network(ports, &network);
    assert_int_equal(run_file_write(directory, "networks/lab.json", "{}", NULL), 0);
    roll_write(directory, "set", &network);
    assert_int_equal(roll_read(directory, "lab", &kept, &roll), 0);
    first = roll.network;
    roll_add(directory, &roll, &ports[2]);
    roll_fini(&roll);
    assert_int_equal(roll_read(directory, "lab", &kept, &roll), 0);
    assert_ptr_equal(roll.network, first);
    roll_fini(&roll);
    network.mtu = 1400;
    roll_write(directory, "set", &network);
    assert_int_equal(roll_read(directory, "lab", &kept, &roll), 0);
    assert_int_equal(roll.network->mtu, 1400);
    roll_fini(&roll);
    strcpy(network.bridge, "none");
    roll_write(directory, "set", &network);
    assert_stale("lab");
}

static void who_went_is_dropped(void **state)
{
    struct model_port ports[3], found;
    struct model_network network;
    struct roll roll;

    (void)state;
    make_network(ports, &network);
    for (size_t i = 0; i < 3; i++)
        memcpy(ports[i].hostname, ports[i].name, sizeof(ports[i].hostname));
    ports[2].address_given = true;
    network.port_count = 3;
    assert_int_equal(run_file_write(directory, "networks/lab.json", "{}", NULL), 0);
    roll_write(directory, "set", &network);
    assert_int_equal(roll_read(directory, "lab", &kept, &roll), 0);
    assert_int_equal(roll.count, 3);
    assert_false(roll_is_plain(&roll, 0)); /* a file's */
    assert_true(roll_is_plain(&roll, 1));
    assert_false(roll_is_plain(&roll, 2)); /* whose address was chosen by who plugged it in */
    assert_int_equal(roll_find(&roll, "vm1"), 1);
    assert_int_equal(roll_find(&roll, "vm"), 3);
    roll_drop(directory, &roll, 1);
    roll_fini(&roll);
    assert_int_equal(roll_read(directory, "lab", &kept, &roll), 0);
    assert_int_equal(roll.count, 2);
    roll_port(&roll, 1, &found);
    assert_string_equal(found.name, "vm2");
    roll_drop(directory, &roll, 1);
    roll_fini(&roll);
    assert_int_equal(roll_read(directory, "lab", &kept, &roll), 0);
    assert_int_equal(roll.count, 1);
    assert_string_equal(roll_name(&roll, 0), "web");
    assert_false(roll_fellow(&roll, 0, false, &found));
    roll_fini(&roll);
}

static void another_ledger_and_another_bridge_make_it_void(void **state)
{
    struct model_port ports[3];
    struct model_network network;
    char path[128];

    (void)state;
    make_network(ports, &network);
    assert_int_equal(run_file_write(directory, "networks/lab.json", "{ }", NULL), 0);
    assert_stale("lab");
    strcpy(network.bridge, "no-such");
    roll_write(directory, "set", &network);
    assert_stale("lab");
    strcpy(network.bridge, "lo");
    roll_write(directory, "set", &network);
    snprintf(path, sizeof(path), "%s/networks/lab.roll", directory);
    assert_int_equal(truncate(path, 1000), 0);
    assert_stale("lab");
    assert_int_equal(truncate(path, 10), 0);
    assert_stale("lab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_who_is_there),
        cmocka_unit_test(a_network_is_parsed_when_it_is_another),
        cmocka_unit_test(who_went_is_dropped),
        cmocka_unit_test(another_ledger_and_another_bridge_make_it_void),
    };

    return cmocka_run_group_tests(tests, make, clean);
}
