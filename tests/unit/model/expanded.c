/* SPDX-License-Identifier: MIT */
/* What a set wants of a host, for tests that look at it. */
#include "expanded.h"

/* A host with an uplink and nothing else on it. */
void expand(struct model_set *set, bool host_forwards, struct model_objects *ret)
{
    struct model_surroundings surroundings = {.uplink = "eth0", .uplink_mtu = 1500};
    struct tapnet_error error = TAPNET_ERROR_INIT;

    model_derive(set);
    if (model_resolve(set, &surroundings, &error) < 0)
        fail_msg("%s", error.text);
    if (model_expand(set, host_forwards, ret, &error) < 0)
        fail_msg("%s", error.text);
}

void assert_texts(const struct model_objects *objects, const char *const *expected, size_t count)
{
    char text[MODEL_OBJECT_TEXT_MAX];

    for (size_t i = 0; i < objects->count && i < count; i++)
        assert_string_equal(model_object_print(&objects->items[i], text), expected[i]);
    assert_int_equal(objects->count, count);
}

const struct model_object *find_link(const struct model_objects *objects, const char *name)
{
    for (size_t i = 0; i < objects->count; i++)
        if (objects->items[i].kind == MODEL_OBJECT_LINK && strcmp(objects->items[i].link.name, name) == 0)
            return &objects->items[i];
    fail_msg("no link %s", name);
    return NULL;
}

/* Whose text is @text, or NULL. */
const struct model_object *find_text(const struct model_objects *objects, const char *text)
{
    char other[MODEL_OBJECT_TEXT_MAX];

    for (size_t i = 0; i < objects->count; i++)
        if (strcmp(model_object_print(&objects->items[i], other), text) == 0)
            return &objects->items[i];
    return NULL;
}
