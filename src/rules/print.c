/* SPDX-License-Identifier: MIT */
/* A rule as text, in the words of `nft` as far as they are known. */
#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_state.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/text.h"
#include "rules/meet.h"

/*
 * How it works: `nft` itself gets its text back from pairs of "load a field" and "compare it"; so does this: it keeps
 * for each register which field stands there, and by what it was masked.
 */

enum form { /* of a field's value */
            FORM_HEX,
            FORM_NAME,
            FORM_NUMBER,
            FORM_ADDRESS,
            FORM_MAC,
            FORM_STATE,
            FORM_PROTOCOL,
            FORM_FAMILY,
            FORM_ETHER_TYPE,
};

static const struct field {
    enum rules_source source;
    uint32_t offset;
    uint8_t len; /* 0: any */
    const char *name;
    enum form form;
    uint8_t family; /* whose packets have it; 0: all */
} fields[] = {
    {RULES_META, NFT_META_IIFNAME, 0, "iifname", FORM_NAME},
    {RULES_META, NFT_META_OIFNAME, 0, "oifname", FORM_NAME},
    {RULES_META, NFT_META_IIF, 0, "iif", FORM_HEX},
    {RULES_META, NFT_META_OIF, 0, "oif", FORM_HEX},
    {RULES_META, NFT_META_L4PROTO, 0, "meta l4proto", FORM_PROTOCOL},
    {RULES_META, NFT_META_NFPROTO, 0, "meta nfproto", FORM_FAMILY},
    {RULES_META, NFT_META_PROTOCOL, 0, "meta protocol", FORM_ETHER_TYPE},
    {RULES_META, NFT_META_MARK, 0, "meta mark", FORM_HEX},
    {RULES_META, NFT_META_PKTTYPE, 0, "meta pkttype", FORM_HEX},
    {RULES_CT, NFT_CT_STATE, 0, "ct state", FORM_STATE},
    {RULES_CT, NFT_CT_STATUS, 0, "ct status", FORM_HEX},
    {RULES_CT, NFT_CT_MARK, 0, "ct mark", FORM_HEX},
    {RULES_CT, NFT_CT_DIRECTION, 0, "ct direction", FORM_NUMBER},
    {RULES_DESTINATION_TYPE, 0, 0, "fib daddr type", FORM_HEX},
    {RULES_LINK_HEADER, 0, 6, "ether daddr", FORM_MAC},
    {RULES_LINK_HEADER, 6, 6, "ether saddr", FORM_MAC},
    {RULES_LINK_HEADER, 12, 2, "ether type", FORM_ETHER_TYPE},
    {RULES_NETWORK_HEADER, 12, 0, "ip saddr", FORM_ADDRESS, RULES_IP4},
    {RULES_NETWORK_HEADER, 16, 0, "ip daddr", FORM_ADDRESS, RULES_IP4},
    {RULES_NETWORK_HEADER, 9, 1, "ip protocol", FORM_PROTOCOL, RULES_IP4},
    {RULES_NETWORK_HEADER, 8, 1, "ip ttl", FORM_NUMBER, RULES_IP4},
    {RULES_NETWORK_HEADER, 8, 0, "ip6 saddr", FORM_ADDRESS, RULES_IP6},
    {RULES_NETWORK_HEADER, 24, 0, "ip6 daddr", FORM_ADDRESS, RULES_IP6},
    {RULES_NETWORK_HEADER, 6, 1, "ip6 nexthdr", FORM_PROTOCOL, RULES_IP6},
    {RULES_NETWORK_HEADER, 7, 1, "ip6 hoplimit", FORM_NUMBER, RULES_IP6},
    {RULES_TRANSPORT_HEADER, 0, 2, "sport", FORM_NUMBER},
    {RULES_TRANSPORT_HEADER, 2, 2, "dport", FORM_NUMBER},
    {RULES_TRANSPORT_HEADER, 0, 1, "icmp type", FORM_NUMBER, RULES_IP4},
    {RULES_TRANSPORT_HEADER, 0, 1, "icmpv6 type", FORM_NUMBER, RULES_IP6},
    {RULES_TRANSPORT_HEADER, 13, 1, "tcp flags", FORM_HEX},
};

struct print {
    char *text;
    size_t len;
    const struct rules_rule *rule;
    const struct field *loaded[RULES_REGISTER_BYTES];
    const uint8_t *masks[RULES_REGISTER_BYTES];
    const char *protocol; /* that was compared with before */
    uint8_t family;       /* RULES_IP4 or RULES_IP6: of the packets that come so far */
};

