/* SPDX-License-Identifier: MIT */
/* What makes the keeper look at the host, in a namespace: whatever changes, but not the end of what had gone before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keeper/events.h"
#include "model/object.h"
#include "namespace.h"

static struct events *events;
static char run_dir[] = "/tmp/tapnet-events-XXXXXX";

/* Does @command, in the run directory, make it look? */
static bool stirs(const char *command)
{
    events_read(events);
    assert_true(shell("cd %s && { %s; }", run_dir, command));
    return events_read(events);
}

/* The same, when it is us who do it. */
static bool writes(const char *command)
{
    events_begin_writing(events);
    assert_true(shell("cd %s && { %s; }", run_dir, command));
    events_end_writing(events);
    return events_read(events);
}

/* A port of a bridge, as tapnet leaves it behind for the keeper to delete: down, and in a group that says so. */
static void leave_behind(const char *name)
{
    assert_true(shell("ip tuntap add %s mode tap && ip link set %s master br0 && ip link set %s group %u", name, name,
                      name, MODEL_GONE_GROUP));
}

static void links_and_their_ends(void **state)
{
    (void)state;
    assert_true(stirs("ip link add br0 address 02:00:00:00:00:01 type bridge && ip link set br0 up"));
    assert_true(stirs("ip tuntap add tap0 mode tap && ip link set tap0 master br0"));
    assert_true(stirs("ip link set br0 alias mine"));
    assert_true(stirs("ip link del tap0"));
    assert_false(stirs("true"));
}

static void what_had_gone_before_is_deleted(void **state)
{
    (void)state;
    assert_true(
        shell("ip tuntap add stays mode tap && ip link set stays master br0")); /* else the bridge changes, too */
    leave_behind("tap1");
    leave_behind("tap2");
    assert_false(stirs("ip link del tap1 && ip link del tap2"));
}

static void others_change_meanwhile(void **state)
{
    (void)state;
    leave_behind("tap1");
    leave_behind("tap2");
    assert_true(stirs("ip link del tap1 && ip link set br0 alias mine"));
    assert_true(stirs("ip link set tap2 up && ip link del tap2 && ip address add 10.1.0.1/24 dev br0"));
}

/* More than it counts one by one. */
static void a_crowd_of_links(void **state)
{
    (void)state;
    assert_true(stirs("for i in $(seq 300); do echo link add v$i type veth peer name w$i; done | ip -b -"));
    assert_true(stirs("for i in $(seq 300); do echo link del v$i; done | ip -b -"));
}

/* Whoever has the lock writes ledgers; but others' hands in the run directory are seen. */
static void our_own_writing(void **state)
{
    (void)state;
    assert_true(
        shell("mkdir -p %s/networks && cd %s/networks && touch n.json n.more n.roll other.json", run_dir, run_dir));
    events_watch_files(events, run_dir, false);
    assert_true(stirs("echo 1 > networks/n.more"));
    assert_false(writes("echo 1 > new && mv new networks/n.json && rm networks/n.more networks/n.roll"));
    assert_true(stirs("echo 1 > new && mv new networks/n.json"));
    assert_true(writes("echo 1 > new && mv new networks/n.json && rm networks/other.json"));
    assert_true(writes("echo 1 > stub"));
    assert_true(writes("mv networks/n.json networks/aside"));
    assert_true(writes("rm -r networks"));
}

/* What others wrote before is not ours. */
static void others_write_before(void **state)
{
    (void)state;
    assert_true(shell("mkdir -p %s/networks", run_dir));
    events_watch_files(events, run_dir, false);
    events_read(events);
    assert_true(shell("touch %s/networks/n.json", run_dir));
    assert_true(writes("echo 1 > new && mv new networks/n.json"));
    assert_false(stirs("true"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_and_their_ends),    cmocka_unit_test(what_had_gone_before_is_deleted),
        cmocka_unit_test(others_change_meanwhile), cmocka_unit_test(a_crowd_of_links),
        cmocka_unit_test(our_own_writing),         cmocka_unit_test(others_write_before),
    };
    int failed;

    namespace_enter();
    if (!mkdtemp(run_dir) || events_open(&events, NULL) < 0)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    events_close(events);
    return shell("rm -r %s", run_dir) ? failed : 1;
}
