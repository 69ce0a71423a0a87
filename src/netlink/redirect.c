/* SPDX-License-Identifier: MIT */
/* A link whose frames go out of another one as they are, by rtnetlink (tc-u32(8), tc-mirred(8)). */
#include "netlink/redirect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define QUEUE "ingress"
#define CLASSIFIER "u32"
#define ACTION "mirred"
#define HANDLE TC_H_MAKE(TC_H_INGRESS, 0)
#define PRIORITY 1
#define FIRST_ACTION 1 /* of those that a classifier has, which are numbered */

static int add_queue(struct netlink *netlink, int index, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct tcmsg header = {
        .tcm_family = AF_UNSPEC, .tcm_ifindex = index, .tcm_handle = HANDLE, .tcm_parent = TC_H_INGRESS};

    netlink_message_init(&message);
    netlink_begin(&message, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
    netlink_put_text(&message, TCA_KIND, QUEUE);
    return netlink_request(netlink, &message, error);
}

static void put_action(struct netlink_message *message, int to)
{
    const struct tc_mirred parameters = {.action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (uint32_t)to};
    size_t action = netlink_nest_begin(message, FIRST_ACTION), options;

    netlink_put_text(message, TCA_ACT_KIND, ACTION);
    options = netlink_nest_begin(message, TCA_ACT_OPTIONS);
    netlink_put(message, TCA_MIRRED_PARMS, &parameters, sizeof(parameters));
    netlink_nest_end(message, options);
    netlink_nest_end(message, action);
}

static int add_classifier(struct netlink *netlink, int from, int to, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct tcmsg header = {.tcm_family = AF_UNSPEC,
                                 .tcm_ifindex = from,
                                 .tcm_parent = HANDLE,
                                 .tcm_info = TC_H_MAKE(PRIORITY << 16, htons(ETH_P_ALL))};
    const struct tc_u32_sel selector = {.flags = TC_U32_TERMINAL, .nkeys = 1};
    uint8_t match[sizeof(selector) + sizeof(struct tc_u32_key)] = {0}; /* a key of zeros: everything fits */
    size_t options, actions;

    memcpy(match, &selector, sizeof(selector));
    netlink_message_init(&message);
    netlink_begin(&message, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
    netlink_put_text(&message, TCA_KIND, CLASSIFIER);
    options = netlink_nest_begin(&message, TCA_OPTIONS);
    netlink_put(&message, TCA_U32_SEL, match, sizeof(match));
    actions = netlink_nest_begin(&message, TCA_U32_ACT);
    put_action(&message, to);
    netlink_nest_end(&message, actions);
    netlink_nest_end(&message, options);
    return netlink_request(netlink, &message, error);
}

int netlink_redirect_add(struct netlink *netlink, int from, int to, struct tapnet_error *error)
{
    int result = add_queue(netlink, from, error);

    return result < 0 ? result : add_classifier(netlink, from, to, error);
}

/* ---- looking ---- */

static int parse_action(const struct nlattr *nest, int *ret)
{
    const struct nlattr *attributes[TCA_ACT_MAX + 1], *options[TCA_MIRRED_MAX + 1];
    struct tc_mirred parameters;
    const char *kind;

    if (!nest || netlink_parse_nest(nest, attributes, TCA_ACT_MAX) < 0)
        return -EBADMSG;
    kind = netlink_get_text(attributes[TCA_ACT_KIND]);
    if (!kind || strcmp(kind, ACTION) != 0)
        return -ENOMSG;
    if (!attributes[TCA_ACT_OPTIONS] || netlink_parse_nest(attributes[TCA_ACT_OPTIONS], options, TCA_MIRRED_MAX) < 0 ||
        !netlink_get_bytes(options[TCA_MIRRED_PARMS], &parameters, sizeof(parameters)))
        return -EBADMSG;
    if (parameters.eaction != TCA_EGRESS_REDIR)
        return -ENOMSG;
    *ret = (int)parameters.ifindex;
    return 0;
}

int netlink_redirect_parse(const struct nlmsghdr *message, int *ret)
{
    const struct nlattr *attributes[TCA_MAX + 1], *options[TCA_U32_MAX + 1], *actions[FIRST_ACTION + 1];
    const char *kind;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct tcmsg)) ||
        netlink_parse(message, sizeof(struct tcmsg), attributes, TCA_MAX) < 0)
        return -EBADMSG;
    kind = netlink_get_text(attributes[TCA_KIND]);
    if (!kind || strcmp(kind, CLASSIFIER) != 0 || !attributes[TCA_OPTIONS])
        return -ENOMSG;
    if (netlink_parse_nest(attributes[TCA_OPTIONS], options, TCA_U32_MAX) < 0)
        return -EBADMSG;
    if (!options[TCA_U32_ACT]) /* one of its hash tables */
        return -ENOMSG;
    if (netlink_parse_nest(options[TCA_U32_ACT], actions, FIRST_ACTION) < 0)
        return -EBADMSG;
    return parse_action(actions[FIRST_ACTION], ret);
}

static int read_classifier(const struct nlmsghdr *message, void *data)
{
    if (message->nlmsg_type == RTM_NEWTFILTER)
        netlink_redirect_parse(message, data);
    return 0;
}

static void forget_classifiers(void *data)
{
    *(int *)data = 0;
}

int netlink_redirect_get(struct netlink *netlink, int from, int *ret, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct tcmsg header = {.tcm_family = AF_UNSPEC, .tcm_ifindex = from, .tcm_parent = HANDLE};
    int to = 0, result;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETTFILTER, 0, &header, sizeof(header));
    result = netlink_dump(netlink, &message, read_classifier, forget_classifiers, &to, error);
    if (result == -EINVAL || result == -ENOENT || result == -EOPNOTSUPP) /* nothing hangs there */
        result = 0;
    if (result == 0)
        *ret = to;
    return result;
}
