/* SPDX-License-Identifier: MIT */
/* The interface alias: what one prints the other reads, and nothing else is read. */
#include "build.h"

static struct model_owner owner(const char *set, const char *network, const char *port)
{
    struct model_owner made = {.origin = MODEL_ORIGIN_DECLARED};

    snprintf(made.set, sizeof(made.set), "%s", set);
    snprintf(made.network, sizeof(made.network), "%s", network);
    snprintf(made.port, sizeof(made.port), "%s", port);
    return made;
}

static void bridges_ports_and_devices_have_their_aliases(void **state)
{
    struct model_owner bridge = owner("lab", "net", ""), port = owner("lab", "net", "web"),
                       device = owner("lab", "", "tun1");
    char text[MODEL_ALIAS_MAX];

    (void)state;
    assert_string_equal(model_alias_print(&bridge, text), "tapnet:lab/net declared mode=nat");
    bridge.mode = MODEL_MODE_ISOLATED;
    assert_string_equal(model_alias_print(&bridge, text), "tapnet:lab/net declared mode=isolated");
    bridge.mode = MODEL_MODE_ROUTED;
    assert_string_equal(model_alias_print(&bridge, text), "tapnet:lab/net declared mode=routed");
    port.guest_mac = build_mac("52:54:00:00:00:07");
    assert_string_equal(model_alias_print(&port, text), "tapnet:lab/net/web declared mac=52:54:00:00:00:07");
    port.origin = MODEL_ORIGIN_RUN;
    assert_string_equal(model_alias_print(&port, text), "tapnet:lab/net/web run mac=52:54:00:00:00:07");
    port.origin = MODEL_ORIGIN_ATTACHED;
    assert_string_equal(model_alias_print(&port, text), "tapnet:lab/net/web attached mac=52:54:00:00:00:07");
    assert_string_equal(model_alias_print(&device, text), "tapnet:lab//tun1 declared");
}

static void what_is_not_ours_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "uplink to the lab",
        "tapnet",
        "tapnet:",
        "tapnet:lab",
        "tapnet:lab/net",
        "tapnet:lab/net ",
        "tapnet:lab/net declared",
        "tapnet:lab/net declared ",
        "tapnet:lab/net declared mode=",
        "tapnet:lab/net declared mode=bridged",
        "tapnet:lab/net declared mode=nat ",
        "tapnet:lab/net declared  mode=nat",
        "tapnet:lab/net  declared mode=nat",
        " tapnet:lab/net declared mode=nat",
        "Tapnet:lab/net declared mode=nat",
        "tapnet:lab/net wanted mode=nat",
        "tapnet:/net declared mode=nat",
        "tapnet:lab/ declared mode=nat",
        "tapnet:lab// declared",
        "tapnet:lab/net/ declared mode=nat",
        "tapnet:lab/net/ declared mac=52:54:00:00:00:07",
        "tapnet:LAB/net declared mode=nat",
        "tapnet:lab/n_t declared mode=nat",
        "tapnet:lab/net/web declared",
        "tapnet:lab/net/web declared mode=nat",
        "tapnet:lab/net/web declared mac=52:54:00:00:00",
        "tapnet:lab/net/web declared mac=52:54:00:AA:00:07", /* not as it is printed */
        "tapnet:lab/net/web declared mac=52:54:00:00:00:07\n",
        "tapnet:lab/net/web declared mac=52:54:00:00:00:07 mac=52:54:00:00:00:07",
        "tapnet:lab/net/web/x declared mac=52:54:00:00:00:07",
        "tapnet:lab//tun1",
        "tapnet:lab//tun1 declared mode=nat",
        "tapnet:lab//a-name-of-16-cha declared",
        "tapnet:lab//a:b declared",
        "tapnet:lab//.. declared",
        "tapnet:abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvwxyz1/net declared mode=nat",
        "tapnet:lab/net attachedattachedattachedattachedattachedattachedattachedattachedattached mode=nat",
    };
    struct model_owner untouched = owner("x", "y", "z"), parsed = untouched;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_int_equal(model_alias_parse(wrong[i], &parsed), -EINVAL);
        assert_memory_equal(&parsed, &untouched, sizeof(parsed));
    }
}

static struct model_owner random_owner(struct random *random)
{
    struct model_owner made = {.origin = (enum model_origin)random_below(random, 3)};

    random_name(random, made.set);
    if (random_chance(random, 30)) {
        random_ifname(random, made.port);
        return made;
    }
    random_name(random, made.network);
    if (random_chance(random, 30)) {
        made.mode = (enum model_mode)random_below(random, 2);
        return made;
    }
    random_name(random, made.port);
    made.guest_mac = random_mac(random);
    return made;
}

/* Whatever is printed is read back as it was; and every alias that is a little off is refused or means itself. */
static void aliases_go_there_and_back(void **state)
{
    struct random random = {.state = 20261121};
    char text[MODEL_ALIAS_MAX], again[MODEL_ALIAS_MAX];

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        struct model_owner made = random_owner(&random), parsed = {0};
        size_t len = strlen(model_alias_print(&made, text));

        assert_true(len < MODEL_ALIAS_MAX - 1);
        assert_int_equal(model_alias_parse(text, &parsed), 0);
        assert_string_equal(parsed.set, made.set);
        assert_string_equal(parsed.network, made.network);
        assert_string_equal(parsed.port, made.port);
        assert_int_equal(parsed.origin, made.origin);
        assert_int_equal(parsed.mode, made.mode);
        assert_true(mac_equal(&parsed.guest_mac, &made.guest_mac));

        text[random_below(&random, (uint32_t)len)] = (char)(1 + random_below(&random, 255));
        if (model_alias_parse(text, &parsed) == 0)
            assert_string_equal(model_alias_print(&parsed, again), text);
        text[random_below(&random, (uint32_t)len)] = '\0';
        if (model_alias_parse(text, &parsed) == 0)
            assert_string_equal(model_alias_print(&parsed, again), text);
    }
}

/* The longest names still fit into what the kernel keeps. */
static void the_longest_alias_fits(void **state)
{
    char name[MODEL_NAME_MAX], text[MODEL_ALIAS_MAX];
    struct model_owner longest, parsed;

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    longest = owner(name, name, name);
    longest.guest_mac = build_mac("52:54:00:00:00:07");
    longest.origin = MODEL_ORIGIN_DECLARED;
    assert_true(strlen(model_alias_print(&longest, text)) < MODEL_ALIAS_MAX - 1);
    assert_int_equal(model_alias_parse(text, &parsed), 0);
    assert_string_equal(parsed.port, name);
}

static void origins_have_words(void **state)
{
    enum model_origin origin = MODEL_ORIGIN_DECLARED;

    (void)state;
    assert_int_equal(model_origin_parse("run", &origin), 0);
    assert_int_equal(origin, MODEL_ORIGIN_RUN);
    assert_int_equal(model_origin_parse("attached", &origin), 0);
    assert_int_equal(origin, MODEL_ORIGIN_ATTACHED);
    assert_int_equal(model_origin_parse("made", &origin), -EINVAL);
    assert_int_equal(origin, MODEL_ORIGIN_ATTACHED);
    assert_string_equal(model_origin_print(MODEL_ORIGIN_DECLARED), "declared");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bridges_ports_and_devices_have_their_aliases),
        cmocka_unit_test(what_is_not_ours_is_refused),
        cmocka_unit_test(aliases_go_there_and_back),
        cmocka_unit_test(the_longest_alias_fits),
        cmocka_unit_test(origins_have_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
