/* SPDX-License-Identifier: MIT */
/* YAML's events one after the other, with everything refused that a description of networks has no use for. */
#include "spec/reader.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"

/* What libyaml says, and what it means to somebody who writes a file of ours. */
static const struct {
    const char *problem; /* its beginning */
    const char *context; /* how libyaml's context begins; NULL: any */
    const char *sentence;
} sentences[] = {
    {"could not find expected ':'", NULL, "this is not `key: value`; a `:` and a space are missing"},
    {"block sequence entries are not allowed", NULL, "a list can't start here; put `- ` on a line of its own"},
    {"mapping keys are not allowed", NULL, "a key can't start here; check the indentation and missing quotes"},
    {"mapping values are not allowed", NULL,
     "`: ` can't stand here; start a new line, or put a value that holds it in quotes"},
    {"found unexpected end of stream", "while scanning a quoted scalar", "the quote that starts here is never closed"},
    {"found unexpected document indicator", NULL, "the quote that starts here is never closed"},
    {"found unknown escape character", NULL, "a backslash in double quotes escapes; write `\\\\` for one backslash"},
    {"did not find expected hexdecimal number", NULL, "hex digits are missing after the backslash escape"},
    {"found invalid Unicode character escape code", NULL, "the backslash escape names no character"},
    {"did not find expected alphabetic", "while scanning an alias",
     "`*` starts an alias, which is refused; use quotes"},
    {"did not find expected alphabetic", NULL, "`&` starts an anchor, which is refused; use quotes"},
    {"found a tab character", NULL, "a tab can't indent YAML; use spaces"},
    {"found an indentation indicator equal to 0", NULL, "write the value on one line, without `|` or `>`"},
    {"did not find expected comment or line break", NULL, "write the value on one line, without `|` or `>`"},
    {"did not find expected ',' or ']'", NULL, "a `,` or the closing `]` is missing before this"},
    {"did not find expected ',' or '}'", NULL, "a `,` or the closing `}` is missing before this"},
    {"did not find expected key", NULL, "a key was expected; check the indentation and missing quotes"},
    {"did not find expected '-' indicator", NULL, "`- ` was expected; check the indentation"},
    {"did not find expected node content", NULL, "a value was expected here; put one that begins with `:` in quotes"},
    {"did not find expected <document start>", NULL, "the file should end here; check the indentation"},
    {"found incompatible YAML document", NULL, "this version of YAML is not known; take the `%YAML` line out"},
    {"found duplicate %", NULL, "take the lines that start with `%` out"},
    {"found undefined tag handle", NULL, "tags (`!`) are refused; take it out, or put the value in quotes"},
};

struct model_place spec_reader_place(const struct spec_reader *reader)
{
    const yaml_mark_t *mark = &reader->event.start_mark;

    return (struct model_place){(unsigned)mark->line + 1, (unsigned)mark->column + 1};
}

/* The mistake for a character that can start nothing. */
static int tell_bad_start(const struct spec_reader *reader, struct model_place place)
{
    char character = spec_text_at(reader->text, reader->len, place);
    char quoted[SPEC_QUOTE_MAX];

    if (character == '\t')
        return spec_mistake_add(reader->mistakes, place, "a tab can't indent YAML; use spaces");
    return spec_mistake_add(reader->mistakes, place, "a value can't start with `%s`; put it in quotes",
                            spec_quote(&character, 1, quoted));
}

/* Is @place the colon of an address in brackets, which are a list to YAML: "[::1]", "[fd00::1]:8080:80"? */
static bool is_behind_bracket(const struct spec_reader *reader, struct model_place place)
{
    struct model_place before = {place.line, place.column - 1};
    char bracket = place.column > 1 ? spec_text_at(reader->text, reader->len, before) : '\0';

    return (bracket == '[' || bracket == ']') && spec_text_at(reader->text, reader->len, place) == ':';
}

