/* SPDX-License-Identifier: MIT */
/* The commands device add, device del and device set. */
#include "device.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "device_words.h"
#include "session.h"

static void close_netns(int netns)
{
    if (netns >= 0)
        close(netns);
}

/* ---- add ---- */

static unsigned open_flags(const struct device_words *words)
{
    unsigned flags = TAPNET_DEVICE_NEW | TAPNET_DEVICE_PERSISTENT | TAPNET_DEVICE_MARK | TAPNET_DEVICE_NO_CARRIER;

    flags |= words->multi_queue ? TAPNET_DEVICE_MULTI_QUEUE : 0;
    flags |= words->packet_information ? TAPNET_DEVICE_PACKET_INFORMATION : 0;
    flags |= words->vnet_header ? TAPNET_DEVICE_VNET_HEADER : 0;
    flags |= words->for_anybody ? TAPNET_DEVICE_FOR_ANYBODY : 0;
    return flags;
}

static int print_name(const char *name, const struct arguments *arguments)
{
    json_t *json;
    char *text;

    if (!arguments->json) {
        if (!arguments->quiet)
            puts(name);
        return EXIT_DONE;
    }
    json = json_pack("{s:i, s:o}", "version", 1, "name", device_text_json(name));
    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    puts(text ? text : "");
    free(text);
    json_decref(json);
    return text ? EXIT_DONE : EXIT_FAILED;
}

static int make(const struct tapnet_device_options *options, const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_device *device;
    int result = tapnet_device_open(options, &device, &error);

    if (result < 0)
        return session_fail(&error, session_exit_code(result));
    result = print_name(tapnet_device_name(device), arguments);
    tapnet_device_close(device);
    return result;
}

int run_device_add(const struct arguments *arguments)
{
    static const char command[] = "device add";
    const struct device_words *words = &arguments->device;
    struct tapnet_device_options options = TAPNET_DEVICE_OPTIONS_INIT;
    struct tapnet_device_change change;
    int result = device_words_change(command, words, &change);

    if (!result)
        result = device_words_kind(command, words, arguments->operand, &options.kind);
    if (!result)
        result = device_words_index(command, words, &options.index);
    if (!result)
        result = device_words_netns(command, words, &options.netns);
    if (result)
        return result;
    options.name = arguments->operand;
    options.flags = open_flags(words);
    options.change = &change;
    result = make(&options, arguments);
    close_netns(options.netns);
    return result;
}

/* ---- del ---- */

int run_device_del(const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    bool force = arguments->device.force;
    int netns, result = device_words_netns("device del", &arguments->device, &netns);

    if (result)
        return result;
    result = tapnet_device_delete(netns, arguments->operand, force, &error);
    close_netns(netns);
    if (result == 0 && !arguments->quiet)
        printf("%s is deleted\n", arguments->operand);
    if (result < 0)
        session_fail(&error, EXIT_FAILED);
    if (result == -EBUSY)
        fputs("tapnet: --force deletes it all the same\n", stderr);
    return result < 0 ? session_exit_code(result) : EXIT_DONE;
}

/* ---- set ---- */

int run_device_set(const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_device_change change;
    int netns, result = device_words_change("device set", &arguments->device, &change);

    if (!result && !change.fields && !change.address_count && !change.removed_address_count) {
        fputs("tapnet device set: say what to change; `tapnet device set --help` lists what can be\n", stderr);
        result = EXIT_USAGE;
    }
    if (!result)
        result = device_words_netns("device set", &arguments->device, &netns);
    if (result)
        return result;
    result = tapnet_device_change(netns, arguments->operand, &change, &error);
    close_netns(netns);
    if (result < 0)
        return session_fail(&error, session_exit_code(result));
    if (!arguments->quiet)
        printf("%s is changed\n", arguments->operand);
    return EXIT_DONE;
}
