/* SPDX-License-Identifier: MIT */
/* The public context and specification. */
#include "api/context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/resident.h"
#include "apply/kernel.h"
#include "base/cleanup.h"
#include "base/message.h"
#include "nft/nft.h"
#include "spec/spec.h"

#define API __attribute__((visibility("default")))

DEFINE_CLEANUP(struct tapnet *, tapnet_free)
DEFINE_CLEANUP(struct netlink *, netlink_close)

API int tapnet_new(const char *run_base, const char *service, struct tapnet **ret, struct tapnet_error *error)
{
    struct tapnet *tapnet cleanup(cleanup_tapnet_free) = calloc(1, sizeof(*tapnet));
    int result;

    if (tapnet)
        tapnet->service = strdup(service ? service : TAPNET_SERVICE_PROGRAM);
    if (!tapnet || !tapnet->service)
        return error_set(error, -ENOMEM, "out of memory");
    tapnet->loan = APPLY_LOAN_NONE;
    tapnet->run_fd = tapnet->lock = tapnet->keeper.fd = -1;
    tapnet->with_keeper = true;
    result = run_dir_name(run_base ? run_base : RUN_DEFAULT_BASE, tapnet->run_dir, error);
    if (result < 0)
        return result;
    *ret = take_pointer(tapnet);
    return 0;
}

API void tapnet_with_keeper(struct tapnet *tapnet, bool with_keeper)
{
    tapnet->with_keeper = with_keeper;
}

int api_program_path(const struct tapnet *tapnet, const char *name, char ret[RUN_PATH_MAX])
{
    const char *slash = strrchr(tapnet->service, '/');
    int directory_len = slash ? (int)(slash - tapnet->service) + 1 : 0;

    return snprintf(ret, RUN_PATH_MAX, "%.*s%s", directory_len, tapnet->service, name) < RUN_PATH_MAX ? 0
                                                                                                      : -ENAMETOOLONG;
}

API void tapnet_with_guard(struct tapnet *tapnet, const struct tapnet_guard *guard)
{
    tapnet->guard = *guard;
}

/*
 * Who has changed guards would wait at his end until the kernel is done with that: here, or as a process in its exit.
 * A keeper waits for him (resident.h); it is not waited for.
 */
static void hand_over(const struct tapnet *tapnet)
{
    static const char request[] = "{\"do\":\"close\"}";
    int fd = tapnet->kernel && tapnet->kernel_pid == (int)getpid() ? apply_kernel_lingering(tapnet->kernel) : -1;
    _cleanup_close_ int keeper = -1;
    char path[RUN_PATH_MAX];

    if (fd >= 0 && run_path(tapnet->run_dir, RESIDENT_SOCKET, path) == 0 &&
        apply_socket_connect(path, 0, &keeper, NULL) == 0)
        message_send(keeper, request, strlen(request), &fd, 1, MSG_DONTWAIT);
}

API void tapnet_free(struct tapnet *tapnet)
{
    if (!tapnet)
        return;
    api_notes_clear(tapnet);
    hand_over(tapnet);
    api_close_ops(tapnet);
    api_close_keeper(tapnet);
    if (tapnet->run_fd >= 0)
        close(tapnet->run_fd);
    roll_kept_fini(&tapnet->roll);
    free(tapnet->notes);
    free(tapnet->service);
    free(tapnet);
}

int api_lock(struct tapnet *tapnet, struct tapnet_error *error)
{
    int result = run_lock_again(tapnet->run_fd, tapnet->run_dir, &tapnet->lock, error);

    if (result != -ENOENT)
        return result;
    if (tapnet->run_fd >= 0)
        close(tapnet->run_fd);
    tapnet->run_fd = -1;
    result = run_lock(tapnet->run_dir, &tapnet->lock, error);
    if (result == 0)
        tapnet->run_fd = run_open(tapnet->run_dir);
    return result;
}

void api_unlock(struct tapnet *tapnet, bool up)
{
    if (up)
        close(tapnet->lock);
    else
        run_unlock(tapnet->run_dir, tapnet->lock);
    tapnet->lock = -1;
}

static int explain_right(int result, struct tapnet_error *error)
{
    return result == -EPERM ? error_set(error, -EACCES, "needs root (CAP_NET_ADMIN in this network namespace)")
                            : result;
}

int api_check_right(struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    int result = netlink_open(NETLINK_NETFILTER, &netlink, error);

    return result < 0 ? result : explain_right(nft_check_right(netlink, error), error);
}

