/* SPDX-License-Identifier: MIT */
/* Reads a network configuration: hostile JSON to what is asked of us, each mistake with the specification's code. */
#include "config.h"

#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BURST_MAX (1 << 30) /* bytes: more of it than a port may have is all that it may have */
#define VALUE_TEXT_MAX 200

const char *const cni_versions[] = {"0.3.1", "0.4.0", "1.0.0", "1.1.0", NULL};

enum cni_code cni_fail(struct cni_error *error, enum cni_code code, const char *msg, const char *format, ...)
{
    va_list arguments;

    if (error->code)
        return error->code;
    error->code = code;
    snprintf(error->msg, sizeof(error->msg), "%s", msg);
    va_start(arguments, format);
    vsnprintf(error->details, sizeof(error->details), format, arguments);
    va_end(arguments);
    return code;
}

static enum cni_code invalid(struct cni_error *error, const char *key, const char *what)
{
    return cni_fail(error, CNI_INVALID_CONFIG, "invalid network config", "`%s` %s", key, what);
}

/* ---- versions ---- */

bool cni_version_is_known(const char *version)
{
    return cni_version_is_from(version, cni_versions[0]);
}

bool cni_version_is_from(const char *version, const char *first)
{
    bool from = false;

    for (size_t i = 0; cni_versions[i]; i++) {
        from |= strcmp(cni_versions[i], first) == 0;
        if (from && strcmp(cni_versions[i], version) == 0)
            return true;
    }
    return false;
}

static enum cni_code take_version(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    const char *version = json_string_value(value);

    if (!value)
        return invalid(error, "cniVersion", "is missing: 0.3.1, 0.4.0, 1.0.0 or 1.1.0");
    if (!version)
        return invalid(error, "cniVersion", "is no text: write \"1.1.0\"");
    if (!cni_version_is_known(version))
        return cni_fail(error, CNI_INCOMPATIBLE_VERSION, "incompatible CNI version",
                        "cniVersion %.32s is none of 0.3.1, 0.4.0, 1.0.0, 1.1.0", version);
    ret->version = version;
    return CNI_OK;
}

/* ---- texts ---- */

/* Starts with a letter or a digit, goes on with these, "_", "." and "-". */
static bool is_name(const char *text)
{
    if (!isalnum((unsigned char)*text))
        return false;
    while (isalnum((unsigned char)*text) || (*text && strchr("_.-", *text)))
        text++;
    return !*text;
}

static bool is_label(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len < CNI_NAME_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len &&
           text[0] != '-' && text[len - 1] != '-';
}

static enum cni_code take_name(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    ret->name = json_string_value(value);
    if (!value)
        return invalid(error, "name", "is missing: the name of the configuration");
    if (!ret->name || !is_name(ret->name))
        return invalid(error, "name", "starts with a letter or a digit and has `_`, `.` and `-` besides");
    return CNI_OK;
}

static enum cni_code take_type(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    (void)ret;
    if (!value)
        return invalid(error, "type", "is missing: the name of this plugin");
    return json_is_string(value) ? CNI_OK : invalid(error, "type", "is no text: the name of this plugin");
}

static enum cni_code take_network(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    ret->network = value ? json_string_value(value) : ret->name;
    if (ret->network && is_label(ret->network))
        return CNI_OK;
    return invalid(error, "network",
                   "is the name of a network of tapnet that is up: a-z, 0-9 and `-`, in 63 characters "
                   "at most; without it `name` is");
}

/* A number of a user or a group; false: it is none. */
static bool take_id(const json_t *value, uint32_t *ret)
{
    json_int_t id = json_integer_value(value);

    if (value && (!json_is_integer(value) || id < 0 || id >= TAPNET_ID_NONE))
        return false;
    *ret = value ? (uint32_t)id : TAPNET_ID_NONE;
    return true;
}

