/* SPDX-License-Identifier: MIT */
/* What a user of the host asks of the keeper: one datagram, as api/attach.h has it. */
#ifndef KEEPER_REQUEST_H
#define KEEPER_REQUEST_H

#include "api/attach.h"

struct json_t;

enum request_kind {
    REQUEST_ATTACH,
    REQUEST_DETACH,
    REQUEST_READY, /* a port of the pool */
};

/* Texts are @json's. */
struct request {
    enum request_kind kind;
    struct json_t *json;
    const char *network, *port; /* NULL: not said */
    struct tapnet_attach_options options;
    unsigned detach_flags;
};

/* Zero-initialised, or filled in by request_parse(), also in vain. */
void request_fini(struct request *request);
/* Strict: -EBADMSG for anything that api/attach.h does not tell of. The caller ends @ret in any case. */
int request_parse(const char *text, struct request *ret, struct tapnet_error *error);

#endif