/* The mistake that libyaml met, in our words. */
static int tell_syntax(const struct spec_reader *reader)
{
    const yaml_parser_t *yaml = &reader->yaml;
    const char *problem = yaml->problem ? yaml->problem : "unreadable";
    const char *context = yaml->context ? yaml->context : "";
    struct model_place place = {(unsigned)yaml->problem_mark.line + 1, (unsigned)yaml->problem_mark.column + 1};

    if (yaml->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    reader->mistakes->context[0] = '\0'; /* with broken syntax, what this is a part of is a guess */
    if (strcmp(problem, "found character that cannot start any token") == 0)
        return tell_bad_start(reader, place);
    if (is_behind_bracket(reader, place))
        return spec_mistake_add(reader->mistakes, place,
                                "an address in brackets stands in quotes, as in `\"[::1]:8080:80\"`");
    if (strcmp(problem, "could not find expected ':'") == 0 || strcmp(problem, "found unexpected end of stream") == 0 ||
        strcmp(problem, "found unexpected document indicator") == 0)
        place = (struct model_place){(unsigned)yaml->context_mark.line + 1, (unsigned)yaml->context_mark.column + 1};
    for (size_t i = 0; i < ARRAY_COUNT(sentences); i++)
        if (strncmp(problem, sentences[i].problem, strlen(sentences[i].problem)) == 0 &&
            (!sentences[i].context || strcmp(context, sentences[i].context) == 0))
            return spec_mistake_add(reader->mistakes, place, "%s", sentences[i].sentence);
    if (strstr(context, "tag"))
        return spec_mistake_add(reader->mistakes, place,
                                "tags (`!`) are refused; take it out, or put the value in quotes");
    if (strstr(context, "directive"))
        return spec_mistake_add(reader->mistakes, place, "take the lines that start with `%%` out");
    return spec_mistake_add(reader->mistakes, place, "this is not YAML: %s%s%s", context, *context ? ", " : "",
                            problem);
}

/* Refuses anchors, aliases and tags on @event. */
static int refuse_extras(struct spec_reader *reader)
{
    const yaml_event_t *event = &reader->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    struct model_place place = spec_reader_place(reader);

    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return spec_mistake_add(reader->mistakes, place, "aliases (`*`) are refused; write the value out, or quote it");
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
    default:
        break;
    }
    if (anchor)
        return spec_mistake_add(reader->mistakes, place, "anchors (`&`) are refused; take it out, or quote the value");
    if (tag)
        return spec_mistake_add(reader->mistakes, place, "tags (`!`) are refused; take it out, or quote the value");
    return 0;
}

/* Reads whatever comes next into @event. */
static int read_event(struct spec_reader *reader)
{
    yaml_event_delete(&reader->event);
    if (!yaml_parser_parse(&reader->yaml, &reader->event)) {
        memset(&reader->event, 0, sizeof(reader->event));
        return tell_syntax(reader);
    }
    return 0;
}

int spec_reader_next(struct spec_reader *reader)
{
    int r;

    if (reader->mistakes->count >= SPEC_MISTAKES_MAX)
        return -EINVAL;
    r = read_event(reader);
    if (r < 0)
        return r;
    switch (reader->event.type) {
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        if (++reader->depth > SPEC_DEPTH_MAX)
            return spec_mistake_add(reader->mistakes, spec_reader_place(reader),
                                    "maps and lists are nested too deeply: more than %d", SPEC_DEPTH_MAX);
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        reader->depth--;
        break;
    default:
        break;
    }
    return refuse_extras(reader);
}

int spec_reader_skip(struct spec_reader *reader)
{
    unsigned outside = reader->depth;

    if (reader->event.type != YAML_MAPPING_START_EVENT && reader->event.type != YAML_SEQUENCE_START_EVENT)
        return 0;
    outside--;
    while (reader->depth > outside) {
        int r = spec_reader_next(reader);

        if (r < 0)
            return r;
    }
    return 0;
}

int spec_reader_finish(struct spec_reader *reader)
{
    int r = read_event(reader); /* the document's end */

    if (r == 0)
        r = read_event(reader);
    if (r < 0 || reader->event.type == YAML_STREAM_END_EVENT)
        return r;
    return spec_mistake_add(reader->mistakes, spec_reader_place(reader),
                            "a second document starts here; one file holds one set: put it into a file of its own");
}

int spec_reader_init(struct spec_reader *reader, const char *text, size_t len, struct spec_mistakes *mistakes)
{
    struct model_place top = {1, 1};
    int r;

    *reader = (struct spec_reader){.mistakes = mistakes, .text = text, .len = len};
    if (!yaml_parser_initialize(&reader->yaml))
        return -ENOMEM;
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* the byte order mark that some editors put first */
        text += 3;
        len -= 3;
        reader->text = text;
        reader->len = len;
    }
    r = spec_text_check(text, len, mistakes);
    if (r < 0)
        return r;
    yaml_parser_set_encoding(&reader->yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->yaml, (const unsigned char *)text, len);
    r = read_event(reader); /* the stream's start */
    if (r == 0)
        r = read_event(reader);
    if (r < 0)
        return r;
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return spec_mistake_add(mistakes, top,
                                "the file is empty; the smallest one is `networks: { lab: { ports: { vm1: {} } } }`");
    if (reader->event.data.document_start.tag_directives.start != reader->event.data.document_start.tag_directives.end)
        return spec_mistake_add(mistakes, top, "take the lines that start with `%%` out");
    return spec_reader_next(reader);
}

void spec_reader_fini(struct spec_reader *reader)
{
    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->yaml);
}
