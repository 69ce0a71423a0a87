/* SPDX-License-Identifier: MIT */
/* What was typed of a device as the library takes it. */
#ifndef TAPNET_DEVICE_WORDS_H
#define TAPNET_DEVICE_WORDS_H

#include <tapnet/device.h>

struct device_words;

/*
 * All of these return 0, or an exit code with the mistake printed; @command ("device add") stands before it. Nothing
 * has been touched then.
 */

/* The settings that options ask for. Pointers in @ret are into @words. */
int device_words_change(const char *command, const struct device_words *words, struct tapnet_device_change *ret);

/* `tun`, `tap`, or when nothing was said what @name (may be NULL) suggests. */
int device_words_kind(const char *command, const struct device_words *words, const char *name,
                      enum tapnet_device_kind *ret);

int device_words_index(const char *command, const struct device_words *words, int *ret);

/* Six numbers of one or two hexadecimal digits, with colons between. */
int device_words_mac(const char *command, const char *option, const char *word, uint8_t ret[6]);

/* The network namespace: -1 when none was named, else a descriptor that the caller closes. */
int device_words_netns(const char *command, const struct device_words *words, int *ret);

/* Text as JSON. Names that the kernel took need not be UTF-8: bytes above 127 stand as U+0080 to U+00FF then. */
struct json_t *device_text_json(const char *text);

/* "csum,tso4", or "none", of TAPNET_OFFLOAD_... */
const char *device_offloads_print(unsigned offloads, char text[128]);

#endif
