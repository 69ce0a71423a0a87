/* SPDX-License-Identifier: MIT */
/* What libvirt is told: no value of a status, whatever it holds, is more than a value in XML. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/status.h"

static const struct tapnet_status_port port = {
    .name = "web", .device = "a<b>&'\"", .mac = "52:54:00:00:00:01", .queues = 4};

static void assert_told(const struct tapnet_status_network *network, const char *name, const char *wanted)
{
    struct tapnet_status_network networks[] = {*network};
    const struct tapnet_status status = {.networks = networks, .network_count = 1};
    char *text = NULL;

    assert_int_equal(tapnet_status_libvirt(&status, name, &text, NULL), 0);
    assert_string_equal(text, wanted);
    free(text);
}

static void test_a_port(void **state)
{
    const struct tapnet_status_network network = {
        .name = "lab", .mode = "nat", .bridge = "br-lab", .mtu = 1400, .ports = &port, .port_count = 1};

    (void)state;
    assert_told(&network, "web",
                "<interface type='ethernet'>\n"
                "  <target dev='a&#60;b&#62;&#38;&#39;&#34;' managed='no'/>\n"
                "  <mac address='52:54:00:00:00:01'/>\n"
                "  <model type='virtio'/>\n"
                "  <driver queues='4'/>\n"
                "  <mtu size='1400'/>\n"
                "</interface>\n");
}

static void test_a_network(void **state)
{
    const struct tapnet_status_network network = {.name = "lab", .mode = "nat", .bridge = "'/><x>"};

    (void)state;
    assert_told(&network, "lab",
                "<!-- for qemu:///session, where qemu.conf has tapnet-bridge-helper as bridge_helper -->\n"
                "<interface type='bridge'>\n"
                "  <source bridge='&#39;/&#62;&#60;x&#62;'/>\n"
                "  <model type='virtio'/>\n"
                "</interface>\n");
}

static void test_nothing_of_that_name(void **state)
{
    const struct tapnet_status status = {.network_count = 0};
    struct tapnet_error error = TAPNET_ERROR_INIT;
    char *text = NULL;

    (void)state;
    assert_int_equal(tapnet_status_libvirt(&status, "lab", &text, &error), -ENOENT);
    assert_null(text);
    assert_string_equal(error.text, "no port and no network lab is up; `tapnet status` shows those that are");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_port),
        cmocka_unit_test(test_a_network),
        cmocka_unit_test(test_nothing_of_that_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
