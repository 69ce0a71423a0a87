/* SPDX-License-Identifier: MIT */
/* The network configuration that a runtime gives a plugin on its standard input. */
#ifndef CNI_CONFIG_H
#define CNI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapnet/attach.h>

#include "error.h"

#define CNI_CONFIG_MAX (1 << 20) /* bytes on standard input: a result of another plugin with every route is a tenth */
#define CNI_FORWARDS_MAX 64      /* of one port */
#define CNI_FORWARD_TEXT_MAX 96  /* "[ADDRESS]:65535:65535/tcp" */
#define CNI_NAME_MAX 64
#define CNI_TAP "tap0" /* the name of one that says none */

struct json_t;

/* Texts are of the document. */
struct cni_config {
    struct json_t *document; /* a reference of ours */
    const char *version;
    const char *name;          /* of the configuration */
    const char *network;       /* ours */
    const char *mac, *address; /* NULL: not given */
    bool has_tap;              /* for a VMM in the container's namespace */
    struct tapnet_container_tap tap;
    char forwards[CNI_FORWARDS_MAX][CNI_FORWARD_TEXT_MAX];
    const char *forward_texts[CNI_FORWARDS_MAX];
    size_t forward_count;
    uint64_t send, receive;                /* bits a second; 0: not given */
    uint32_t burst;                        /* bytes; 0: not given */
    struct json_t *dns, *previous, *valid; /* NULL: not given */
};

/* "0.3.1", ...: what we speak, ending with NULL. */
extern const char *const cni_versions[];
/* Is @version one of them, and not before @first, of them? */
bool cni_version_is_known(const char *version);
bool cni_version_is_from(const char *version, const char *first);

/*
 * Reads @len bytes of @text. @lenient: keys that are not known, or hold what they should not, are passed over as far as
 * that is possible, for who takes away. The caller ends *ret with cni_config_fini(), on failure too: its version is set
 * as soon as it is known.
 */
enum cni_code cni_config_parse(const char *text, size_t len, bool lenient, struct cni_config *ret,
                               struct cni_error *error);
/* The version alone, for VERSION: 1.1.0 when @text is empty. */
enum cni_code cni_config_parse_version(const char *text, size_t len, struct cni_config *ret, struct cni_error *error);
void cni_config_fini(struct cni_config *config);

#endif
