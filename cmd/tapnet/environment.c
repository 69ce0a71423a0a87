/* SPDX-License-Identifier: MIT */
/* The context for the environment that a program of ours is started in, and for the place where it stands. */
#include "environment.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "tapnet-service" in the directory of this very program, or NULL when there is none: a build directory has it. */
static const char *service_beside(char path[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - sizeof("tapnet-service"));
    char *slash;

    if (length <= 0)
        return NULL;
    path[length] = '\0';
    slash = strrchr(path, '/');
    if (!slash)
        return NULL;
    strcpy(slash + 1, "tapnet-service");
    return access(path, X_OK) == 0 ? path : NULL;
}

/* An environment variable; an empty one counts as none. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

int environment_open(struct tapnet **ret, struct tapnet_error *error)
{
    char path[PATH_MAX];
    const char *service = variable("TAPNET_SERVICE");

    if (!service)
        service = service_beside(path);
    return tapnet_new(variable("TAPNET_RUN_DIR"), service, ret, error);
}

bool environment_wants_keeper(void)
{
    const char *keeper = variable("TAPNET_KEEPER");

    return !keeper || strcmp(keeper, "off") != 0;
}
