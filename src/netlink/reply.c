/* SPDX-License-Identifier: MIT */
/* Turns NLMSG_ERROR and NLMSG_DONE with their extended acks (linux/netlink.h, NLMSGERR_ATTR_*) into sentences. */
#include "netlink/reply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Longest extended ack that is passed on; those of today's kernels are below 120 bytes. */
#define SAYS_MAX 256

int netlink_reply_code(const struct nlmsghdr *message)
{
    int32_t code;

    if (message->nlmsg_len < NLMSG_HDRLEN + sizeof(code))
        /* A dump's end without a code is a plain end. */
        return message->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
    memcpy(&code, (const uint8_t *)message + NLMSG_HDRLEN, sizeof(code));
    /* A dump's end may carry what its function returned last, which need not be negative. */
    if (message->nlmsg_type == NLMSG_DONE && code > 0)
        return 0;
    return code > 0 || code < -4095 ? -EBADMSG : code;
}

uint16_t netlink_reply_type(const struct nlmsghdr *message)
{
    struct nlmsgerr reply;

    if (message->nlmsg_type != NLMSG_ERROR || message->nlmsg_len < NLMSG_HDRLEN + sizeof(reply))
        return 0;
    memcpy(&reply, (const uint8_t *)message + NLMSG_HDRLEN, sizeof(reply));
    return reply.msg.nlmsg_type;
}

/* Where the extended ack's attributes start, as bytes of payload; 0 when there are none. */
static size_t tlv_offset(const struct nlmsghdr *message)
{
    struct nlmsgerr reply;

    if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
        return 0;
    if (message->nlmsg_type == NLMSG_DONE)
        return sizeof(int32_t);
    if (message->nlmsg_len < NLMSG_HDRLEN + sizeof(reply))
        return 0;
    memcpy(&reply, (const uint8_t *)message + NLMSG_HDRLEN, sizeof(reply));
    /* Without NLM_F_CAPPED the request itself stands in front of the attributes. */
    if (message->nlmsg_flags & NLM_F_CAPPED)
        return sizeof(reply);
    if (reply.msg.nlmsg_len < sizeof(struct nlmsghdr) || reply.msg.nlmsg_len > message->nlmsg_len)
        return 0;
    return sizeof(reply) - sizeof(struct nlmsghdr) + NLMSG_ALIGN(reply.msg.nlmsg_len);
}

/* The type of the attribute at @offset of the request, or -1. */
static int attribute_type_at(const uint8_t *request, size_t request_len, uint32_t offset)
{
    struct nlattr attribute;

    if (offset < NLMSG_HDRLEN || request_len < sizeof(attribute) || offset > request_len - sizeof(attribute))
        return -1;
    memcpy(&attribute, request + offset, sizeof(attribute));
    return attribute.nla_type & NLA_TYPE_MASK;
}

/* Copies the kernel's text to @says with anything unprintable as "?", without a final stop. */
static void copy_text(const char *text, char says[SAYS_MAX])
{
    size_t len = 0;

    for (; text[len] && len < SAYS_MAX - 1; len++)
        says[len] = text[len] >= ' ' && text[len] <= '~' ? text[len] : '?';
    while (len > 0 && (says[len - 1] == '.' || says[len - 1] == ' ' || says[len - 1] == '?'))
        len--;
    says[len] = '\0';
}

/* What the extended ack says, into @says; "" when it says nothing. */
static void read_extended_ack(const struct nlmsghdr *message, const uint8_t *request, size_t request_len,
                              char says[SAYS_MAX])
{
    const struct nlattr *table[NLMSGERR_ATTR_MAX + 1];
    size_t offset = tlv_offset(message);
    const char *text;
    int type = -1;

    says[0] = '\0';
    if (offset == 0 || netlink_parse(message, offset, table, NLMSGERR_ATTR_MAX) < 0)
        return;
    text = netlink_get_text(table[NLMSGERR_ATTR_MSG]);
    if (text)
        copy_text(text, says);
    if (table[NLMSGERR_ATTR_OFFS])
        type = attribute_type_at(request, request_len, netlink_get_u32(table[NLMSGERR_ATTR_OFFS]));
    if (table[NLMSGERR_ATTR_MISS_TYPE])
        snprintf(says + strlen(says), SAYS_MAX - strlen(says), "%sattribute %u is missing", says[0] ? ", " : "",
                 netlink_get_u32(table[NLMSGERR_ATTR_MISS_TYPE]));
    else if (type >= 0)
        snprintf(says + strlen(says), SAYS_MAX - strlen(says), "%sattribute %d", says[0] ? ", " : "", type);
}

int netlink_reply_error(const struct nlmsghdr *message, const uint8_t *request, size_t request_len,
                        struct tapnet_error *error)
{
    int code = netlink_reply_code(message);
    const char *reason = strerrordesc_np(-code);
    char says[SAYS_MAX];

    if (code == 0)
        return 0;
    if (code == -EBADMSG && message->nlmsg_len < NLMSG_HDRLEN + sizeof(int32_t))
        return error_set(error, code, "the kernel's answer is cut short");
    read_extended_ack(message, request, request_len, says);
    if (code == -EPERM)
        return error_set(error, code, "the kernel does not permit it: CAP_NET_ADMIN is needed (run as root)");
    if (says[0])
        return error_set(error, code, "the kernel says: %s (%s)", says, reason ? reason : "unknown error");
    return error_set_errno(error, code, "the kernel refuses");
}
