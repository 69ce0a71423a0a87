/* SPDX-License-Identifier: MIT */
/* Fuzzes the file parser: no input crashes it, and what it says is fit for a terminal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spec/spec.h"

#define LINES_MAX 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Stops the fuzzer when a promise is broken. */
static void promise(bool kept)
{
    if (!kept)
        abort();
}

/* Each of at most 20 lines is printable ASCII and names the file. */
static void check_message(const struct tapnet_error *error)
{
    unsigned lines = 1;

    promise(error->code == -EINVAL);
    promise(strncmp(error->text, "fuzz.yaml:", 10) == 0);
    for (const char *at = error->text; *at; at++) {
        promise(*at == '\n' || (*at >= ' ' && *at < 0x7f));
        lines += *at == '\n';
    }
    promise(lines <= LINES_MAX);
}

static void check_set(const struct model_set *set)
{
    promise(model_name_valid(set->name));
    for (size_t i = 0; i < set->network_count; i++) {
        const struct model_network *network = &set->networks[i];

        promise(model_name_valid(network->name) && network->place.line > 0);
        for (size_t j = 0; j < network->port_count; j++)
            promise(model_name_valid(network->ports[j].name) && model_ifname_valid(network->ports[j].device));
    }
    for (size_t i = 0; i < set->device_count; i++)
        promise(model_ifname_valid(set->devices[i].name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct model_set *set = NULL;

    if (spec_parse((const char *)data, len, "fuzz.yaml", &set, &error) < 0) {
        promise(!set);
        check_message(&error);
        return 0;
    }
    check_set(set);
    model_set_free(set);
    return 0;
}
