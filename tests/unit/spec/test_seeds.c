/* SPDX-License-Identifier: MIT */
/* Each case of the tables is a seed of the fuzzer: are they the same? */
/*
 * How it works: `test-spec-seeds DIRECTORY` compares, `test-spec-seeds --write DIRECTORY` writes them, to be run after
 * a case was added.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cases.h"
#include "spec/spec.h"

#define SEED_LEN_MAX 65536

static int seed_write(const char *path, const char *text, size_t len)
{
    _cleanup_fclose_ FILE *file = fopen(path, "we");

    return file && fwrite(text, 1, len, file) == len ? 0 : 1;
}

static int seed_compare(const char *path, const char *text, size_t len)
{
    static char found[SEED_LEN_MAX];
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    size_t found_len = file ? fread(found, 1, sizeof(found), file) : 0;

    if (file && found_len == len && memcmp(found, text, len) == 0)
        return 0;
    printf("%s is not the case of that name; run this program with --write\n", path);
    return 1;
}

typedef int seed_function(const char *path, const char *text, size_t len);

static int for_each_case(const char *directory, const char *kind, const struct spec_case *cases, size_t count,
                         seed_function *function)
{
    int wrong = 0;

    for (size_t i = 0; i < count; i++) {
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s-%s.yaml", directory, kind, cases[i].name);
        wrong |= function(path, cases[i].text, cases[i].len);
    }
    return wrong;
}

int main(int argc, char **argv)
{
    seed_function *function = argc == 3 && strcmp(argv[1], "--write") == 0 ? seed_write : seed_compare;
    const char *directory = argv[argc - 1];
    _cleanup_free_ char *every_key = NULL;
    struct spec_case described = {.name = "key"};

    if (argc < 2 || spec_describe_seed(&every_key) < 0)
        return 2;
    described.text = every_key;
    described.len = strlen(every_key);
    return for_each_case(directory, "bad", bad_syntax, bad_syntax_count, function) |
           for_each_case(directory, "bad", bad_keys, bad_keys_count, function) |
           for_each_case(directory, "bad", bad_values, bad_values_count, function) |
           for_each_case(directory, "bad", bad_model, bad_model_count, function) |
           for_each_case(directory, "bad", bad_forwards, bad_forwards_count, function) |
           for_each_case(directory, "bad", bad_lists, bad_lists_count, function) |
           for_each_case(directory, "good", good, good_count, function) |
           for_each_case(directory, "every", &described, 1, function);
}
