/* SPDX-License-Identifier: MIT */
/* What a user of the host asks of the keeper: one datagram, as api/attach.h has it. */
#include "keeper/request.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/array.h"
#include "base/message.h"

void request_fini(struct request *request)
{
    json_decref(request->json);
}

static int parse_attach(struct request *request)
{
    json_int_t queues = 0;
    int open = 0, held = 0, vnet_header = 1;
    const char *what;

    if (json_unpack(request->json, "{s:s, s?s, s?s, s?I, s?b, s?b, s?b !}", "do", &what, "network", &request->network,
                    "port", &request->port, "queues", &queues, "open", &open, "held", &held, "vnet_header",
                    &vnet_header) < 0 ||
        queues < 0 || queues > MESSAGE_FDS_MAX)
        return -EBADMSG;
    request->options = (struct tapnet_attach_options){
        .network = request->network,
        .port = request->port,
        .queues = (unsigned)queues,
        .flags = (open ? (unsigned)TAPNET_ATTACH_OPEN : 0u) | (held ? (unsigned)TAPNET_ATTACH_HELD : 0u) |
                 (vnet_header ? 0u : (unsigned)TAPNET_ATTACH_NO_VNET_HEADER),
    };
    return 0;
}

static int parse_detach(struct request *request)
{
    int unless_held = 0;
    const char *what;

    if (json_unpack(request->json, "{s:s, s:s, s:s, s?b !}", "do", &what, "network", &request->network, "port",
                    &request->port, "unless_held", &unless_held) < 0)
        return -EBADMSG;
    request->detach_flags = unless_held ? (unsigned)TAPNET_DETACH_UNLESS_HELD : 0u;
    return 0;
}

static int parse_ready(struct request *request)
{
    const char *what;

    return json_unpack(request->json, "{s:s, s?s !}", "do", &what, "network", &request->network) < 0 ? -EBADMSG : 0;
}

int request_parse(const char *text, struct request *ret, struct tapnet_error *error)
{
    static const struct {
        const char *word;
        enum request_kind kind;
        int (*parse)(struct request *request);
    } verbs[] = {
        {"attach", REQUEST_ATTACH, parse_attach},
        {"detach", REQUEST_DETACH, parse_detach},
        {"ready", REQUEST_READY, parse_ready},
    };
    const char *what;
    int result = -EBADMSG;

    *ret = (struct request){.json = json_loads(text, JSON_REJECT_DUPLICATES, NULL)};
    what = json_string_value(json_object_get(ret->json, "do"));
    for (size_t i = 0; what && i < ARRAY_COUNT(verbs); i++) {
        if (strcmp(what, verbs[i].word) != 0)
            continue;
        ret->kind = verbs[i].kind;
        result = verbs[i].parse(ret);
    }
    return result < 0 ? error_set(error, result, "this is no request that the keeper knows") : 0;
}
