/* SPDX-License-Identifier: MIT */
/* Settings that the driver keeps of a device, as JSON: keys of a link and of a device on record. See json.md. */
#include <string.h>

#include "model/json.h"
#include "model/model.h"

void json_put_some(json_t **json, const char *key, uint32_t number)
{
    if (number)
        json_put(json, key, json_integer(number));
}

static json_t *offloads_to_json(uint32_t offloads)
{
    json_t *array = json_array();

    for (const struct model_word *word = model_offload_words; word->word; word++)
        if (offloads & word->value)
            json_append(&array, json_string(word->word));
    return array;
}

void json_put_settings(json_t **json, const struct model_settings *settings)
{
    if (settings->offloads_given)
        json_put(json, "offloads", offloads_to_json(settings->offloads));
    json_put_some(json, "vnet_header_size", settings->vnet_header_size);
}

/* The offload that @value names; 0: none. */
static uint32_t offload_of(const json_t *value)
{
    const char *text = json_text_of(value, MODEL_NAME_MAX);

    for (const struct model_word *word = model_offload_words; text && word->word; word++)
        if (strcmp(word->word, text) == 0)
            return word->value;
    return 0;
}

static void read_offloads(struct json_reader *reader, struct model_settings *ret)
{
    const json_t *array = json_read(reader, "offloads", JSON_OPTIONAL);
    uint32_t offloads = 0;

    if (!array)
        return;
    if (!json_is_array(array))
        json_read_wrong(reader, "offloads", "a list of offloads");
    for (size_t i = 0; i < json_array_size(array) && reader->code == 0; i++) {
        uint32_t offload = offload_of(json_array_get(array, i));

        if (!offload || offloads & offload)
            json_read_wrong(reader, "offloads", "a list of offloads that this version knows, each once");
        offloads |= offload;
    }
    ret->offloads_given = true;
    ret->offloads = offloads;
}

void json_read_settings(struct json_reader *reader, struct model_settings *ret)
{
    read_offloads(reader, ret);
    json_read_number(reader, "vnet_header_size", JSON_OPTIONAL, UINT16_MAX, &ret->vnet_header_size);
}
