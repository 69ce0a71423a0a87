/* SPDX-License-Identifier: MIT */
/* Reading a network in pieces gives the same as reading it whole; text that is wrong is refused either way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "model/object.h"
#include "service/network_text.h"

#define HEAD                                                                                                           \
    "{\"name\":\"lab\",\"bridge\":\"br-lab\",\"mode\":\"nat\",\"subnet\":\"10.20.0.1/16\",\"mtu\":1500,\"dns_port\":1"

/* Both ways; fails unless they agree. Returns the code. */
static int parse(const char *text)
{
    struct arena arena = {0};
    struct model_network *pieces = NULL, *whole = NULL;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    char *copy = malloc(strlen(text) + 1);
    int r, expected = json ? model_network_from_json(json, &arena, &whole, NULL) : -1;

    assert_non_null(copy);
    memcpy(copy, text, strlen(text)); /* without the NUL, so that ASan sees any read behind the end */
    copy = realloc(copy, strlen(text) ? strlen(text) : 1);
    assert_non_null(copy);
    r = network_text_parse(copy, strlen(text), &arena, &pieces, NULL);
    assert_int_equal(r < 0, expected < 0);
    if (r == 0)
        assert_true(model_network_equal(pieces, whole));
    free(copy);
    json_decref(json);
    arena_fini(&arena);
    return r;
}

/* A network of @count ports, printed with @flags of jansson. The caller frees it. */
static char *print(size_t count, size_t flags)
{
    struct model_network network = {.name = "lab", .bridge = "br-lab", .mtu = 1500, .dns_port = 1};
    struct model_port *ports = calloc(count + 1, sizeof(*ports));
    json_t *json;
    char *text;

    assert_non_null(ports);
    network.subnet = (struct ip_prefix){ip4_from_value(0x0a140001), 16};
    for (unsigned short i = 0; i < count; i++) {
        snprintf(ports[i].name, sizeof(ports[i].name), "p%u", i);
        snprintf(ports[i].device, sizeof(ports[i].device), "p%u", i);
        ports[i].address = ip4_from_value(0x0a140002 + i);
        ports[i].dhcp.boot_file = i % 3 ? NULL : "a,]}\\\"[{file";
        ports[i].dhcp.search[0] = "corp.example";
        ports[i].dhcp.search_count = i % 2;
    }
    network.ports = ports;
    network.port_count = count;
    json = model_network_to_json(&network);
    text = json_dumps(json, flags);
    assert_non_null(text);
    json_decref(json);
    free(ports);
    return text;
}

static void pieces_and_whole_agree(void **state)
{
    static const size_t counts[] = {0, 1, 2, 31, 32, 33, 64, 65, 900, MODEL_BRIDGE_PORTS_MAX};
    static const size_t flags[] = {JSON_COMPACT, JSON_INDENT(3), JSON_SORT_KEYS}; /* sorted: keys stand behind ports */

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        for (size_t j = 0; j < sizeof(flags) / sizeof(flags[0]); j++) {
            char *text = print(counts[i], flags[j]);

            assert_int_equal(parse(text), 0);
            free(text);
        }
    }
}

static void too_many_ports_are_refused(void **state)
{
    char *text = print(MODEL_PORTS_MAX + 1, JSON_COMPACT);

    (void)state;
    assert_true(parse(text) < 0);
    free(text);
}

static void wrong_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "}",
        "[]",
        "null",
        "\"",
        "{}",
        "{\"ports\"",
        "{\"ports\":",
        "{\"ports\":[",
        "{\"ports\":[]}",
        HEAD,
        HEAD "}",
        HEAD ",\"ports\":[}",
        HEAD ",\"ports\":[]",
        HEAD ",\"ports\":[]]",
        HEAD ",\"ports\":[1]}",
        HEAD ",\"ports\":[{}]}",
        HEAD ",\"ports\":[{\"name\":\"a\"}]}",
        HEAD ",\"ports\":[],\"ports\":[]}",
        HEAD ",\"ports\":[]}x",
        HEAD ",\"more\":1,\"ports\":[]}",
        HEAD ",\"ports\":{}}",
        HEAD ",\"ports\":\"[]\"}",
        HEAD ",\"ports\":[{\"name\":\"a\",\"device\":\"a0\"},]}",
        HEAD ",\"ports\":[,]}",
        HEAD ",\"ports\":[{\"name\":\"a\",\"device\":\"a0\"} {\"name\":\"b\",\"device\":\"b0\"}]}",
        HEAD ",\"ports\":[{\"name\":\"a\",\"device\":\"a0\"],{\"name\":\"b\",\"device\":\"b0\"}]}",
        HEAD ",\"ports\":[{\"name\":\"a\",\"device\":\"a0}]}",
        HEAD ",\"ports\":[\"\\",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (parse(texts[i]) >= 0)
            fail_msg("text %zu: %s", i, texts[i]);
    }
    assert_int_equal(parse(HEAD ",\"ports\":[ ]}"), 0);
    assert_int_equal(parse(HEAD " , \"ports\" : [ {\"name\":\"a\",\"device\":\"a0\"} ] } "), 0);
    assert_int_equal(parse(HEAD ",\"por\\u0074s\":[{\"name\":\"a\",\"device\":\"a0\"}]}"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_and_whole_agree),
        cmocka_unit_test(too_many_ports_are_refused),
        cmocka_unit_test(wrong_texts_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
