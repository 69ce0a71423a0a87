/* SPDX-License-Identifier: MIT */
/* Wrong files: exactly the mistakes that are in them, where they are, and a remedy; never a crash. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cases.h"
#include "spec/option.h"
#include "spec/spec.h"

/* Parses @text as lab.yaml, which must fail; the message is in @error. */
static void parse_bad(const char *text, size_t len, struct tapnet_error *error)
{
    struct model_set *set = NULL;

    memset(error, 0, sizeof(*error));
    assert_int_equal(spec_parse(text, len, "lab.yaml", &set, error), -EINVAL);
    assert_int_equal(error->code, -EINVAL);
    assert_null(set);
    set = NULL;
    assert_int_equal(spec_parse(text, len, "lab.yaml", &set, NULL), -EINVAL);
    assert_null(set);
}

static void run_cases(const struct spec_case *cases, size_t count)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < count; i++) {
        /* A copy of just this length, so that a sanitizer sees any read beyond it. */
        _cleanup_free_ char *text = malloc(cases[i].len + !cases[i].len);
        struct tapnet_error error;

        memcpy(text, cases[i].text, cases[i].len);
        parse_bad(text, cases[i].len, &error);
        if (strcmp(error.text, cases[i].message) == 0)
            continue;
        print_error("%s:\n  wanted: %s\n  said:   %s\n", cases[i].name, cases[i].message, error.text);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void syntax(void **state)
{
    (void)state;
    run_cases(bad_syntax, bad_syntax_count);
}

static void keys(void **state)
{
    (void)state;
    run_cases(bad_keys, bad_keys_count);
}

static void values(void **state)
{
    (void)state;
    run_cases(bad_values, bad_values_count);
    run_cases(bad_lists, bad_lists_count);
}

static void values_together(void **state)
{
    (void)state;
    run_cases(bad_model, bad_model_count);
    run_cases(bad_forwards, bad_forwards_count);
}

/* Builds "HEAD BODY(0) BODY(1) ... TAIL" with @count bodies, whose %u is their number. */
static char *repeat(const char *head, const char *body, unsigned count, const char *tail)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    fputs(head, out);
    for (unsigned i = 0; i < count; i++)
        fprintf(out, body, i);
    fputs(tail, out);
    fclose(out);
    return text;
}

