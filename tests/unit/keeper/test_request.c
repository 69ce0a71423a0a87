/* SPDX-License-Identifier: MIT */
/* What users ask of the keeper: read strictly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "base/array.h"
#include "keeper/request.h"

static void a_request_says_what_it_says(void **state)
{
    struct request request;

    (void)state;
    assert_int_equal(request_parse("{\"do\":\"attach\",\"network\":\"lab\",\"port\":\"web\",\"queues\":2,\"open\":true,"
                                   "\"held\":true,\"vnet_header\":false}",
                                   &request, NULL),
                     0);
    assert_int_equal(request.kind, REQUEST_ATTACH);
    assert_string_equal(request.options.network, "lab");
    assert_string_equal(request.options.port, "web");
    assert_int_equal(request.options.queues, 2);
    assert_int_equal(request.options.flags, TAPNET_ATTACH_OPEN | TAPNET_ATTACH_HELD | TAPNET_ATTACH_NO_VNET_HEADER);
    request_fini(&request);
    assert_int_equal(request_parse("{\"do\":\"detach\",\"network\":\"lab\",\"port\":\"web\"}", &request, NULL), 0);
    assert_int_equal(request.kind, REQUEST_DETACH);
    assert_int_equal(request.detach_flags, 0);
    request_fini(&request);
    assert_int_equal(request_parse("{\"do\":\"ready\"}", &request, NULL), 0);
    assert_int_equal(request.kind, REQUEST_READY);
    assert_null(request.network);
    request_fini(&request);
}

static void what_is_left_out_has_the_usual_value(void **state)
{
    struct request request;

    (void)state;
    assert_int_equal(request_parse("{\"do\":\"attach\"}", &request, NULL), 0);
    assert_null(request.options.network);
    assert_null(request.options.port);
    assert_int_equal(request.options.queues, 0);
    assert_int_equal(request.options.flags, 0);
    request_fini(&request);
}

static void anything_else_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"do\":1}",
        "{\"do\":\"look\"}",
        "{\"do\":\"attach\",\"more\":1}",
        "{\"do\":\"attach\",\"network\":7}",
        "{\"do\":\"attach\",\"network\":null}",
        "{\"do\":\"attach\",\"queues\":-1}",
        "{\"do\":\"attach\",\"queues\":9}",
        "{\"do\":\"attach\",\"queues\":4294967297}",
        "{\"do\":\"attach\",\"open\":1}",
        "{\"do\":\"attach\",\"do\":\"attach\"}",
        "{\"do\":\"detach\",\"network\":\"lab\"}",
        "{\"do\":\"detach\",\"port\":\"web\"}",
        "{\"do\":\"detach\",\"network\":\"lab\",\"port\":\"web\",\"queues\":1}",
        "{\"do\":\"ready\",\"port\":\"web\"}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        struct tapnet_error error = TAPNET_ERROR_INIT;
        struct request request;

        assert_int_equal(request_parse(wrong[i], &request, &error), -EBADMSG);
        assert_string_equal(error.text, "this is no request that the keeper knows");
        request_fini(&request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_says_what_it_says),
        cmocka_unit_test(what_is_left_out_has_the_usual_value),
        cmocka_unit_test(anything_else_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