/* With the names that the reference plugin `tap` has for its options. */
static enum cni_code take_tap(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    static const char *const keys[] = {"name", "multiQueue", "owner", "group"};
    const json_t *name = json_object_get(value, "name"), *queues = json_object_get(value, "multiQueue");
    size_t known = 0;

    if (!value)
        return CNI_OK;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        known += json_object_get(value, keys[i]) != NULL;
    ret->tap = (struct tapnet_container_tap){.name = name ? json_string_value(name) : CNI_TAP,
                                             .multi_queue = json_is_true(queues)};
    if (!json_is_object(value) || known != json_object_size(value) || !ret->tap.name ||
        (queues && !json_is_boolean(queues)))
        return invalid(error, "tap", "is an object of a text `name`, `multiQueue`, true or false, `owner` and `group`");
    if (!take_id(json_object_get(value, "owner"), &ret->tap.owner) ||
        !take_id(json_object_get(value, "group"), &ret->tap.group))
        return invalid(error, "tap", "has an `owner` and a `group` that are numbers of a user and of a group");
    ret->has_tap = true;
    return CNI_OK;
}

static bool is_list_of_texts(json_t *value)
{
    if (!json_is_array(value))
        return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return false;
    return true;
}

/* Passed through to the result, so that it must be what the specification says. */
static enum cni_code take_dns(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    static const char *const lists[] = {"nameservers", "search", "options"};
    const char *key;
    json_t *item;

    if (!value)
        return CNI_OK;
    if (!json_is_object(value))
        return invalid(error, "dns", "is an object of nameservers, domain, search and options");
    json_object_foreach(value, key, item)
    {
        bool right = strcmp(key, "domain") == 0 && json_is_string(item);

        for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
            right |= strcmp(key, lists[i]) == 0 && is_list_of_texts(item);
        if (!right)
            return invalid(error, "dns",
                           "has lists of texts `nameservers`, `search` and `options`, and a text `domain`");
    }
    if (json_object_size(value))
        ret->dns = value;
    return CNI_OK;
}

/* ---- runtimeConfig ---- */

/* A number of @object from @minimum to @maximum; -1: it is another value, @absent: it is not there. */
static json_int_t number(const json_t *object, const char *key, json_int_t minimum, json_int_t maximum,
                         json_int_t absent)
{
    json_t *value = json_object_get(object, key);
    json_int_t found = json_integer_value(value);

    if (!value)
        return absent;
    return json_is_integer(value) && found >= minimum && found <= maximum ? found : -1;
}

/* "[ADDRESS:]8080:80/tcp", as tapnet.yaml(5) writes it. */
static enum cni_code take_mapping(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    json_int_t host = number(value, "hostPort", 0, 65535, 0), guest = number(value, "containerPort", 1, 65535, -1);
    const json_t *protocol_value = json_object_get(value, "protocol"),
                 *address_value = json_object_get(value, "hostIP");
    const char *protocol = protocol_value ? json_string_value(protocol_value) : "tcp";
    const char *address = address_value ? json_string_value(address_value) : "";
    bool ip6 = address && strchr(address, ':');

    if (!json_is_object(value) || host < 0 || guest < 0)
        return invalid(error, "portMappings",
                       "has a hostPort from 0 to 65535 and a containerPort from 1 to 65535 each");
    if (!protocol || (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0))
        return invalid(error, "portMappings", "has a protocol `tcp` or `udp` each: others are not forwarded");
    if (!address || strlen(address) > 45)
        return invalid(error, "portMappings", "has a hostIP that is an address");
    if (host == 0) /* none of the host leads there: as the specification of the capability has it */
        return CNI_OK;
    if (ret->forward_count == CNI_FORWARDS_MAX)
        return invalid(error, "portMappings", "has 64 members at most");
    snprintf(ret->forwards[ret->forward_count], CNI_FORWARD_TEXT_MAX, "%s%s%s%s%d:%d/%s", ip6 ? "[" : "", address,
             ip6 ? "]" : "", *address ? ":" : "", (int)host, (int)guest, protocol);
    ret->forward_texts[ret->forward_count] = ret->forwards[ret->forward_count];
    ret->forward_count++;
    return CNI_OK;
}

