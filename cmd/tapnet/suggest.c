/* SPDX-License-Identifier: MIT */
/* For a word that is not known: what was meant. */
#include "suggest.h"

#include <string.h>

#include "command.h"

#define WORD_MAX 15     /* no word of ours is longer */
#define DISTANCE_FAR 99 /* not alike at all */

/* What other programs call it. */
static const struct {
    const char *word, *command;
} synonyms[] = {
    {"start", "up"},    {"apply", "up"},   {"create", "up"},   {"add", "up"},      {"stop", "down"},
    {"delete", "down"}, {"del", "down"},   {"remove", "down"}, {"rm", "down"},     {"destroy", "down"},
    {"list", "status"}, {"ls", "status"},  {"show", "status"}, {"info", "status"}, {"ps", "status"},
    {"diff", "plan"},   {"check", "plan"}, {"exec", "run"},    {"plug", "attach"}, {"unplug", "detach"},
};

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned smaller = a < b ? a : b;

    return smaller < c ? smaller : c;
}

/* Letters to insert, delete, replace or swap with their neighbour between @a and @b. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[WORD_MAX + 1][WORD_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return DISTANCE_FAR;
    for (size_t i = 0; i <= a_len; i++) {
        for (size_t j = 0; j <= b_len; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = (unsigned)(i + j);
                continue;
            }
            rows[i][j] = least(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && rows[i - 2][j - 2] + 1 < rows[i][j])
                rows[i][j] = rows[i - 2][j - 2] + 1;
        }
    }
    return rows[a_len][b_len];
}

/* Takes @name for the best so far when it is like enough: one mistake in two letters' worth of word, two in more. */
static void consider(const char *word, const char *name, const char **best, unsigned *best_distance)
{
    unsigned found = distance(word, name);

    if (found > (strlen(name) > 3 ? 2u : 1u) || found >= *best_distance)
        return;
    *best = name;
    *best_distance = found;
}

const char *suggest_command(const char *word)
{
    unsigned best_distance = DISTANCE_FAR;
    const char *best = NULL;

    for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++)
        if (strcmp(word, synonyms[i].word) == 0)
            return synonyms[i].command;
    for (size_t i = 0; i < command_count; i++)
        consider(word, commands[i].name, &best, &best_distance);
    return best;
}

const char *suggest_option(const char *const *options, const char *word)
{
    unsigned best_distance = DISTANCE_FAR;
    const char *best = NULL;

    for (; *options; options++)
        consider(word, *options, &best, &best_distance);
    return best;
}