__attribute__((format(printf, 2, 3))) static void add(struct print *print, const char *format, ...)
{
    va_list arguments;
    int len;

    if (print->len + 1 >= RULES_TEXT_MAX)
        return;
    va_start(arguments, format);
    len = vsnprintf(print->text + print->len, RULES_TEXT_MAX - print->len, format, arguments);
    va_end(arguments);
    print->len += len < 0 ? 0 : (size_t)len;
    if (print->len >= RULES_TEXT_MAX)
        print->len = RULES_TEXT_MAX - 1;
}

static void space(struct print *print)
{
    if (print->len)
        add(print, " ");
}

/* ---- values ---- */

static void add_hex(struct print *print, const uint8_t *bytes, size_t len)
{
    uint64_t number = 0;

    if (len == 1 || len == 2 || len == 4) { /* a number of the kernel's own, in its byte order */
        memcpy(&number, bytes, len);
        add(print, "0x%llx", (unsigned long long)number);
        return;
    }
    add(print, "0x");
    for (size_t i = 0; i < len && i < 8; i++)
        add(print, "%02x", bytes[i]);
}

/* A name that is shorter than its field, and without a NUL, is how names begin. */
static void add_name(struct print *print, const uint8_t *bytes, size_t len)
{
    size_t name_len = strnlen((const char *)bytes, len);

    add(print, "\"%.*s%s\"", (int)name_len, (const char *)bytes, name_len == len && len < 16 ? "*" : "");
}

static void add_number(struct print *print, const uint8_t *bytes, size_t len)
{
    unsigned long number = 0;

    for (size_t i = 0; i < len && i < 4; i++)
        number = number << 8 | bytes[i];
    add(print, "%lu", number);
}

static size_t prefix_length(const uint8_t *mask, size_t len)
{
    size_t bits = 0;

    while (bits < len * 8 && (mask[bits / 8] & (0x80u >> (bits % 8))))
        bits++;
    return bits;
}

/* Where a prefix ends with a byte, no more than that is compared. */
static void add_address(struct print *print, const uint8_t *bytes, size_t len, const uint8_t *mask)
{
    struct ip_address address = {.family = print->family == RULES_IP6 ? AF_INET6 : AF_INET};
    size_t size = ip_family_size(address.family), bits = mask ? prefix_length(mask, len) : len * 8;
    char text[IP_TEXT_MAX];

    memcpy(address.bytes, bytes, len < size ? len : size);
    add(print, "%s", ip_address_print(&address, text));
    if (bits < size * 8)
        add(print, "/%zu", bits);
}

static void add_state(struct print *print, uint32_t bits)
{
    static const char *const names[] = {"invalid", "established", "related", "new"};
    const char *comma = "";

    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (bits & (1u << i)) {
            add(print, "%s%s", comma, names[i]);
            comma = ",";
        }
    if (!*comma)
        add(print, "0x%x", bits);
}

static const char *protocol_name(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_TCP:
        return "tcp";
    case IPPROTO_UDP:
        return "udp";
    case IPPROTO_ICMP:
        return "icmp";
    case IPPROTO_ICMPV6:
        return "ipv6-icmp";
    default:
        return NULL;
    }
}

static const char *ether_name(const uint8_t *bytes)
{
    switch (bytes[0] << 8 | bytes[1]) {
    case 0x0800:
        return "ip";
    case 0x0806:
        return "arp";
    case 0x86dd:
        return "ip6";
    default:
        return NULL;
    }
}

static void add_value(struct print *print, const struct field *field, const uint8_t *bytes, size_t len,
                      const uint8_t *mask)
{
    const char *name = NULL;
    char text[MAC_TEXT_MAX];
    uint32_t number = 0;

    memcpy(&number, bytes, len < sizeof(number) ? len : sizeof(number));
    switch (field->form) {
    case FORM_NAME:
        add_name(print, bytes, len);
        return;
    case FORM_NUMBER:
        add_number(print, bytes, len);
        return;
    case FORM_ADDRESS:
        add_address(print, bytes, len, mask);
        return;
    case FORM_MAC:
        add(print, "%s", mac_print((const struct mac *)bytes, text));
        return;
    case FORM_STATE:
        add_state(print, number);
        return;
    case FORM_PROTOCOL:
        name = protocol_name(bytes[0]);
        break;
    case FORM_FAMILY:
        name = bytes[0] == RULES_IP4 ? "ipv4" : bytes[0] == RULES_IP6 ? "ipv6" : NULL;
        break;
    case FORM_ETHER_TYPE:
        name = ether_name(bytes);
        break;
    case FORM_HEX:
        break;
    }
    if (name)
        add(print, "%s", name);
    else
        add_hex(print, bytes, len);
}