/* A child has the sockets of its parent, and must not read what is the other one's. */
static int open_kernel(struct tapnet *tapnet, struct tapnet_error *error)
{
    int result;

    if (tapnet->kernel && tapnet->kernel_pid == (int)getpid())
        return 0;
    api_close_ops(tapnet);
    result = apply_kernel_new(tapnet->run_dir, tapnet->service, &tapnet->kernel, &tapnet->ops, error);
    tapnet->kernel_pid = (int)getpid();
    return result;
}

void api_close_ops(struct tapnet *tapnet)
{
    apply_kernel_free(tapnet->kernel);
    tapnet->kernel = NULL;
}

bool api_has_keeper(const struct tapnet *tapnet)
{
    struct stat status;

    return tapnet->keeper.fd >= 0 && fstat(tapnet->keeper.fd, &status) == 0 && S_ISSOCK(status.st_mode) &&
           status.st_ino == tapnet->keeper.inode;
}

void api_close_keeper(struct tapnet *tapnet)
{
    if (api_has_keeper(tapnet))
        close(tapnet->keeper.fd);
    tapnet->keeper.fd = -1;
}

int api_check_own_right(struct tapnet *tapnet, struct tapnet_error *error)
{
    int result = open_kernel(tapnet, error);

    return result < 0 ? result : explain_right(apply_kernel_check_right(tapnet->kernel, error), error);
}

unsigned api_link_index(struct tapnet *tapnet, const char *name)
{
    int index;

    return open_kernel(tapnet, NULL) == 0 && tapnet->ops.link_index(tapnet->ops.data, name, &index, NULL) == 0
               ? (unsigned)index
               : 0;
}

int api_open_ops(struct tapnet *tapnet, struct apply_kernel **ret_kernel, struct apply_ops *ret,
                 struct tapnet_error *error)
{
    int result = open_kernel(tapnet, error);

    if (result < 0)
        return result;
    apply_kernel_lend(tapnet->kernel, tapnet->loan);
    apply_kernel_peer(tapnet->kernel, tapnet->peer);
    *ret = tapnet->ops;
    if (tapnet->wrap)
        tapnet->wrap(ret, tapnet->wrap_data);
    *ret_kernel = tapnet->kernel;
    return 0;
}

/* Wraps a set that the caller gives away. */
static int wrap_spec(struct model_set *set, struct tapnet_spec **ret, struct tapnet_error *error)
{
    struct tapnet_spec *spec = calloc(1, sizeof(*spec));

    if (!spec) {
        model_set_free(set);
        return error_set(error, -ENOMEM, "out of memory");
    }
    spec->set = set;
    *ret = spec;
    return 0;
}

/* NULL when the file is gone meanwhile, or memory is short: then nobody knows where the set came from. */
static const char *absolute_path(struct model_set *set, const char *path)
{
    _cleanup_free_ char *absolute = realpath(path, NULL);

    return absolute ? arena_strdup(&set->arena, absolute) : NULL;
}

API int tapnet_spec_load(const char *path, struct tapnet_spec **ret, struct tapnet_error *error)
{
    struct model_set *set;
    int result = spec_load(path, &set, error);

    if (result < 0)
        return result;
    set->path = absolute_path(set, path);
    return wrap_spec(set, ret, error);
}

API int tapnet_spec_parse(const char *text, size_t len, const char *name, struct tapnet_spec **ret,
                          struct tapnet_error *error)
{
    struct model_set *set;
    int result = spec_parse(text, len, name, &set, error);

    return result < 0 ? result : wrap_spec(set, ret, error);
}

API void tapnet_spec_free(struct tapnet_spec *spec)
{
    if (!spec)
        return;
    model_set_free(spec->set);
    free(spec);
}

API void tapnet_spec_replace(struct tapnet_spec *spec, bool replace)
{
    spec->replace = replace;
}

API const char *tapnet_spec_set(const struct tapnet_spec *spec)
{
    return spec->set->name;
}

API size_t tapnet_spec_port_count(const struct tapnet_spec *spec)
{
    size_t count = 0;

    for (size_t i = 0; i < spec->set->network_count; i++)
        count += spec->set->networks[i].port_count;
    return count;
}

API size_t tapnet_spec_network_count(const struct tapnet_spec *spec)
{
    return spec->set->network_count;
}

API size_t tapnet_spec_device_count(const struct tapnet_spec *spec)
{
    return spec->set->device_count;
}
