/* SPDX-License-Identifier: MIT */
/* What is said of forwards when the host can't be asked who listens there: that it is not known, once. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "api/forwards.h"
#include "base/array.h"

struct said {
    const char *text;
    unsigned count;
};

static int hear(void *data, const char *text)
{
    struct said *said = data;

    said->text = text;
    said->count++;
    return 0;
}

/* With room for none no netlink socket is to be had. */
static void leave_descriptors(rlim_t room)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = room;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void host_that_can_not_be_asked(void **state)
{
    struct model_forward forwards[] = {{.protocol = IPPROTO_TCP, .first = 8080, .last = 8080, .guest_first = 80},
                                       {.protocol = IPPROTO_TCP, .first = 8081, .last = 8081, .guest_first = 81}};
    struct model_port port = {.name = "web", .forwards = forwards, .forward_count = ARRAY_COUNT(forwards)};
    const struct model_network network = {.name = "lab", .ports = &port, .port_count = 1};
    struct forwards_host host = {0};
    struct arena arena = {0};
    struct said said = {NULL, 0};
    struct rlimit before;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    leave_descriptors(0);
    assert_int_equal(forwards_warn(&host, &network, &arena, hear, &said), 0);
    leave_descriptors(before.rlim_cur);
    assert_int_equal(said.count, 1);
    assert_non_null(strstr(said.text, "is not known: "));
    assert_non_null(strstr(said.text, "Too many open files"));
    forwards_host_fini(&host);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(host_that_can_not_be_asked)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
