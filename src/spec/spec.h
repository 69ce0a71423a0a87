/* SPDX-License-Identifier: MIT */
/* The file: YAML text to the wanted model, typed by one option table. */
#ifndef SPEC_SPEC_H
#define SPEC_SPEC_H

#include "model/model.h"

#define SPEC_FILE_LEN_MAX (4 << 20) /* bytes: a thousand ports with every key take a tenth of it */

/*
 * Reads @path ("-": standard input is the caller's business), or @len bytes of @text that came from @file. The set has
 * been derived and checked (model_derive(), model_check()); subnets and addresses may still be missing. Mistakes:
 * -EINVAL, one line "FILE:LINE:COLUMN: ..." each in @error, at most 20. A file that can't be read: its errno (-EISDIR;
 * -EFBIG over SPEC_FILE_LEN_MAX; -EINVAL for a pipe or a device, which are never waited for).
 * The caller frees the set with model_set_free().
 */
int spec_load(const char *path, struct model_set **ret, struct tapnet_error *error);
int spec_parse(const char *text, size_t len, const char *file, struct model_set **ret, struct tapnet_error *error);

/* The whole option table as roff (for tapnet.yaml.5) and as a YAML seed that uses every key. Malloc'ed text. */
int spec_describe_roff(char **ret);
int spec_describe_seed(char **ret);

#endif
