/* SPDX-License-Identifier: MIT */
/* Aliases, and objects and networks as JSON: what is accepted is written again as it was, and read again the same. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/json_cleanup.h"
#include "model/object.h"

/*
 * How it works: an input that begins with "{" is JSON, as it stands in the journal, in what a restart reads and in what
 * the service is told; all else is the alias of an interface, which anybody with the right to change the network may
 * have written.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void promise(bool kept)
{
    if (!kept)
        abort();
}

static void read_alias(const char *alias)
{
    struct model_owner owner;
    char text[MODEL_ALIAS_MAX];

    if (model_alias_parse(alias, &owner) == 0)
        promise(strcmp(model_alias_print(&owner, text), alias) == 0);
}

/* A refusal says why. */
static void check_refusal(int result, const struct tapnet_error *error)
{
    promise(result == -EINVAL && error->code == result && error->text[0]);
}

static void read_object(const json_t *json)
{
    struct arena arena = {0};
    struct model_object object, again;
    struct tapnet_error error = TAPNET_ERROR_INIT;
    char text[MODEL_OBJECT_TEXT_MAX];
    int result = model_object_from_json(json, &arena, &object, &error);

    if (result == 0) {
        _cleanup_json_ json_t *written = model_object_to_json(&object), *rewritten = NULL;

        promise(written && model_object_from_json(written, &arena, &again, &error) == 0);
        rewritten = model_object_to_json(&again);
        promise(rewritten && json_equal(written, rewritten) && model_object_compare(&object, &again) == 0);
        promise(strlen(model_object_print(&object, text)) < MODEL_OBJECT_TEXT_MAX);
    } else {
        check_refusal(result, &error);
    }
    arena_fini(&arena);
}

static void read_network(const json_t *json)
{
    struct arena arena = {0};
    struct model_network *network, *again;
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int result = model_network_from_json(json, &arena, &network, &error);

    if (result == 0) {
        _cleanup_json_ json_t *written = model_network_to_json(network);

        promise(written && model_network_from_json(written, &arena, &again, &error) == 0);
        promise(model_network_equal(network, again));
    } else {
        check_refusal(result, &error);
    }
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    _cleanup_free_ char *text = malloc(len + 1); /* of exactly this size: the sanitizer sees the first byte behind it */
    _cleanup_json_ json_t *json = NULL;

    if (!text)
        return 0;
    memcpy(text, data, len);
    text[len] = '\0';
    if (text[0] != '{') {
        read_alias(text);
        return 0;
    }
    json = json_loads(text, 0, NULL);
    if (json) {
        read_object(json);
        read_network(json);
    }
    return 0;
}