static enum cni_code take_mappings(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    enum cni_code code = CNI_OK;

    if (value && !json_is_null(value) && !json_is_array(value))
        return invalid(error, "portMappings", "is a list");
    for (size_t i = 0; i < json_array_size(value) && !code; i++)
        code = take_mapping(json_array_get(value, i), ret, error);
    return code;
}

static enum cni_code take_bandwidth(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    const json_int_t most = INT64_MAX;
    json_int_t receive = number(value, "ingressRate", 0, most, 0), send = number(value, "egressRate", 0, most, 0);
    json_int_t in = number(value, "ingressBurst", 0, most, 0), out = number(value, "egressBurst", 0, most, 0);
    json_int_t burst = (in > out ? in : out) / 8;

    if (!value || json_is_null(value))
        return CNI_OK;
    if (!json_is_object(value) || receive < 0 || send < 0 || in < 0 || out < 0)
        return invalid(error, "bandwidth", "has rates in bits a second, 0 for none, and bursts in bits");
    ret->receive = (uint64_t)receive;
    ret->send = (uint64_t)send;
    if (receive || send)
        ret->burst = burst > BURST_MAX ? BURST_MAX : (uint32_t)burst;
    return CNI_OK;
}

/* Without the length of a prefix: that is the network's. */
static enum cni_code take_addresses(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    if (!value || json_is_null(value) || (json_is_array(value) && !json_array_size(value)))
        return CNI_OK;
    if (!is_list_of_texts(value) || json_array_size(value) != 1)
        return invalid(error, "ips", "is a list of one IPv4 address");
    ret->address = json_string_value(json_array_get(value, 0));
    return CNI_OK;
}

static enum cni_code take_mac(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    if (!value || json_is_null(value) || (json_is_string(value) && !json_string_length(value)))
        return CNI_OK;
    ret->mac = json_string_value(value);
    return ret->mac ? CNI_OK : invalid(error, "mac", "is a text, \"52:54:00:00:00:01\"");
}

/* What a capability that we do not have says concerns others. */
static enum cni_code take_runtime(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    enum cni_code code;

    if (value && !json_is_object(value))
        return invalid(error, "runtimeConfig", "is an object");
    code = take_mappings(json_object_get(value, "portMappings"), ret, error);
    if (!code)
        code = take_bandwidth(json_object_get(value, "bandwidth"), ret, error);
    if (!code)
        code = take_mac(json_object_get(value, "mac"), ret, error);
    return code ? code : take_addresses(json_object_get(value, "ips"), ret, error);
}

/* ---- what comes from elsewhere ---- */

static enum cni_code take_previous(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    static const char *const lists[] = {"interfaces", "ips", "routes"};

    if (!value || json_is_null(value))
        return CNI_OK;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const json_t *list = json_object_get(value, lists[i]);

        if (!json_is_object(value) || (list && !json_is_null(list) && !json_is_array(list)))
            return invalid(error, "prevResult", "is an object with lists `interfaces`, `ips` and `routes`");
    }
    ret->previous = value;
    return CNI_OK;
}

static enum cni_code take_valid(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    bool right = !value || json_is_array(value) || json_is_null(value); /* null: a list of Go's that is empty */

    for (size_t i = 0; right && i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);

        right = json_is_string(json_object_get(item, "containerID")) && json_is_string(json_object_get(item, "ifname"));
    }
    ret->valid = value;
    return right ? CNI_OK : invalid(error, "cni.dev/valid-attachments", "is a list of `containerID` and `ifname` each");
}

static enum cni_code pass_over(json_t *value, struct cni_config *ret, struct cni_error *error)
{
    (void)value;
    (void)ret;
    (void)error;
    return CNI_OK;
}

/* ---- the whole ---- */

