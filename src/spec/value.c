/* SPDX-License-Identifier: MIT */
/* The text of one value, read as the type that the option table gives it, never as what YAML would guess. */
#include "spec/value.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "model/forward.h"
#include "spec/account.h"

/* One value on its way: every reader below takes it and stores into @target. */
struct value {
    const struct spec_option *option;
    struct spec_value_context *context;
    const char *text; /* ends with NUL, holds no other */
    size_t len;
    char *problem;
};

/* Writes "KEY `TEXT` <formatted>" as the problem. Always -EINVAL. */
static int value_wrong(const struct value *value, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int value_wrong(const struct value *value, const char *format, ...)
{
    char quoted[SPEC_QUOTE_MAX];
    int used = snprintf(value->problem, SPEC_PROBLEM_MAX, "%s `%s` ", value->option->key,
                        spec_quote(value->text, value->len, quoted));
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(value->problem + used, SPEC_PROBLEM_MAX - (size_t)used, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

/* @text with everything that a DNS label can't hold made "-", in lower case; false when nothing sensible is left. */
static bool label_suggest(const char *text, char ret[MODEL_NAME_MAX])
{
    size_t used = 0;

    for (; *text && used < MODEL_NAME_MAX - 1; text++) {
        bool plain = isalnum((unsigned char)*text) && (unsigned char)*text < 0x80;

        if (plain)
            ret[used++] = (char)tolower((unsigned char)*text);
        else if (used && ret[used - 1] != '-')
            ret[used++] = '-';
    }
    while (used && ret[used - 1] == '-')
        used--;
    ret[used] = '\0';
    return used > 0;
}

/* Why @text, an interface name to the kernel perhaps, can't be one for us; NULL when it can. */
static const char *ifname_refusal(const char *text, size_t len)
{
    if (len == 0 || len >= MODEL_IFNAME_MAX)
        return "is not an interface name: 1 to 15 characters, please";
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-_.+@", text[i]))
            return "is not an interface name: letters, digits and `-`, `_`, `.`, `+`, `@` only, please";
    return model_ifname_valid(text) ? NULL : "is not an interface name that the kernel takes; choose another one";
}

int spec_name_check(enum spec_type type, const char *text, size_t len, char problem[SPEC_PROBLEM_MAX])
{
    char suggestion[MODEL_NAME_MAX];
    const char *refusal = NULL;

    if (type == SPEC_TYPE_IFNAME)
        refusal = ifname_refusal(text, len);
    else if (len >= MODEL_NAME_MAX)
        refusal = "is too long for a name: at most 63 characters, please";
    else if (model_name_valid(text))
        return 0;
    else if (!label_suggest(text, suggestion))
        refusal = "is not a name: a-z, 0-9 and `-` only, please";
    if (refusal)
        snprintf(problem, SPEC_PROBLEM_MAX, "%s", refusal);
    else if (type != SPEC_TYPE_IFNAME)
        snprintf(problem, SPEC_PROBLEM_MAX,
                 "is not a name: a-z, 0-9 and `-` only (not first or last), as in DNS; how about `%s`?", suggestion);
    else
        return 0;
    return -EINVAL;
}

/* SPEC_TYPE_NAME and SPEC_TYPE_IFNAME. */
static int parse_name(const struct value *value, void *target)
{
    char problem[SPEC_PROBLEM_MAX];

    if (spec_name_check(value->option->type, value->text, value->len, problem) < 0)
        return value_wrong(value, "%.300s", problem);
    memcpy(target, value->text, value->len + 1);
    return 0;
}

static int parse_id(const struct value *value, void *target)
{
    if (value->len >= MODEL_NAME_MAX)
        return value_wrong(value, "is too long: at most 63 characters, please");
    for (size_t i = 0; i < value->len; i++)
        if (!isalnum((unsigned char)value->text[i]) && (value->text[i] != '-' || i == 0))
            return value_wrong(value, "is not an id: letters, digits and `-` only, as in `%s`", value->option->example);
    memcpy(target, value->text, value->len + 1);
    return 0;
}

/* Keeps a copy of the text in the arena. */
static int keep_text(const struct value *value, void *target)
{
    const char *copy = arena_strdup(value->context->arena, value->text);

    if (!copy)
        return -ENOMEM;
    memcpy(target, &copy, sizeof(copy));
    return 0;
}

static int parse_text(const struct value *value, void *target)
{
    const struct spec_option *option = value->option;
    const char *remedy = option->remedy ? option->remedy : "use printable ASCII without spaces";

    if (value->len < option->minimum || value->len > option->maximum)
        return value_wrong(value, "is too long: at most %u characters, please", option->maximum);
    for (size_t i = 0; i < value->len; i++)
        if (value->text[i] <= ' ' || value->text[i] >= 0x7f)
            return value_wrong(value, "holds `\\x%02x`; %s", (unsigned char)value->text[i], remedy);
    return keep_text(value, target);
}

/* Labels joined by dots, 253 characters in all (RFC 1035, 2.3.4), in lower case as all names here. */
static int parse_domain(const struct value *value, void *target)
{
    const char *label = value->text;

    if (value->len > 253)
        return value_wrong(value, "is too long for a domain: at most 253 characters, please");
    for (;;) {
        size_t len = strcspn(label, ".");
        char copy[MODEL_NAME_MAX];

        if (len >= sizeof(copy))
            return value_wrong(value, "is not a domain: at most 63 characters between two dots, please");
        memcpy(copy, label, len);
        copy[len] = '\0';
        if (!model_name_valid(copy))
            return value_wrong(value, "is not a domain: a-z, 0-9 and `-` between dots, as in `example.com`");
        if (!label[len])
            return keep_text(value, target);
        label += len + 1;
    }
}

static int parse_boolean(const struct value *value, void *target)
{
    bool truth = strcmp(value->text, "true") == 0;

    if (!truth && strcmp(value->text, "false") != 0)
        return value_wrong(value, "is neither `true` nor `false`; write one of them");
    *(bool *)target = truth;
    return 0;
}

/* Decimal digits without a leading zero; false for anything else and for what exceeds 32 bits. */
static bool decimal_parse(const char *text, uint32_t *ret)
{
    uint64_t number = 0;

    if (!*text || (text[0] == '0' && text[1]))
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (uint64_t)(*text - '0');
        if (number > UINT32_MAX)
            return false;
    }
    *ret = (uint32_t)number;
    return true;
}

static bool all_digits(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

static int parse_integer(const struct value *value, void *target)
{
    const struct spec_option *option = value->option;
    uint32_t number = UINT32_MAX;

    if (!decimal_parse(value->text, &number) && (!all_digits(value->text) || value->text[0] == '0'))
        return value_wrong(value, "is not a plain decimal number; write it like `%s`", option->example);
    if (option->minimum == option->maximum && number != option->minimum)
        return value_wrong(value, "is not known to this tapnet; it knows `%u` only", option->minimum);
    if (number < option->minimum || number > option->maximum)
        return value_wrong(value, "is out of range; it may be %u to %u", option->minimum, option->maximum);
    memcpy(target, &number, sizeof(number));
    return 0;
}

static int parse_mac(const struct value *value, void *target)
{
    struct mac mac;

    if (mac_parse(value->text, &mac) < 0)
        return value_wrong(value, "is not a MAC address; write six pairs of hex digits, as in `%s`",
                           value->option->example);
    if (mac_is_multicast(&mac))
        return value_wrong(value, "is a multicast address; make the first pair even, as in `%s`",
                           value->option->example);
    if (mac_is_zero(&mac))
        return value_wrong(value, "is no device's address; write one as in `%s`", value->option->example);
    memcpy(target, &mac, sizeof(mac));
    return 0;
}

/* May a machine have this IPv4 address? Not 0.0.0.0/8, 127.0.0.0/8, multicast, class E, broadcast. */
static bool ip4_is_unicast(const struct ip_address *address)
{
    return address->bytes[0] != 0 && address->bytes[0] != 127 && address->bytes[0] < 224;
}

static int parse_ip4(const struct value *value, void *target)
{
    struct ip_address address;
    struct ip_prefix prefix;

    if (ip_address_parse(value->text, &address) < 0) {
        if (ip_prefix_parse(value->text, -1, &prefix) == 0 && prefix.address.family == AF_INET)
            return value_wrong(value, "has a prefix length; leave `/%u` out", prefix.length);
        return value_wrong(value, "is not an IPv4 address; write four decimal numbers, as in `10.20.0.7`");
    }
    if (address.family != AF_INET)
        return value_wrong(value, "is an IPv6 address; only IPv4 is known here in this version");
    if (!ip4_is_unicast(&address))
        return value_wrong(value, "is no machine's address; write one as in `10.20.0.7`");
    memcpy(target, &address, sizeof(address));
    return 0;
}

/* SPEC_TYPE_IP4_PREFIX and SPEC_TYPE_IP_PREFIX. */
static int parse_ip_prefix(const struct value *value, void *target)
{
    const char *example = value->option->example;
    struct ip_address address;
    struct ip_prefix prefix;

    if (ip_prefix_parse(value->text, -1, &prefix) < 0) {
        if (ip_address_parse(value->text, &address) == 0)
            return value_wrong(value, "lacks the length of its prefix; write it as in `%s`", example);
        return value_wrong(value, "is not an address with the length of its prefix; write it as in `%s`", example);
    }
    if (prefix.address.family != AF_INET && value->option->type == SPEC_TYPE_IP4_PREFIX)
        return value_wrong(value, "is IPv6; only IPv4 is known here in this version, as in `%s`", example);
    if (prefix.address.family == AF_INET ? !ip4_is_unicast(&prefix.address) : prefix.address.bytes[0] == 0xff)
        return value_wrong(value, "is no machine's address; write one as in `%s`", example);
    memcpy(target, &prefix, sizeof(prefix));
    return 0;
}

/* May a machine have this IPv6 address, which others reach by routers? Neither ::, ::1, multicast nor link-local. */
static bool ip6_is_unicast(const struct ip_address *address)
{
    static const struct ip_prefix special[] = {
        {{AF_INET6, {0}}, 8}, {{AF_INET6, {0xfe, 0x80}}, 10}, {{AF_INET6, {0xff}}, 8}};

    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
        if (ip_prefix_contains(&special[i], address))
            return false;
    return address->family == AF_INET6;
}

static int parse_ip6(const struct value *value, void *target)
{
    const char *example = value->option->example;
    struct ip_address address;
    struct ip_prefix prefix;

    if (ip_address_parse(value->text, &address) < 0) {
        if (ip_prefix_parse(value->text, -1, &prefix) == 0)
            return value_wrong(value, "has a prefix length; leave `/%u` out", prefix.length);
        return value_wrong(value, "is not an IPv6 address; write one as in `%s`", example);
    }
    if (!ip6_is_unicast(&address))
        return value_wrong(value, "is no machine's IPv6 address; write one as in `%s`", example);
    memcpy(target, &address, sizeof(address));
    return 0;
}

static int parse_ip6_subnet(const struct value *value, void *target)
{
    const char *example = value->option->example;
    struct ip_prefix prefix = {.length = 0};

    if (strcmp(value->text, "auto") == 0)
        prefix = (struct ip_prefix){{AF_INET6, {0}}, MODEL_PREFIX6};
    else if (strcmp(value->text, "none") != 0 && ip_prefix_parse(value->text, -1, &prefix) < 0)
        return value_wrong(value,
                           "is not an IPv6 address with the length of its prefix; write it as in `%s`, or "
                           "`auto`, or `none`",
                           example);
    else if (prefix.address.family && !ip6_is_unicast(&prefix.address))
        return value_wrong(value, "is no machine's IPv6 address; write one as in `%s`, or `auto`, or `none`", example);
    memcpy(target, &prefix, sizeof(prefix));
    return 0;
}

static int parse_enum(const struct value *value, void *target)
{
    const struct model_word *words = value->option->words, *word;
    char known[192] = "";
    bool later = false;

    for (word = words; word->word; word++) {
        if (strcmp(word->word, value->text) == 0 && !word->later) {
            memcpy(target, &word->value, sizeof(word->value));
            return 0;
        }
        later |= strcmp(word->word, value->text) == 0;
        if (!word->later) {
            size_t len = strlen(known);

            snprintf(known + len, sizeof(known) - len, "%s`%s`", len ? " or " : "", word->word);
        }
    }
    return value_wrong(value, "is not %s; write %s", later ? "in this version" : "known", known);
}

/* A name is looked up, digits are the number itself. @noun and @database: "user", "passwd". */
static int parse_account(const struct value *value, struct spec_account *last, const char *noun, const char *database,
                         int (*find)(const char *name, uint32_t *ret), void *target)
{
    uint32_t number;
    int r = 0;

    if (all_digits(value->text)) {
        if (!decimal_parse(value->text, &number) || number == MODEL_ID_NONE)
            return value_wrong(value, "is not a %s's number: 0 to 4294967294, without leading zeros, please", noun);
        memcpy(target, &number, sizeof(number));
        return 0;
    }
    if (strcmp(last->name, value->text) != 0) {
        r = value->len < sizeof(last->name) ? find(value->text, &number) : -ESRCH;
        if (r == -ENOMEM)
            return r;
        if (r == -ESRCH)
            return value_wrong(value, "is not a %s of this host; see `getent %s`, or add it with `add%s`", noun,
                               database, noun);
        if (r < 0)
            return value_wrong(value, "can't be looked up: %s; write the number instead", strerrordesc_np(-r));
        memcpy(last->name, value->text, value->len + 1);
        last->number = number;
    }
    memcpy(target, &last->number, sizeof(last->number));
    return 0;
}

static int parse_user(const struct value *value, void *target)
{
    return parse_account(value, &value->context->user, "user", "passwd", spec_user_find, target);
}

static int parse_group(const struct value *value, void *target)
{
    return parse_account(value, &value->context->group, "group", "group", spec_group_find, target);
}

/* A number and its unit: the factor of it in @words, whose last stands for none; false when it is none of these. */
static bool quantity_parse(const struct value *value, const struct model_word *words, uint64_t *ret)
{
    size_t digits = strspn(value->text, "0123456789");
    char number[11] = "";
    uint32_t count;

    if (digits == 0 || digits >= sizeof(number))
        return false;
    memcpy(number, value->text, digits);
    if (!decimal_parse(number, &count))
        return false;
    for (; words->word; words++) {
        if (strcasecmp(words->word, value->text + digits) == 0) {
            *ret = (uint64_t)count * words->value;
            return true;
        }
    }
    return false;
}

static int parse_rate(const struct value *value, void *target)
{
    static const struct model_word units[] = {
        {"bit", 1, false}, {"kbit", 1000, false}, {"mbit", 1000000, false}, {"gbit", 1000000000, false}, {0}};
    uint64_t rate;

    if (!quantity_parse(value, units, &rate))
        return value_wrong(value, "is not a rate; write a number and bit, kbit, mbit or gbit, as in `%s`",
                           value->option->example);
    if (rate < MODEL_RATE_MIN || rate > MODEL_RATE_MAX)
        return value_wrong(value, "is out of range; it may be 8kbit to 100gbit");
    memcpy(target, &rate, sizeof(rate));
    return 0;
}

static int parse_size(const struct value *value, void *target)
{
    static const struct model_word units[] = {{"", 1, false}, {"KiB", 1024, false}, {"MiB", 1048576, false}, {0}};
    const struct spec_option *option = value->option;
    uint64_t size;
    uint32_t bytes;

    if (!quantity_parse(value, units, &size))
        return value_wrong(value, "is not a size; write a number of bytes, or one of KiB or MiB, as in `%s`",
                           option->example);
    if (size < option->minimum || size > option->maximum)
        return value_wrong(value, "is out of range; it may be %u to %u bytes", option->minimum, option->maximum);
    bytes = (uint32_t)size;
    memcpy(target, &bytes, sizeof(bytes));
    return 0;
}

static int parse_forward(const struct value *value, void *target)
{
    struct model_forward forward;
    const char *problem;

    if (model_forward_parse(value->text, &forward, &problem) < 0)
        return value_wrong(value, "%s", problem);
    memcpy(target, &forward, sizeof(forward));
    return 0;
}

/* "alice", "alice:3", "@kvm:3". */
static int parse_access(const struct value *value, void *target)
{
    const char *name = value->text + (value->text[0] == '@'), *colon = strrchr(name, ':');
    size_t len = colon ? (size_t)(colon - name) : strlen(name);
    struct model_access access = {MODEL_ID_NONE, MODEL_ID_NONE, MODEL_ACCESS_PORTS};
    struct value account = *value;
    char copy[SPEC_ACCOUNT_MAX];
    int r;

    if (colon && (!decimal_parse(colon + 1, &access.ports) || access.ports < 1 || access.ports > MODEL_PORTS_MAX))
        return value_wrong(value, "has no number of ports behind its colon: 1 to %u, as in `alice:3`", MODEL_PORTS_MAX);
    if (len == 0 || len >= sizeof(copy))
        return value_wrong(value, "names nobody; write a user, or a group with `@` before it, as in `@kvm`");
    memcpy(copy, name, len);
    copy[len] = '\0';
    account.text = copy;
    account.len = len;
    r = name == value->text ? parse_user(&account, &access.user) : parse_group(&account, &access.group);
    if (r == 0)
        memcpy(target, &access, sizeof(access));
    return r;
}

/* One line a type: its name in the manual, its size in the model, its reader. */
static const struct {
    const char *name;
    size_t size;
    int (*parse)(const struct value *value, void *target);
} types[SPEC_TYPE_COUNT] = {
    [SPEC_TYPE_NAME] = {"name", MODEL_NAME_MAX, parse_name},
    [SPEC_TYPE_ID] = {"id", MODEL_NAME_MAX, parse_id},
    [SPEC_TYPE_IFNAME] = {"interface", MODEL_IFNAME_MAX, parse_name},
    [SPEC_TYPE_TEXT] = {"text", sizeof(const char *), parse_text},
    [SPEC_TYPE_DOMAIN] = {"domain", sizeof(const char *), parse_domain},
    [SPEC_TYPE_BOOLEAN] = {"boolean", sizeof(bool), parse_boolean},
    [SPEC_TYPE_INTEGER] = {"number", sizeof(uint32_t), parse_integer},
    [SPEC_TYPE_MAC] = {"mac", sizeof(struct mac), parse_mac},
    [SPEC_TYPE_IP4] = {"address", sizeof(struct ip_address), parse_ip4},
    [SPEC_TYPE_IP4_PREFIX] = {"address/length", sizeof(struct ip_prefix), parse_ip_prefix},
    [SPEC_TYPE_IP6] = {"address", sizeof(struct ip_address), parse_ip6},
    [SPEC_TYPE_IP6_SUBNET] = {"address/length", sizeof(struct ip_prefix), parse_ip6_subnet},
    [SPEC_TYPE_IP_PREFIX] = {"address/length", sizeof(struct ip_prefix), parse_ip_prefix},
    [SPEC_TYPE_ENUM] = {"word", sizeof(unsigned), parse_enum},
    [SPEC_TYPE_WORDS] = {"word", sizeof(unsigned), parse_enum},
    [SPEC_TYPE_USER] = {"user", sizeof(uint32_t), parse_user},
    [SPEC_TYPE_GROUP] = {"group", sizeof(uint32_t), parse_group},
    [SPEC_TYPE_RATE] = {"rate", sizeof(uint64_t), parse_rate},
    [SPEC_TYPE_SIZE] = {"size", sizeof(uint32_t), parse_size},
    [SPEC_TYPE_SECTION] = {"keys", 0, NULL},
    [SPEC_TYPE_FORWARD] = {"forward", sizeof(struct model_forward), parse_forward},
    [SPEC_TYPE_ACCESS] = {"user", sizeof(struct model_access), parse_access},
    [SPEC_TYPE_MAP] = {"map", 0, NULL},
};

int spec_value_parse(const struct spec_option *option, struct spec_value_context *context, const char *text, size_t len,
                     void *ret_value, char problem[SPEC_PROBLEM_MAX])
{
    struct value value = {option, context, text, len, problem};

    if (len == 0) {
        snprintf(problem, SPEC_PROBLEM_MAX, "%s has no value; write one as in `%s: %s`, or leave the key out",
                 option->key, option->key, option->example);
        return -EINVAL;
    }
    if (memchr(text, '\0', len))
        return value_wrong(&value, "holds a NUL character; take it out");
    return types[option->type].parse(&value, ret_value);
}

size_t spec_value_size(enum spec_type type)
{
    return types[type].size;
}

const char *spec_type_name(enum spec_type type)
{
    return types[type].name;
}
