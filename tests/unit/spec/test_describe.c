/* SPDX-License-Identifier: MIT */
/* The option table, told: the seed parses and uses every key, the manual names every key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "spec/mistake.h"
#include "spec/option.h"
#include "spec/spec.h"

static void the_seed_parses(void **state)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    _cleanup_free_ char *text = NULL;
    struct model_set *set = NULL;

    (void)state;
    assert_int_equal(spec_describe_seed(&text), 0);
    if (spec_parse(text, strlen(text), "seed.yaml", &set, &error) < 0)
        fail_msg("%s\n%s", text, error.text);
    assert_int_equal(set->network_count, 2);
    assert_int_equal(set->networks[0].port_count, 1);
    assert_int_equal(set->device_count, 1);
    assert_true(set->networks[0].subnet_given && set->networks[0].uplink_given && set->networks[0].mtu_given);
    assert_true(set->networks[0].ports[0].address_given && set->networks[0].ports[0].guest_mac_given);
    assert_true(set->devices[0].multi_queue);
    model_set_free(set);
}

static void the_seed_uses_every_key(void **state)
{
    _cleanup_free_ char *text = NULL;

    (void)state;
    assert_int_equal(spec_describe_seed(&text), 0);
    for (size_t i = 0; i < spec_option_count; i++) {
        char line[64];

        snprintf(line, sizeof(line), " %s:", spec_options[i].key);
        line[0] = spec_options[i].section == SPEC_SECTION_SET ? '\n' : ' ';
        assert_true(strstr(text, line) || strncmp(text, line + 1, strlen(line + 1)) == 0);
    }
}

/* What stands in the table makes the messages and the manual: it must be fit for both. */
static void the_table_is_whole(void **state)
{
    _cleanup_free_ char *roff = NULL;

    (void)state;
    assert_int_equal(spec_describe_roff(&roff), 0);
    for (size_t i = 0; i < spec_option_count; i++) {
        const struct spec_option *option = &spec_options[i];
        char head[64];

        snprintf(head, sizeof(head), ".TP\n\\fB%s\\fR: ", option->key);
        assert_non_null(strstr(roff, head));
        assert_non_null(option->example);
        assert_true(option->description && *option->description);
        assert_true(option->description[strlen(option->description) - 1] != '.');
        assert_true(option->required != !!option->default_text);
        assert_ptr_equal(spec_option_find(option->section, option->key), option);
        assert_true(option->list == (option->count_offset != SPEC_NOWHERE && option->type != SPEC_TYPE_MAP));
        assert_true((option->type == SPEC_TYPE_ENUM || option->type == SPEC_TYPE_WORDS) == (option->words != NULL));
        assert_true(option->minimum <= option->maximum);
    }
}

static void the_manual_names_the_limit_that_is_checked(void **state)
{
    const struct spec_option *search = spec_option_find(SPEC_SECTION_NETWORK, "search");
    char limit[64];

    (void)state;
    snprintf(limit, sizeof(limit), "at most %d bytes", SPEC_SEARCH_LEN_MAX);
    assert_non_null(strstr(search->description, limit));
}

static void no_synonym_is_a_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < spec_option_count; i++) {
        const struct spec_option *option = &spec_options[i];
        _cleanup_free_ char *words = strdup(option->synonyms ? option->synonyms : "");
        char *rest = words, *word;

        assert_true(!*words || (*words == ' ' && words[strlen(words) - 1] == ' '));
        while ((word = strsep(&rest, " ")))
            assert_null(spec_option_find(option->section, word));
    }
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(spec_edit_distance("subnet", "subnet"), 0);
    assert_int_equal(spec_edit_distance("subnet", "subnets"), 1);
    assert_int_equal(spec_edit_distance("subnet", "SUBNET"), 0);
    assert_int_equal(spec_edit_distance("subnet", "sbunet"), 1);
    assert_int_equal(spec_edit_distance("subnet", "subet"), 1);
    assert_int_equal(spec_edit_distance("mac", "mtu"), 2);
    assert_int_equal(spec_edit_distance("", "mtu"), 3);
    assert_int_equal(spec_edit_distance("a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), 99);
}

static void quotes(void **state)
{
    static const char hostile[] = "\x1b[2J\n\t\\\x7f\xff\0z";
    char buffer[SPEC_QUOTE_MAX];
    char longest[100];

    (void)state;
    assert_string_equal(spec_quote(hostile, sizeof(hostile) - 1, buffer), "\\x1b[2J\\n\\t\\\\\\x7f\\xff\\x00z");
    memset(longest, 'a', sizeof(longest));
    assert_int_equal(strlen(spec_quote(longest, 60, buffer)), 60);
    assert_int_equal(strlen(spec_quote(longest, 61, buffer)), 63);
    memset(longest, 1, sizeof(longest));
    assert_int_equal(strlen(spec_quote(longest, sizeof(longest), buffer)), 63);
    longest[0] = 'a'; /* the last escape would cross the sixtieth character */
    assert_int_equal(strlen(spec_quote(longest, sizeof(longest), buffer)), 60);
    assert_string_equal(spec_quote("", 0, buffer), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seed_parses),
        cmocka_unit_test(the_seed_uses_every_key),
        cmocka_unit_test(the_table_is_whole),
        cmocka_unit_test(the_manual_names_the_limit_that_is_checked),
        cmocka_unit_test(no_synonym_is_a_key),
        cmocka_unit_test(distances),
        cmocka_unit_test(quotes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
