/* SPDX-License-Identifier: MIT */
/* Build tool: `describe roff FRAME` puts the table of keys into a manual's frame, `describe seed` prints a file. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/spec.h"

#define TABLE_MARK ".\\\" @KEYS@\n"

static int fail(const char *what)
{
    fprintf(stderr, "describe: %s\n", what);
    return 1;
}

/* Prints the file @path with the table in place of the line TABLE_MARK, which must be there. */
static int print_manual(const char *path, const char *table)
{
    _cleanup_fclose_ FILE *frame = fopen(path, "re");
    char line[1024];
    bool found = false;

    if (!frame)
        return fail("the frame can't be read");
    while (fgets(line, sizeof(line), frame)) {
        bool mark = strcmp(line, TABLE_MARK) == 0;

        fputs(mark ? table : line, stdout);
        found |= mark;
    }
    return found ? 0 : fail("the frame has no place for the table");
}

int main(int argc, char **argv)
{
    _cleanup_free_ char *text = NULL;
    bool roff = argc == 3 && strcmp(argv[1], "roff") == 0;
    int r;

    if (!roff && (argc != 2 || strcmp(argv[1], "seed") != 0))
        return fail("usage: describe roff FRAME | describe seed");
    r = roff ? spec_describe_roff(&text) : spec_describe_seed(&text);
    if (r < 0)
        return fail("out of memory");
    if (roff)
        return print_manual(argv[2], text);
    fputs(text, stdout);
    return 0;
}