static unsigned line_count(const char *text)
{
    unsigned count = 1;

    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static void twenty_mistakes_are_enough(void **state)
{
    _cleanup_free_ char *text = repeat("devices:\n", "  t%u: {}\n", 30, "");
    struct tapnet_error error;

    (void)state;
    parse_bad(text, strlen(text), &error);
    assert_int_equal(line_count(error.text), 20);
    assert_non_null(strstr(error.text, "lab.yaml:21:3: device t19: `kind` is missing"));
}

static void nesting_is_bounded(void **state)
{
    _cleanup_free_ char *lists = repeat("networks: ", "[", 100000, "");
    _cleanup_free_ char *maps = repeat("networks: ", "{a: ", 100000, "");
    _cleanup_free_ char *known = repeat("networks: {lab: {ports: {web: {ntp: ", "[", 13, "x]]]]]]]]]]]]]}}}}");
    struct tapnet_error error;

    (void)state;
    parse_bad(lists, strlen(lists), &error);
    assert_non_null(strstr(error.text, "lab.yaml:1:26: maps and lists are nested too deeply: more than 16"));
    parse_bad(maps, strlen(maps), &error);
    assert_non_null(strstr(error.text, "nested too deeply"));
    parse_bad(known, strlen(known), &error);
    assert_string_equal(
        error.text, "lab.yaml:1:38: port web: ntp takes single values, not a list; write it as in `ntp: 192.0.2.123`\n"
                    "lab.yaml:1:48: port web: maps and lists are nested too deeply: more than 16");
}

static void entries_are_bounded(void **state)
{
    _cleanup_free_ char *ports = repeat("networks:\n  lab:\n    ports:\n", "      p%u:\n", SPEC_PORTS_MAX + 1, "");
    _cleanup_free_ char *devices = repeat("devices:\n", "  t%u: { kind: tun }\n", SPEC_DEVICES_MAX + 1, "");
    _cleanup_free_ char *networks = repeat("networks:\n", "  n%u:\n", SPEC_NETWORKS_MAX + 1, "");
    struct tapnet_error error;

    (void)state;
    parse_bad(ports, strlen(ports), &error);
    assert_string_equal(error.text, "lab.yaml:8195:7: network lab: there are more than 8191 ports");
    parse_bad(devices, strlen(devices), &error);
    assert_string_equal(error.text, "lab.yaml:1026:3: there are more than 1024 devices");
    parse_bad(networks, strlen(networks), &error);
    assert_string_equal(error.text, "lab.yaml:1026:3: there are more than 1024 networks");
}

static void all_ports_together_are_bounded(void **state)
{
    _cleanup_free_ char *ports = repeat("", "p%u: , ", 1000, "");
    _cleanup_free_ char *text = NULL;
    struct tapnet_error error;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    for (unsigned i = 0; i < 17; i++)
        fprintf(out, "%sn%u: { ports: { %s } }\n", i ? "  " : "networks:\n  ", i, ports);
    fclose(out);
    parse_bad(text, len, &error);
    assert_non_null(strstr(error.text, "network n16: there are more than 16384 ports in one file; split it"));
}

static void four_mebibytes_are_enough(void **state)
{
    _cleanup_free_ char *text = calloc(1, SPEC_FILE_LEN_MAX + 1);
    struct tapnet_error error;

    (void)state;
    memset(text, '\n', SPEC_FILE_LEN_MAX + 1);
    parse_bad(text, SPEC_FILE_LEN_MAX + 1, &error);
    assert_string_equal(error.text, "lab.yaml: 4194305 bytes are more than a file may have: 4194304");
    parse_bad(text, SPEC_FILE_LEN_MAX, &error);
    assert_non_null(strstr(error.text, "the file is empty"));
}

/* The first anchor ends it, however many follow. */
static void anchors_end_the_reading(void **state)
{
    _cleanup_free_ char *text = repeat("networks: &a0 {}\n", "a: &a%u [*a0, *a0, *a0]\n", 100000, "");
    struct tapnet_error error;

    (void)state;
    parse_bad(text, strlen(text), &error);
    assert_string_equal(error.text, "lab.yaml:1:11: anchors (`&`) are refused; take it out, or quote the value");
}

/* The name of the file stands in every line and may be hostile too; it names the set only when it can. */
static void hostile_file_names(void **state)
{
    static const char text[] = "networks: {}\n";
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct model_set *set = NULL;

    (void)state;
    assert_int_equal(spec_parse(text, sizeof(text) - 1, "/tmp/\x1b[2Jmy lab.yaml", &set, &error), -EINVAL);
    assert_string_equal(error.text, "/tmp/\\x1b[2Jmy lab.yaml: the set can't be named after the file: `\\x1b[2Jmy lab` "
                                    "is not a name (a-z, 0-9 and `-`); add `name: 2jmy-lab` or the like");
    assert_int_equal(spec_parse(text, sizeof(text) - 1, "My__lab..v2.yml", &set, &error), -EINVAL);
    assert_non_null(strstr(error.text, "add `name: my-lab-v2` or the like"));
    assert_int_equal(spec_parse(text, sizeof(text) - 1, "-", &set, &error), -EINVAL);
    assert_string_equal(error.text, "-: the set can't be named after the file: `-` is not a name (a-z, 0-9 and `-`); "
                                    "add `name: lab` or the like");
    assert_int_equal(spec_parse(text, sizeof(text) - 1, "dir/", &set, &error), -EINVAL);
    assert_null(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax),
        cmocka_unit_test(keys),
        cmocka_unit_test(values),
        cmocka_unit_test(values_together),
        cmocka_unit_test(twenty_mistakes_are_enough),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(entries_are_bounded),
        cmocka_unit_test(all_ports_together_are_bounded),
        cmocka_unit_test(four_mebibytes_are_enough),
        cmocka_unit_test(anchors_end_the_reading),
        cmocka_unit_test(hostile_file_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
