/* SPDX-License-Identifier: MIT */
/* Calls in another network namespace, by a thread that enters it and ends with the call. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "device/device.h"

struct visit {
    int netns;
    device_call *call;
    void *data;
    struct tapnet_error *error;
    int result;
};

static void *visit_run(void *data)
{
    struct visit *visit = data;

    if (setns(visit->netns, CLONE_NEWNET) == 0)
        visit->result = visit->call(visit->data, visit->error);
    else if (errno == EPERM)
        visit->result = error_set(visit->error, -EPERM,
                                  "may not enter the network namespace: CAP_SYS_ADMIN is needed, here and there");
    else
        visit->result = error_set_errno(visit->error, -errno, "cannot enter the network namespace");
    return NULL;
}

int device_netns_is_ours(int netns, bool *ret)
{
    struct stat here, there;

    if (stat("/proc/thread-self/ns/net", &here) < 0 || fstat(netns, &there) < 0)
        return -errno;
    *ret = here.st_ino == there.st_ino && here.st_dev == there.st_dev;
    return 0;
}

static bool is_here(int netns)
{
    bool ours;

    return netns < 0 || (device_netns_is_ours(netns, &ours) == 0 && ours);
}

int device_in_netns(int netns, device_call *call, void *data, struct tapnet_error *error)
{
    struct visit visit = {.netns = netns, .call = call, .data = data, .error = error};
    sigset_t all, before;
    pthread_t thread;
    int result;

    if (is_here(netns))
        return call(data, error);
    sigfillset(&all); /* signals are for the caller's own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&thread, NULL, visit_run, &visit);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result)
        return error_set_errno(error, -result, "cannot start a thread to enter the network namespace");
    pthread_join(thread, NULL);
    return visit.result;
}

int device_beside(int fd, device_call *call, void *data, struct tapnet_error *error)
{
    _cleanup_close_ int netns = ioctl(fd, TUNGETDEVNETNS);

    if (netns >= 0) /* the kernel sets no close-on-exec on it */
        fcntl(netns, F_SETFD, FD_CLOEXEC);
    return device_in_netns(netns, call, data, error);
}
