/* SPDX-License-Identifier: MIT */
/* What went wrong, in the words of the CNI specification: a code, what was to be done, and why it was not. */
#ifndef CNI_ERROR_H
#define CNI_ERROR_H

/* The specification's numbers, and from 100 on our own. */
enum cni_code {
    CNI_OK = 0,
    CNI_INCOMPATIBLE_VERSION = 1,
    CNI_UNSUPPORTED_FIELD = 2,
    CNI_UNKNOWN_CONTAINER = 3,
    CNI_INVALID_ENVIRONMENT = 4,
    CNI_IO_FAILURE = 5,
    CNI_DECODING_FAILURE = 6,
    CNI_INVALID_CONFIG = 7,
    CNI_TRY_AGAIN = 11,
    CNI_NOT_AVAILABLE = 50,
    CNI_LIMITED_CONNECTIVITY = 51,
    CNI_FAILED = 100,      /* the host refused; nothing is left of it */
    CNI_NOT_AS_MADE = 101, /* CHECK: something is missing, or another */
};

struct cni_error {
    enum cni_code code;
    char msg[128];
    char details[1024];
};

/* Returns @code. @error: the first mistake stays. @format is of the details, with what to do. */
__attribute__((format(printf, 4, 5))) enum cni_code cni_fail(struct cni_error *error, enum cni_code code,
                                                             const char *msg, const char *format, ...);

#endif
