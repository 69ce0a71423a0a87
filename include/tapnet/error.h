/* SPDX-License-Identifier: MIT */
/* Errors of libtapnet: a negative errno for the machine, sentences for the person. */
#ifndef TAPNET_ERROR_H
#define TAPNET_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/** Room for the text of one error: several lines when a file holds several mistakes. */
#define TAPNET_ERROR_TEXT_MAX 4096

/**
 * What went wrong, owned by the caller, who may pass NULL wherever one is taken.
 *
 * No function allocates on the error path: the text lives in this fixed buffer and is cut, with "...", when it
 * would not fit. The library never prints it.
 */
struct tapnet_error {
    int code;                         /**< negative errno; 0 while there is no error */
    char text[TAPNET_ERROR_TEXT_MAX]; /**< one sentence a line, no final newline */
};

/** An error object before anything went wrong: `struct tapnet_error error = TAPNET_ERROR_INIT;` */
#define TAPNET_ERROR_INIT                                                                                              \
    {                                                                                                                  \
        0,                                                                                                             \
        {                                                                                                              \
            0                                                                                                          \
        }                                                                                                              \
    }

#ifdef __cplusplus
}
#endif
#endif
