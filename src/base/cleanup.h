/* SPDX-License-Identifier: MIT */
/* Cleanup attributes: what a variable owns is let go when it leaves its scope. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Every destructor takes NULL. A value that outlives the scope is taken out with take_pointer() or take_fd(). */
#define cleanup(function) __attribute__((cleanup(function)))

/* Defines cleanup_<function>(), which calls @function on a variable of @type (a pointer). */
#define DEFINE_CLEANUP(type, function)                                                                                 \
    static inline void cleanup_##function(type *variable)                                                              \
    {                                                                                                                  \
        if (*variable)                                                                                                 \
            function(*variable);                                                                                       \
    }

#define take_pointer(variable)                                                                                         \
    __extension__({                                                                                                    \
        __typeof__(variable) taken_ = (variable);                                                                      \
        (variable) = NULL;                                                                                             \
        taken_;                                                                                                        \
    })

static inline int take_fd(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

static inline void cleanup_free(void *variable)
{
    free(*(void **)variable);
}

static inline void cleanup_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_fclose(FILE **file)
{
    if (*file)
        fclose(*file);
}

#define _cleanup_free_ cleanup(cleanup_free)
#define _cleanup_close_ cleanup(cleanup_close)
#define _cleanup_fclose_ cleanup(cleanup_fclose)

#endif
