/* SPDX-License-Identifier: MIT */
/* Which offloads of a device are on: from the interface's features (linux/ethtool.h). */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/array.h"
#include "device/device.h"

/*
 * How it works: TUNSETOFFLOAD turns into features of the interface, which ethtool shows. They have numbers that differ
 * from kernel to kernel, and names that don't: ETHTOOL_GSTRINGS gives the names in order, ETHTOOL_GFEATURES the bits.
 */

#define FEATURES_MAX 512

static const struct {
    const char *name;
    unsigned offloads;
} feature_rows[] = {
    {"tx-checksum-ip-generic", TAPNET_OFFLOAD_CHECKSUM},
    {"tx-tcp-segmentation", TAPNET_OFFLOAD_TSO4},
    {"tx-tcp6-segmentation", TAPNET_OFFLOAD_TSO6},
    {"tx-tcp-ecn-segmentation", TAPNET_OFFLOAD_TSO_ECN},
    {"tx-udp-segmentation", TAPNET_OFFLOAD_USO4 | TAPNET_OFFLOAD_USO6},
    {"tx-udp_tnl-segmentation", TAPNET_OFFLOAD_UDP_TUNNEL},
    {"tx-udp_tnl-csum-segmentation", TAPNET_OFFLOAD_UDP_TUNNEL_CHECKSUM},
};

struct device_features {
    int socket;
    unsigned count;                         /* of the kernel's features; 0: not asked yet */
    int numbers[ARRAY_COUNT(feature_rows)]; /* -1: the kernel has no such feature */
};

DEFINE_CLEANUP(struct device_features *, device_features_close)

int device_features_open(struct device_features **ret, struct tapnet_error *error)
{
    struct device_features *features cleanup(cleanup_device_features_close) = calloc(1, sizeof(*features));

    if (!features)
        return error_set(error, -ENOMEM, "out of memory");
    features->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (features->socket < 0) /* a kernel without IPv4 */
        features->socket = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (features->socket < 0)
        return error_set_errno(error, -errno, "cannot open a socket");
    *ret = take_pointer(features);
    return 0;
}

void device_features_close(struct device_features *features)
{
    if (!features)
        return;
    if (features->socket >= 0)
        close(features->socket);
    free(features);
}

/* One ethtool request about @name, whose command and answer are at @data. */
static int request(const struct device_features *features, const char *name, void *data)
{
    struct ifreq ifreq = {0};

    memcpy(ifreq.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
    ifreq.ifr_data = data;
    return ioctl(features->socket, SIOCETHTOOL, &ifreq) < 0 ? -errno : 0;
}

static int count_features(const struct device_features *features, const char *name, unsigned *ret)
{
    union {
        struct ethtool_sset_info information;
        uint8_t bytes[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
    } query = {.information = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES}};
    uint32_t count;
    int result = request(features, name, &query);

    if (result < 0)
        return result;
    memcpy(&count, query.bytes + sizeof(struct ethtool_sset_info), sizeof(count));
    if (!query.information.sset_mask || !count || count > FEATURES_MAX)
        return -EOPNOTSUPP;
    *ret = count;
    return 0;
}

static int find_numbers(struct device_features *features, const char *name, unsigned count)
{
    _cleanup_free_ struct ethtool_gstrings *strings = calloc(1, sizeof(*strings) + (size_t)count * ETH_GSTRING_LEN);
    int result;

    if (!strings)
        return -ENOMEM;
    strings->cmd = ETHTOOL_GSTRINGS;
    strings->string_set = ETH_SS_FEATURES;
    strings->len = count;
    result = request(features, name, strings);
    if (result < 0)
        return result;
    for (size_t i = 0; i < ARRAY_COUNT(feature_rows); i++) {
        features->numbers[i] = -1;
        for (unsigned number = 0; number < count; number++)
            if (strncmp((const char *)strings->data + (size_t)number * ETH_GSTRING_LEN, feature_rows[i].name,
                        ETH_GSTRING_LEN) == 0)
                features->numbers[i] = (int)number;
    }
    features->count = count;
    return 0;
}

/* The kernel's numbers, asked once: they are the same for all links. */
static int learn_numbers(struct device_features *features, const char *name)
{
    unsigned count = 0;
    int result = features->count ? 0 : count_features(features, name, &count);

    return result < 0 || features->count ? result : find_numbers(features, name, count);
}

int device_features_get(struct device_features *features, const char *name, unsigned *ret)
{
    unsigned offloads = 0, blocks;
    _cleanup_free_ struct ethtool_gfeatures *found = NULL;
    int result = learn_numbers(features, name);

    if (result < 0)
        return result;
    blocks = (features->count + 31) / 32;
    found = calloc(1, sizeof(*found) + blocks * sizeof(found->features[0]));
    if (!found)
        return -ENOMEM;
    found->cmd = ETHTOOL_GFEATURES;
    found->size = blocks;
    result = request(features, name, found);
    if (result < 0)
        return result;
    for (size_t i = 0; i < ARRAY_COUNT(feature_rows); i++) {
        int number = features->numbers[i];

        if (number >= 0 && found->features[number / 32].active & 1u << number % 32)
            offloads |= feature_rows[i].offloads;
    }
    *ret = offloads;
    return 0;
}
