/* SPDX-License-Identifier: MIT */
/* Ports beside their network's ledger: what is whole, and about that ledger, is read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "observe/plugged.h"

#define PORT(name) "{\"name\":\"" name "\",\"device\":\"lab-" name "\",\"address\":\"10.20.0.9\"}\n"

#define GONE(name) "{\"gone\":\"" name "\"}\n"

static char directory[] = "/tmp/tapnet-plugged-XXXXXX", ledger[64], more[64];

static int make(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(ledger, sizeof(ledger), "%s/lab.json", directory);
    snprintf(more, sizeof(more), "%s/lab.more", directory);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    unlink(ledger);
    unlink(more);
    return rmdir(directory);
}

static void write_text(const char *path, const char *first, const char *second)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fprintf(file, "%s%s", first, second);
    assert_int_equal(fclose(file), 0);
}

/* How many ports there are of a network that has "web" in its ledger. */
static size_t read_ports(struct model_network *ret, struct arena *arena)
{
    static struct model_port web = {.name = "web"};
    struct stat file;
    bool any;

    *ret = (struct model_network){.name = "lab", .ports = &web, .port_count = 1};
    ret->subnet = (struct ip_prefix){ip4_from_value(0x0a140001), 24};
    assert_int_equal(stat(ledger, &file), 0);
    assert_int_equal(plugged_read(ledger, &file, ret, arena, &any, NULL), 0);
    assert_int_equal(any, ret->port_count > 1);
    return ret->port_count;
}

static void what_is_whole_is_read(void **state)
{
    char head[PLUGGED_LEDGER_MAX + 1];
    struct model_network network;
    struct arena arena = {0};
    struct stat file;

    (void)state;
    write_text(ledger, "{}", "");
    assert_int_equal(read_ports(&network, &arena), 1);
    assert_int_equal(stat(ledger, &file), 0);
    plugged_ledger_print(&file, head);
    strcat(head, "\n");
    write_text(more, head,
               PORT("vm1") PORT("vm2") PORT("web") "{\"name\":1}\nnonsense\n" PORT("vm1") "{\"name\":\"vm3");
    assert_int_equal(read_ports(&network, &arena), 3);
    assert_string_equal(network.ports[0].name, "web");
    assert_string_equal(network.ports[1].name, "vm1");
    assert_string_equal(network.ports[2].device, "lab-vm2");
    assert_int_equal(network.ports[2].user, MODEL_ID_NONE);
    arena_fini(&arena);
}

static void what_is_about_another_ledger_is_void(void **state)
{
    struct model_network network;
    struct arena arena = {0};

    (void)state;
    unlink(ledger);
    write_text(ledger, "{ }", ""); /* of another length: the clock may not have gone on */
    assert_int_equal(read_ports(&network, &arena), 1);
    write_text(more, "", "");
    assert_int_equal(read_ports(&network, &arena), 1);
    write_text(more, "no line", "");
    assert_int_equal(read_ports(&network, &arena), 1);
    arena_fini(&arena);
}

static void what_went_is_taken_out(void **state)
{
    char head[PLUGGED_LEDGER_MAX + 1];
    struct model_network network;
    struct arena arena = {0};
    struct stat file;

    (void)state;
    write_text(ledger, "{}", "");
    assert_int_equal(stat(ledger, &file), 0);
    plugged_ledger_print(&file, head);
    strcat(head, "\n");
    write_text(more, head,
               PORT("vm1") PORT("vm2") GONE("vm1") GONE("never") "{\"gone\":1}\n" PORT("vm3") GONE("web") PORT("vm1"));
    assert_int_equal(read_ports(&network, &arena), 3);
    assert_string_equal(network.ports[0].name, "vm2");
    assert_string_equal(network.ports[1].name, "vm3");
    assert_string_equal(network.ports[2].name, "vm1");
    arena_fini(&arena);
}

/* Who has read the ledger of before, and now misses what stood beside it, has to read again. */
static void a_ledger_that_was_replaced_meanwhile_is_seen(void **state)
{
    static struct model_port web = {.name = "web"};
    struct model_network network = {.name = "lab", .ports = &web, .port_count = 1};
    char head[PLUGGED_LEDGER_MAX + 1];
    struct arena arena = {0};
    struct stat before, now;
    bool any;

    (void)state;
    write_text(ledger, "{}", "");
    assert_int_equal(stat(ledger, &before), 0);
    unlink(ledger);
    unlink(more);
    write_text(ledger, "{ \"new\": 1 }", "");
    assert_int_equal(plugged_read(ledger, &before, &network, &arena, &any, NULL), -EAGAIN);
    assert_int_equal(stat(ledger, &now), 0);
    plugged_ledger_print(&now, head);
    strcat(head, "\n");
    write_text(more, head, PORT("vm1"));
    assert_int_equal(plugged_read(ledger, &before, &network, &arena, &any, NULL), -EAGAIN);
    unlink(ledger);
    assert_int_equal(plugged_read(ledger, &before, &network, &arena, &any, NULL), -EAGAIN);
    write_text(ledger, "", "");
    arena_fini(&arena);
}

/* What stands beside a ledger of @ledger_len bytes, as long as @more_len: is it to be written into that? */
static bool weighs(int ledger_len, int more_len)
{
    char path[80];
    bool heavy;

    snprintf(path, sizeof(path), "%s/networks", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/networks/lab.json", directory);
    write_text(path, "", "");
    assert_int_equal(truncate(path, ledger_len), 0);
    snprintf(path, sizeof(path), "%s/networks/lab.more", directory);
    write_text(path, "", "");
    assert_int_equal(truncate(path, more_len), 0);
    heavy = plugged_is_heavy(directory);
    unlink(path);
    assert_false(plugged_is_heavy(directory));
    snprintf(path, sizeof(path), "%s/networks/lab.json", directory);
    unlink(path);
    snprintf(path, sizeof(path), "%s/networks", directory);
    assert_int_equal(rmdir(path), 0);
    return heavy;
}

static void what_weighs_much_is_written_into_the_ledger(void **state)
{
    (void)state;
    assert_true(weighs(PLUGGED_LEDGER_SHORT, 1));
    assert_false(weighs(100000, 49999));
    assert_true(weighs(100000, 50000));
    assert_false(plugged_is_heavy("/nowhere"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_whole_is_read),
        cmocka_unit_test(what_went_is_taken_out),
        cmocka_unit_test(what_is_about_another_ledger_is_void),
        cmocka_unit_test(a_ledger_that_was_replaced_meanwhile_is_seen),
        cmocka_unit_test(what_weighs_much_is_written_into_the_ledger),
    };

    return cmocka_run_group_tests(tests, make, clean);
}
