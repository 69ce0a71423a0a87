/* SPDX-License-Identifier: MIT */
/* Token buckets in front of a device, by rtnetlink: what leaves the host by it (linux/pkt_sched.h, tc-tbf(8)). */
#include "netlink/shaper.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define KIND "tbf"
#define WAITS_A_SECOND 20      /* a packet waits no longer than such a part of a second */
#define TICK_NSEC UINT64_C(64) /* in which the kernel tells times: PSCHED_TICKS2NS() */
#define SECOND_NSEC 1000000000.0

struct shaper_call {
    struct netlink_call outer;
    netlink_shaper_reader *reader;
};

/* The bucket's size is told as the time in which it fills. */
static uint32_t read_burst(const struct tc_tbf_qopt *parameters, uint64_t rate)
{
    double bytes = (double)parameters->buffer * TICK_NSEC * (double)rate / SECOND_NSEC;

    return bytes < UINT32_MAX ? (uint32_t)(bytes + 0.5) : UINT32_MAX;
}

static int parse_options(const struct nlattr *nest, struct netlink_shaper *ret)
{
    const struct nlattr *options[TCA_TBF_MAX + 1];
    struct tc_tbf_qopt parameters;

    if (!nest || netlink_parse_nest(nest, options, TCA_TBF_MAX) < 0 ||
        !netlink_get_bytes(options[TCA_TBF_PARMS], &parameters, sizeof(parameters)))
        return -EBADMSG;
    ret->rate = options[TCA_TBF_RATE64] ? netlink_get_u64(options[TCA_TBF_RATE64]) : parameters.rate.rate;
    ret->burst = read_burst(&parameters, ret->rate);
    return 0;
}

int netlink_shaper_parse(const struct nlmsghdr *message, struct netlink_shaper *ret)
{
    const struct nlattr *attributes[TCA_MAX + 1];
    const struct tcmsg *header = mnl_nlmsg_get_payload(message);
    struct netlink_shaper shaper = {0};
    const char *kind;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, TCA_MAX) < 0)
        return -EBADMSG;
    kind = netlink_get_text(attributes[TCA_KIND]);
    if (header->tcm_parent != TC_H_ROOT || header->tcm_handle != NETLINK_SHAPER_HANDLE || !kind ||
        strcmp(kind, KIND) != 0)
        return -ENOMSG;
    shaper.index = header->tcm_ifindex;
    if (parse_options(attributes[TCA_OPTIONS], &shaper) < 0)
        return -EBADMSG;
    *ret = shaper;
    return 0;
}

static int read_shaper(const struct nlmsghdr *message, void *data)
{
    const struct shaper_call *call = data;
    struct netlink_shaper shaper;

    if (message->nlmsg_type != RTM_NEWQDISC || netlink_shaper_parse(message, &shaper) < 0)
        return 0;
    return call->reader(&shaper, call->outer.data);
}

int netlink_shaper_dump(struct netlink *netlink, netlink_shaper_reader *reader, netlink_restart *restart, void *data,
                        struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    struct shaper_call call = {{restart, data}, reader};
    const struct tcmsg header = {.tcm_family = AF_UNSPEC};
    int result;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETQDISC, 0, &header, sizeof(header));
    result = netlink_dump(netlink, &message, read_shaper, netlink_call_restart, &call, error);
    return result < 0 ? error_prefix(error, result, "cannot list the queueing disciplines") : 0;
}

static void begin(struct netlink_message *message, uint16_t type, uint16_t flags, int index)
{
    const struct tcmsg header = {
        .tcm_family = AF_UNSPEC, .tcm_ifindex = index, .tcm_handle = NETLINK_SHAPER_HANDLE, .tcm_parent = TC_H_ROOT};

    netlink_message_init(message);
    netlink_begin(message, type, flags, &header, sizeof(header));
}

int netlink_shaper_set(struct netlink *netlink, const struct netlink_shaper *shaper, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    uint64_t queue = shaper->rate / WAITS_A_SECOND + shaper->burst;
    const struct tc_tbf_qopt parameters = {
        .rate = {.linklayer = TC_LINKLAYER_ETHERNET, /* reckoned by the kernel, without a table of ours */
                 .rate = shaper->rate < UINT32_MAX ? (uint32_t)shaper->rate : UINT32_MAX},
        .limit = queue < UINT32_MAX ? (uint32_t)queue : UINT32_MAX,
    };
    size_t options;

    begin(&message, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, shaper->index);
    netlink_put_text(&message, TCA_KIND, KIND);
    options = netlink_nest_begin(&message, TCA_OPTIONS);
    netlink_put(&message, TCA_TBF_PARMS, &parameters, sizeof(parameters));
    if (shaper->rate >= UINT32_MAX)
        netlink_put(&message, TCA_TBF_RATE64, &shaper->rate, sizeof(shaper->rate));
    netlink_put_u32(&message, TCA_TBF_BURST, shaper->burst);
    netlink_nest_end(&message, options);
    return netlink_request(netlink, &message, error);
}

int netlink_shaper_delete(struct netlink *netlink, int index, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);

    begin(&message, RTM_DELQDISC, 0, index);
    return netlink_request(netlink, &message, error);
}
