/* SPDX-License-Identifier: MIT */
/* What on this host is missing for guests, or in their way, and the command that mends it. */
#ifndef TAPNET_DOCTOR_H
#define TAPNET_DOCTOR_H

#include <stddef.h>

#include <tapnet/error.h>
#include <tapnet/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * All functions return 0 or a negative errno and fill in @error, which may be NULL; outputs (ret_...) are set only on
 * success.
 */

/** One thing that was found. Pointers are valid as long as the diagnosis. */
struct tapnet_finding {
    const char *name;        /**< of the check that found it, stable: "forward-dropped" */
    const char *severity;    /**< "problem": guests do not work; "warning": some may not; "note": good to know */
    const char *evidence;    /**< what there is, a sentence */
    const char *consequence; /**< what follows from it for guests */
    const char *command;     /**< that mends it, for a shell, one a line; "" where there is none */
};

/** What was found on the host. */
struct tapnet_diagnosis;

/**
 * Looks at the host as the calling thread's network namespace has it: what is up, and what would be in the way of more.
 * Changes nothing and takes no lock.
 *
 * @param ret  what was found; the caller frees it with tapnet_diagnosis_free()
 * @return -EACCES (without CAP_NET_ADMIN in this network namespace), -ENOMEM
 */
int tapnet_diagnose(struct tapnet *tapnet, struct tapnet_diagnosis **ret, struct tapnet_error *error);

/** Frees @diagnosis; NULL is fine. */
void tapnet_diagnosis_free(struct tapnet_diagnosis *diagnosis);

/** Finding @index, the worst first; NULL behind the last. */
const struct tapnet_finding *tapnet_diagnosis_finding(const struct tapnet_diagnosis *diagnosis, size_t index);

/** How many findings are problems or warnings. */
size_t tapnet_diagnosis_trouble_count(const struct tapnet_diagnosis *diagnosis);

/** How many things were looked at. */
size_t tapnet_diagnosis_check_count(const struct tapnet_diagnosis *diagnosis);

/** The findings as JSON text, see tapnet(8) for its shape. The caller frees it. */
int tapnet_diagnosis_json(const struct tapnet_diagnosis *diagnosis, char **ret, struct tapnet_error *error);

/** Called by tapnet_mend() for each thing of @set that was put back, or was to be. */
typedef void tapnet_mended(const char *set, const struct tapnet_step *step, void *data);

/**
 * Puts back what others took away of the sets that are up, as the keeper does: what was brought up, not what a file
 * says by now. The guards first, all or none, then every other thing for itself. tapnet_down() takes it away with the
 * rest.
 *
 * @param mended  may be NULL
 * @return the first failure, after everything was tried; -EACCES, -ENOMEM
 */
int tapnet_mend(struct tapnet *tapnet, tapnet_mended *mended, void *data, struct tapnet_error *error);

#ifdef __cplusplus
}
#endif
#endif
