/* SPDX-License-Identifier: MIT */
/* Is this machine a guest of a cloud, whose network knows one MAC a card? */
#include "observe/cloud.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"

/* What the machine's firmware says of its maker; those of whom it is known that they drop frames from other MACs. */
static const struct {
    const char *file, *text, *name;
} rows[] = {
    {"sys_vendor", "Amazon EC2", "Amazon EC2"},
    {"sys_vendor", "Google", "Google Compute Engine"},
    {"chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "Microsoft Azure"},
    {"sys_vendor", "DigitalOcean", "DigitalOcean"},
    {"sys_vendor", "Hetzner", "Hetzner Cloud"},
    {"sys_vendor", "Vultr", "Vultr"},
    {"sys_vendor", "Alibaba Cloud", "Alibaba Cloud"},
    {"sys_vendor", "OpenStack Foundation", "an OpenStack cloud"},
    {"chassis_asset_tag", "OracleCloud.com", "Oracle Cloud"},
};

bool observe_cloud(const char *name, char ret[OBSERVE_CLOUD_MAX])
{
    char path[128], text[64] = "";

    snprintf(path, sizeof(path), "/sys/class/net/%s/device", name);
    if (access(path, F_OK) < 0) /* no card */
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        _cleanup_fclose_ FILE *file = NULL;

        snprintf(path, sizeof(path), "/sys/class/dmi/id/%s", rows[i].file);
        file = fopen(path, "re");
        if (!file || !fgets(text, sizeof(text), file) || strncmp(text, rows[i].text, strlen(rows[i].text)) != 0)
            continue;
        snprintf(ret, OBSERVE_CLOUD_MAX, "%s", rows[i].name);
        return true;
    }
    return false;
}
