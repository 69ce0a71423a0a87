/* SPDX-License-Identifier: MIT */
/* tapnet-cni: plugs containers into networks of tapnet, as a plugin of the Container Network Interface. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tapnet/network.h>

#include "call.h"
#include "environment.h"

static const struct verb {
    const char *name;
    const char *first; /* version that has it */
    unsigned needs;
    bool lenient; /* what takes away does so whatever else the configuration says */
    enum cni_code (*run)(struct tapnet *tapnet, const struct cni_call *call, struct cni_error *error);
} verbs[] = {
    {"ADD", "0.3.1", CNI_NEEDS_CONTAINER | CNI_NEEDS_NETNS | CNI_NEEDS_INTERFACE, false, cni_add},
    {"DEL", "0.3.1", CNI_NEEDS_CONTAINER | CNI_NEEDS_INTERFACE, true, cni_del},
    {"CHECK", "0.4.0", CNI_NEEDS_CONTAINER | CNI_NEEDS_NETNS | CNI_NEEDS_INTERFACE, false, cni_check},
    {"GC", "1.1.0", 0, true, cni_gc},
    {"STATUS", "1.1.0", 0, false, cni_status},
};

/* ---- standard input ---- */

/* All of it, malloc'ed. */
static enum cni_code read_input(char **ret, size_t *ret_len, struct cni_error *error)
{
    char *text = malloc(CNI_CONFIG_MAX + 1);
    size_t len = 0;
    ssize_t got = 1;

    while (text && len <= CNI_CONFIG_MAX && got > 0) {
        do
            got = read(STDIN_FILENO, text + len, CNI_CONFIG_MAX + 1 - len);
        while (got < 0 && errno == EINTR);
        len += got > 0 ? (size_t)got : 0;
    }
    *ret = text;
    *ret_len = len;
    if (!text || got < 0)
        return cni_fail(error, CNI_IO_FAILURE, "cannot read the network config", "standard input: %s", strerror(errno));
    if (len > CNI_CONFIG_MAX)
        return cni_fail(error, CNI_IO_FAILURE, "cannot read the network config", "it is longer than %d bytes",
                        CNI_CONFIG_MAX);
    return CNI_OK;
}

/* ---- standard output ---- */

/* @text: malloc'ed, and freed here; NULL: out of memory. */
static int print(char *text)
{
    bool told = text && puts(text) >= 0 && fflush(stdout) == 0;

    free(text);
    return told ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int print_versions(const char *version)
{
    json_t *list = json_array(), *document;
    char *text;

    for (size_t i = 0; cni_versions[i]; i++)
        json_array_append_new(list, json_string(cni_versions[i]));
    document = json_pack("{s:s, s:o}", "cniVersion", version, "supportedVersions", list);
    text = json_dumps(document, JSON_INDENT(2));
    json_decref(document);
    return print(text);
}

/* ---- what is asked ---- */

static const struct verb *find_verb(const char *name, struct cni_error *error)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (name && strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    cni_fail(error, CNI_INVALID_ENVIRONMENT, "invalid environment variable",
             name ? "CNI_COMMAND `%.32s` is none of ADD, DEL, CHECK, GC, STATUS and VERSION" : "CNI_COMMAND is missing",
             name);
    return NULL;
}

static enum cni_code run(const struct verb *verb, const struct cni_call *call, struct cni_error *error)
{
    struct tapnet_error reason = TAPNET_ERROR_INIT;
    struct tapnet *tapnet;
    enum cni_code code;

    if (environment_open(&tapnet, &reason) < 0)
        return cni_fail(error, CNI_FAILED, "cannot begin", "%s", reason.text);
    tapnet_with_keeper(tapnet, environment_wants_keeper());
    code = verb->run(tapnet, call, error);
    tapnet_free(tapnet);
    return code;
}

static enum cni_code serve(struct cni_call *call, const char *text, size_t len, struct cni_error *error)
{
    const struct verb *verb = find_verb(call->command, error);
    enum cni_code code;

    if (!verb)
        return error->code;
    code = cni_config_parse(text, len, verb->lenient, &call->config, error);
    if (!code && !cni_version_is_from(call->config.version, verb->first))
        code = cni_fail(error, CNI_INCOMPATIBLE_VERSION, "incompatible CNI version", "%s is of version %s and later",
                        verb->name, verb->first);
    if (!code)
        code = cni_call_read(verb->needs, call, error);
    return code ? code : run(verb, call, error);
}

int main(void)
{
    struct cni_call call = {.command = getenv("CNI_COMMAND")};
    struct cni_error error = {.code = CNI_OK};
    enum cni_code code;
    char *text = NULL;
    size_t len = 0;
    int result = EXIT_SUCCESS;

    signal(SIGPIPE, SIG_IGN); /* who hangs up is told nothing, and what was made for him is undone */
    code = read_input(&text, &len, &error);
    if (!code && call.command && strcmp(call.command, "VERSION") == 0) {
        code = cni_config_parse_version(text, len, &call.config, &error);
        result = code ? result : print_versions(call.config.version);
    } else if (!code) {
        code = serve(&call, text, len, &error);
    }
    if (code) {
        print(cni_error_print(&call, &error));
        result = EXIT_FAILURE;
    }
    cni_config_fini(&call.config);
    free(text);
    return result;
}