/* ---- steps ---- */

static const struct field *find_field(const struct print *print, const struct rules_step *step)
{
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
        if (fields[i].source == step->source && fields[i].offset == step->offset &&
            (!fields[i].family || fields[i].family == print->family) && (!fields[i].len || fields[i].len == step->len))
            return &fields[i];
    return NULL;
}

/* Does a field of the transport header follow? It says the protocol, too. */
static bool transport_follows(const struct print *print, const struct rules_step *step)
{
    for (; step < print->rule->steps + print->rule->step_count; step++)
        if (step->kind == RULES_LOAD && step->source == RULES_TRANSPORT_HEADER)
            return true;
    return false;
}

static void add_field(struct print *print, const struct field *field)
{
    if (field->source == RULES_TRANSPORT_HEADER && field->len == 2)
        add(print, "%s ", print->protocol ? print->protocol : "th");
    add(print, "%s ", field->name);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

/* What is compared says of which family the packets are that come to the next step. */
static void note_family(struct print *print, const struct field *field, const struct rules_step *step)
{
    bool is_type = field->form == FORM_ETHER_TYPE && step->len == 2;

    if ((field->form == FORM_FAMILY && step->bytes[0] == RULES_IP6) ||
        (field->form == FORM_PROTOCOL && step->bytes[0] == IPPROTO_ICMPV6) ||
        (is_type && step->bytes[0] == 0x86 && step->bytes[1] == 0xdd))
        print->family = RULES_IP6;
}

static void print_compare(struct print *print, const struct rules_step *step)
{
    static const char *const signs[] = {"", "!= ", "< ", "<= ", "> ", ">= "};
    const struct field *field = print->loaded[step->from];
    const uint8_t *mask = print->masks[step->from];

    if (field && step->operator== RULES_EQUAL)
        note_family(print, field, step);

    if (field && field->form == FORM_PROTOCOL && step->operator== RULES_EQUAL) {
        print->protocol = protocol_name(step->bytes[0]);
        if (print->protocol && transport_follows(print, step))
            return;
    }
    space(print);
    if (!field) {
        add(print, "...");
        return;
    }
    add_field(print, field);
    if (mask && field->form != FORM_ADDRESS && is_zero(step->bytes, step->len)) { /* is any of the bits set? */
        add(print, "%s", step->operator== RULES_EQUAL ? "!= " : "");
        add_value(print, field, mask, step->len, NULL);
        return;
    }
    if (mask && field->form != FORM_ADDRESS) {
        add(print, "& ");
        add_hex(print, mask, step->len);
        add(print, " ");
    }
    add(print, "%s", signs[step->operator]);
    add_value(print, field, step->bytes, step->len, mask);
}

static void print_range(struct print *print, const struct rules_step *step)
{
    const struct field *field = print->loaded[step->from];

    space(print);
    if (!field) {
        add(print, "...");
        return;
    }
    add_field(print, field);
    add(print, "%s", step->operator== RULES_NOT_EQUAL ? "!= " : "");
    add_value(print, field, step->bytes, step->len, NULL);
    add(print, "-");
    add_value(print, field, step->with, step->len, NULL);
}

/* All fields that stand in the registers from @step's on, up to the first that none was loaded to. */
static void print_lookup(struct print *print, const struct rules_step *step)
{
    bool is_anonymous = strncmp(step->name, "__", 2) == 0, any = false;

    space(print);
    for (size_t i = step->from; i < RULES_REGISTER_BYTES; i += 4)
        if (print->loaded[i]) {
            add(print, "%s", any ? ". " : "");
            add_field(print, print->loaded[i]);
            any = true;
        }
    add(print, "%s%s%s%s", any ? "" : "... ", step->inverted ? "!= " : "",
        strncmp(step->name, "__map", 5) == 0 ? "vmap " : "", is_anonymous ? "{ ... }" : "@");
    if (!is_anonymous)
        add(print, "%s", step->name);
}

static void print_verdict(struct print *print, const struct rules_step *step)
{
    static const char *const words[] = {
        [RULES_CONTINUE] = "continue", [RULES_ACCEPT] = "accept", [RULES_DROP] = "drop",   [RULES_JUMP] = "jump",
        [RULES_GOTO] = "goto",         [RULES_RETURN] = "return", [RULES_QUEUE] = "queue",
    };
    bool rejects = strcasecmp(step->name, "reject") == 0;

    space(print);
    if (step->verdict == RULES_JUMP || step->verdict == RULES_GOTO)
        add(print, "%s %s", words[step->verdict], step->name);
    else
        add(print, "%s", rejects ? "reject" : words[step->verdict]);
}

static void print_match(struct print *print, const struct rules_step *step)
{
    struct xt_conntrack_mtinfo2 connection;
    bool is_conntrack = strcmp(step->name, "conntrack") == 0 && step->bytes_len >= sizeof(connection);

    memset(&connection, 0, sizeof(connection));
    space(print);
    if (strcmp(step->name, "comment") == 0) {
        add(print, "/* %.*s */", (int)strnlen((const char *)step->bytes, step->bytes_len), (const char *)step->bytes);
        return;
    }
    if (is_conntrack)
        memcpy(&connection, step->bytes, sizeof(connection));
    if (is_conntrack && (connection.match_flags & XT_CONNTRACK_STATE)) {
        add(print, "ct state %s", connection.invert_flags & XT_CONNTRACK_STATE ? "!= " : "");
        add_state(print, connection.state_mask);
        return;
    }
    add(print, "-m %s", step->name);
}

static void print_step(struct print *print, const struct rules_step *step)
{
    switch (step->kind) {
    case RULES_LOAD:
        print->loaded[step->to] = find_field(print, step);
        print->masks[step->to] = NULL;
        break;
    case RULES_MASK:
        print->loaded[step->to] = print->loaded[step->from];
        print->masks[step->to] = step->bytes;
        break;
    case RULES_CONSTANT:
        print->loaded[step->to] = NULL;
        break;
    case RULES_COMPARE:
        print_compare(print, step);
        break;
    case RULES_RANGE:
        print_range(print, step);
        break;
    case RULES_LOOKUP:
        print_lookup(print, step);
        break;
    case RULES_VERDICT:
        print_verdict(print, step);
        break;
    case RULES_MATCH:
        print_match(print, step);
        break;
    case RULES_MARK:
        space(print);
        add(print, "meta mark set");
        break;
    case RULES_LIMIT:
        space(print);
        add(print, "%s%s", step->name, step->inverted ? " over" : "");
        break;
    case RULES_NEUTRAL:
    case RULES_NOTRACK:
    case RULES_NAT:
    case RULES_UNKNOWN:
        space(print);
        add(print, "%s", step->name);
        break;
    }
}

const char *rules_print(uint8_t family, const struct rules_rule *rule, char text[RULES_TEXT_MAX])
{
    struct print print = {.text = text, .rule = rule, .family = family == RULES_IP6 ? RULES_IP6 : RULES_IP4};

    text[0] = '\0';
    for (size_t i = 0; i < rule->step_count; i++)
        print_step(&print, &rule->steps[i]);
    if (*rule->comment)
        add(&print, " comment \"%s\"", rule->comment);
    return text_make_printable(text);
}

/* The rule that has @step, and the family of its chain; NULL: none. */
static const struct rules_rule *find_rule(const struct rules_ruleset *ruleset, const struct rules_step *step,
                                          uint8_t *ret_family)
{
    for (size_t c = 0; c < ruleset->chain_count; c++)
        for (size_t r = 0; r < ruleset->chains[c].rule_count; r++) {
            const struct rules_rule *rule = &ruleset->chains[c].rules[r];

            if (step < rule->steps || step >= rule->steps + rule->step_count)
                continue;
            *ret_family = ruleset->chains[c].family == RULES_IP6 ? RULES_IP6 : RULES_IP4;
            return rule;
        }
    return NULL;
}

const char *rules_print_condition(const struct rules_ruleset *ruleset, const struct rules_step *step,
                                  char text[RULES_TEXT_MAX])
{
    struct print print = {.text = text, .family = RULES_IP4};

    print.rule = find_rule(ruleset, step, &print.family);
    for (const struct rules_step *before = print.rule ? print.rule->steps : step; before < step; before++)
        print_step(&print, before);
    print.len = 0; /* what it is about is known by now */
    text[0] = '\0';
    print_step(&print, step);
    return text_make_printable(text);
}
