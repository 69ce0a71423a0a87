/* SPDX-License-Identifier: MIT */
/* The option table, told: as roff for the manual, and as a file that uses every key. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/option.h"
#include "spec/spec.h"
#include "spec/value.h"

#define ROFF_LINE_MAX 78

/* Writes one word; a dot or quote that would start a request, backslashes and hyphens are escaped. */
static void roff_word(FILE *out, const char *word, size_t len)
{
    if (*word == '.' || *word == '\'')
        fputs("\\&", out);
    for (size_t i = 0; i < len; i++) {
        if (word[i] == '\\')
            fputs("\\e", out);
        else if (word[i] == '-')
            fputs("\\-", out);
        else
            fputc(word[i], out);
    }
}

/* Writes @text as running text, broken where an editor would; the line it starts on has @column characters. */
static void roff_text(FILE *out, const char *text, size_t column)
{
    size_t start = column;

    while (*text) {
        size_t len = strcspn(text, " ");

        if (column + 1 + len > ROFF_LINE_MAX) {
            fputc('\n', out);
            column = 0;
        } else if (column > start) {
            fputc(' ', out);
        }
        roff_word(out, text, len);
        column += 1 + len;
        start = 0;
        text += len + (text[len] == ' ');
    }
}

/* The type of @option's value in italics, words in bold. */
static void roff_type(FILE *out, const struct spec_option *option)
{
    const char *separator = "";

    if (option->type == SPEC_TYPE_ENUM || option->type == SPEC_TYPE_WORDS || option->type == SPEC_TYPE_BOOLEAN) {
        static const struct model_word booleans[] = {{"true", 1, false}, {"false", 0, false}, {NULL, 0, false}};

        for (const struct model_word *word = option->words ? option->words : booleans; word->word; word++) {
            if (word->later)
                continue;
            fprintf(out, "%s\\fB%s\\fR", separator, word->word);
            separator = " | ";
        }
    } else if (option->type == SPEC_TYPE_MAP) {
        fprintf(out, "{ \\fI%s\\fR: {...}, ... }", spec_sections[option->entries].noun);
    } else if (option->type == SPEC_TYPE_SECTION) {
        fprintf(out, "{ \\fIkeys of %s\\fR }", spec_sections[option->entries].article_noun);
    } else if (option->type == SPEC_TYPE_INTEGER && option->minimum == option->maximum) {
        fprintf(out, "\\fB%u\\fR", option->minimum);
    } else {
        fprintf(out, "\\fI%s\\fR", spec_type_name(option->type));
    }
    if (option->list || option->type == SPEC_TYPE_WORDS)
        fprintf(out, " | [\\fI%s\\fR, ...]", spec_type_name(option->type));
}

static void roff_option(FILE *out, const struct spec_option *option)
{
    fprintf(out, ".TP\n\\fB%s\\fR: ", option->key);
    roff_type(out, option);
    fputc('\n', out);
    roff_text(out, option->description, 0);
    fputs(".\n", out);
    if (option->type == SPEC_TYPE_INTEGER && option->minimum != option->maximum)
        fprintf(out, "From %u to %u.\n", option->minimum, option->maximum);
    if (option->type == SPEC_TYPE_TEXT)
        fprintf(out, "Up to %u printable characters without spaces.\n", option->maximum);
    if (option->list)
        fprintf(out, "Up to %zu.\n", spec_option_list_max(option));
    if (option->required)
        fputs("Must be given.\n", out);
    if (option->default_text) {
        fputs("Default: ", out);
        roff_text(out, option->default_text, strlen("Default: "));
        fputs(".\n", out);
    }
    if (option->type != SPEC_TYPE_MAP) {
        fputs(".br\nExample: \\fB", out);
        roff_word(out, option->key, strlen(option->key));
        fputs(": ", out);
        roff_word(out, option->example, strlen(option->example));
        fputs("\\fR\n", out);
    }
}

/* Opens a stream whose text @ret gets by stream_finish(). */
static FILE *stream_open(char **text, size_t *len)
{
    *text = NULL;
    return open_memstream(text, len);
}

/* Closes the stream: 0 with the text handed over, or -ENOMEM. */
static int stream_finish(FILE **out, char **text, char **ret)
{
    bool failed = ferror(*out);

    failed |= fclose(take_pointer(*out)) != 0;
    if (failed || !*text)
        return -ENOMEM;
    *ret = take_pointer(*text);
    return 0;
}

int spec_describe_roff(char **ret)
{
    static const char *const titles[] = {"The file", "A network", "A port", "A device", "A limit", "Hooks", "Clones"};
    _cleanup_free_ char *text = NULL;
    size_t len;
    _cleanup_fclose_ FILE *out = stream_open(&text, &len);

    if (!out)
        return -ENOMEM;
    for (unsigned section = 0; section < SPEC_SECTION_COUNT; section++) {
        fprintf(out, ".SS %s\n", titles[section]);
        for (size_t i = 0; i < spec_option_count; i++)
            if (spec_options[i].section == section)
                roff_option(out, &spec_options[i]);
    }
    return stream_finish(&out, &text, ret);
}

/* Entries of their own for those keys that don't go with the others. */
static void seed_alone(FILE *out, enum spec_section section, int indent)
{
    for (size_t i = 0; i < spec_option_count; i++) {
        const struct spec_option *option = &spec_options[i];

        if (option->section == section && option->beside)
            fprintf(out, "%*s%s: { %s, %s: %s }\n", indent, "", option->key, option->beside, option->key,
                    option->example);
    }
}

/* Every key of @section with its example, @indent spaces deep. */
static void seed_section(FILE *out, enum spec_section section, int indent)
{
    static const char *const names[] = {"", "lab", "web", "tap9", "", "", ""};

    for (size_t i = 0; i < spec_option_count; i++) {
        const struct spec_option *option = &spec_options[i];

        if (option->section != section || option->beside)
            continue;
        if (option->type == SPEC_TYPE_SECTION) {
            fprintf(out, "%*s%s:\n", indent, "", option->key);
            seed_section(out, option->entries, indent + 2);
            continue;
        }
        if (option->type != SPEC_TYPE_MAP) {
            fprintf(out, "%*s%s: %s\n", indent, "", option->key, option->example);
            continue;
        }
        fprintf(out, "%*s%s:\n%*s%s:\n", indent, "", option->key, indent + 2, "", names[option->entries]);
        seed_section(out, option->entries, indent + 4);
        seed_alone(out, option->entries, indent + 2);
    }
}

int spec_describe_seed(char **ret)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    _cleanup_fclose_ FILE *out = stream_open(&text, &len);

    if (!out)
        return -ENOMEM;
    seed_section(out, SPEC_SECTION_SET, 0);
    return stream_finish(&out, &text, ret);
}