/* Every key that we know, in the order in which they are read. */
static const struct known_key {
    const char *key;
    enum cni_code (*take)(json_t *value, struct cni_config *ret, struct cni_error *error);
    bool needed; /* also by who takes away: without it nobody knows what */
} known_keys[] = {
    {"cniVersion", take_version, true},
    {"name", take_name, true},
    {"type", take_type, false},
    {"network", take_network, true},
    {"tap", take_tap, false},
    {"dns", take_dns, false},
    {"runtimeConfig", take_runtime, false},
    {"prevResult", take_previous, false},
    {"cni.dev/valid-attachments", take_valid, true},
    {"capabilities", pass_over, false},
    {"args", pass_over, false},
    {"cniVersions", pass_over, false},
    {"disableCheck", pass_over, false},
    {"disableGC", pass_over, false},
    {"ipMasq", pass_over, false}, /* the mode of the network says so, or not */
};

static bool is_known(const char *key)
{
    for (size_t i = 0; i < sizeof(known_keys) / sizeof(known_keys[0]); i++)
        if (strcmp(known_keys[i].key, key) == 0)
            return true;
    return strncmp(key, "cni.dev/", strlen("cni.dev/")) == 0;
}

/* The specification wants the key and its value said. */
static enum cni_code refuse_unknown(json_t *document, struct cni_error *error)
{
    char text[VALUE_TEXT_MAX + 1] = ""; /* of a piece that is too long nothing is written */
    const char *key;
    json_t *value;

    json_object_foreach(document, key, value)
    {
        size_t len;

        if (is_known(key) || (json_is_object(value) && !json_object_size(value))) /* "ipam": {} */
            continue;
        len = json_dumpb(value, text, VALUE_TEXT_MAX, JSON_COMPACT | JSON_ENCODE_ANY);
        text[len < VALUE_TEXT_MAX ? len : VALUE_TEXT_MAX] = '\0';
        return cni_fail(error, CNI_UNSUPPORTED_FIELD, "unsupported field in network config",
                        "`%.64s`: %s is no key of this plugin; what a network is like its own file says, see "
                        "tapnet.yaml(5)",
                        key, text);
    }
    return CNI_OK;
}

static enum cni_code load(const char *text, size_t len, struct cni_config *ret, struct cni_error *error)
{
    json_error_t mistake;

    ret->document = json_loadb(text, len, JSON_REJECT_DUPLICATES, &mistake);
    if (!ret->document)
        return cni_fail(error, CNI_DECODING_FAILURE, "the network config is no JSON", "line %d, column %d: %s",
                        mistake.line, mistake.column, mistake.text);
    if (!json_is_object(ret->document))
        return cni_fail(error, CNI_DECODING_FAILURE, "the network config is no object", "it is to be a JSON object");
    return CNI_OK;
}

enum cni_code cni_config_parse(const char *text, size_t len, bool lenient, struct cni_config *ret,
                               struct cni_error *error)
{
    enum cni_code code;

    *ret = (struct cni_config){.version = NULL};
    code = load(text, len, ret, error);
    for (size_t i = 0; i < sizeof(known_keys) / sizeof(known_keys[0]) && !code; i++) {
        bool must = known_keys[i].needed || !lenient;
        struct cni_error passed_over = {.code = CNI_OK};
        json_t *value = json_object_get(ret->document, known_keys[i].key);
        enum cni_code taken = known_keys[i].take(value, ret, must ? error : &passed_over);

        code = must ? taken : CNI_OK;
    }
    return code || lenient ? code : refuse_unknown(ret->document, error);
}

enum cni_code cni_config_parse_version(const char *text, size_t len, struct cni_config *ret, struct cni_error *error)
{
    enum cni_code code;

    *ret = (struct cni_config){.version = "1.1.0"};
    if (!len)
        return CNI_OK;
    code = load(text, len, ret, error);
    if (!code && json_is_string(json_object_get(ret->document, "cniVersion")))
        ret->version = json_string_value(json_object_get(ret->document, "cniVersion"));
    return code;
}

void cni_config_fini(struct cni_config *config)
{
    json_decref(config->document);
}
