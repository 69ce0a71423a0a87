/* SPDX-License-Identifier: MIT */
/* Is this machine a guest of a cloud, whose network knows one MAC a card? */
#ifndef OBSERVE_CLOUD_H
#define OBSERVE_CLOUD_H

#include <stdbool.h>

#define OBSERVE_CLOUD_MAX 64

/* Is link @name a card of a machine of such a cloud? Its name, as the firmware (SMBIOS) has it. */
bool observe_cloud(const char *name, char ret[OBSERVE_CLOUD_MAX]);

#endif
