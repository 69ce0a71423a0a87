/* SPDX-License-Identifier: MIT */
/* What the tests of devices share: cmocka, a namespace of their own, short ways to open and to ask ip(8). */
#ifndef TESTS_DEVICE_LAB_H
#define TESTS_DEVICE_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tapnet/device.h>

#include "namespace.h"

static struct tapnet_error error;

/* Opens, or fails with what the library says. */
static inline struct tapnet_device *open_device(struct tapnet_device_options options)
{
    struct tapnet_device *device = NULL;

    if (!options.netns)
        options.netns = -1;
    if (tapnet_device_open(&options, &device, &error) < 0)
        fail_msg("%s", error.text);
    return device;
}

/* Fails to open, with @code. The sentence is in error.text. */
static inline void refuse_device(int code, struct tapnet_device_options options)
{
    struct tapnet_device *device = NULL;
    int result;

    if (!options.netns)
        options.netns = -1;
    memset(&error, 0, sizeof(error));
    result = tapnet_device_open(&options, &device, &error);
    if (result != code)
        fail_msg("%d instead of %d: %s", result, code, error.text);
    assert_null(device);
    assert_int_equal(error.code, code);
}

#define OPEN(...) open_device((struct tapnet_device_options){__VA_ARGS__})
#define REFUSE(code, ...) refuse_device(code, (struct tapnet_device_options){__VA_ARGS__})

static inline void change_device(const char *name, struct tapnet_device_change change)
{
    if (tapnet_device_change(-1, name, &change, &error) < 0)
        fail_msg("%s", error.text);
}

static inline void set_device(struct tapnet_device *device, struct tapnet_device_change change)
{
    if (tapnet_device_set(device, &change, &error) < 0)
        fail_msg("%s", error.text);
}

static inline void assert_says(const char *part)
{
    if (!strstr(error.text, part))
        fail_msg("'%s' does not say '%s'", error.text, part);
}

/* A value out of `ip -d -j link show NAME`, by jq's path. */
static inline const char *ip_says(const char *name, const char *path)
{
    return output_of("ip -d -j link show dev %s | jq -r '.[0]%s'", name, path);
}

static inline const char *sys_says(const char *name, const char *file)
{
    return output_of("cat /sys/class/net/%s/%s", name, file);
}

static inline bool exists(const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/sys/class/net/%s", name);
    return access(path, F_OK) == 0;
}

/*
 * A device goes with its last descriptor, and that may be one that somebody else's walk of /proc holds for an instant:
 * true when it is gone within a second.
 */
static inline bool gone(const char *name)
{
    for (int i = 0; i < 1000 && exists(name); i++)
        usleep(1000);
    return !exists(name);
}

/* Runs the tests in a network namespace of their own; for main(). */
static inline void enter_lab(void)
{
    namespace_enter();
    if (access("/dev/net/tun", R_OK | W_OK) < 0) {
        printf("skipped: /dev/net/tun can't be opened\n");
        exit(TEST_SKIPPED);
    }
}

#endif
