/* SPDX-License-Identifier: MIT */
/* A bridge that takes the place of a link treats packets as that did: its part of net.ipv4.conf and net.ipv6.conf. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apply/kernel.h"
#include "base/array.h"
#include "netlink/sysctl.h"

#define PATH_MAX_LEN 128

static const char *const settings4[] = {
    "forwarding",
    "bc_forwarding",
    "rp_filter",
    "src_valid_mark",
    "accept_local",
    "accept_redirects",
    "secure_redirects",
    "send_redirects",
    "shared_media",
    "accept_source_route",
    "arp_accept",
    "arp_announce",
    "arp_filter",
    "arp_ignore",
    "arp_notify",
    "proxy_arp",
    "drop_gratuitous_arp",
    "drop_unicast_in_l2_multicast",
    "ignore_routes_with_linkdown",
    "log_martians",
    "promote_secondaries",
};
/* In this order: turning IPv6 forwarding on changes what is said of router advertisements. */
static const char *const settings6[] = {
    "disable_ipv6",
    "forwarding",
    "force_forwarding",
    "accept_ra",
    "accept_ra_defrtr",
    "accept_ra_from_local",
    "accept_ra_min_hop_limit",
    "accept_ra_min_lft",
    "accept_ra_mtu",
    "accept_ra_pinfo",
    "accept_ra_rt_info_max_plen",
    "accept_ra_rt_info_min_plen",
    "accept_ra_rtr_pref",
    "ra_defrtr_metric",
    "router_solicitations",
    "accept_redirects",
    "accept_source_route",
    "accept_dad",
    "dad_transmits",
    "proxy_ndp",
    "drop_unicast_in_l2_multicast",
    "drop_unsolicited_na",
    "ignore_routes_with_linkdown",
    "autoconf",
    "max_addresses",
    "use_tempaddr",
    "temp_valid_lft",
    "temp_prefered_lft",
    "hop_limit",
};

static void path_of(const char *family, const char *link, const char *setting, char ret[PATH_MAX_LEN])
{
    snprintf(ret, PATH_MAX_LEN, "net/%s/conf/%s/%s", family, link, setting);
}

/* A setting that this kernel has not is none. */
static int imitate(const char *family, const char *setting, const char *name, const char *like,
                   struct tapnet_error *error)
{
    char path[PATH_MAX_LEN], wanted[16], found[16];
    int result;

    path_of(family, like, setting, path);
    result = sysctl_read(path, wanted, sizeof(wanted), NULL);
    path_of(family, name, setting, path);
    if (result == 0)
        result = sysctl_read(path, found, sizeof(found), NULL);
    if (result < 0)
        return result == -ENOENT ? 0 : error_set_errno(error, result, "cannot read %s", path);
    return strcmp(wanted, found) == 0 ? 0 : sysctl_write(path, wanted, error);
}

int apply_link_imitate(void *data, const char *name, const char *like, struct tapnet_error *error)
{
    int result = 0;

    (void)data;
    for (size_t i = 0; i < ARRAY_COUNT(settings4) && result == 0; i++)
        result = imitate("ipv4", settings4[i], name, like, error);
    for (size_t i = 0; i < ARRAY_COUNT(settings6) && result == 0; i++)
        result = imitate("ipv6", settings6[i], name, like, error);
    return result;
}
