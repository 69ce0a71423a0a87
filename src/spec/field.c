/* SPDX-License-Identifier: MIT */
/* One key's value, or its list of values, read as the option's type and stored at the option's place in the model. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "spec/parse.h"

#define VALUE_SIZE_MAX MODEL_NAME_MAX

/* The forwards of one port, as long as they are read. */
struct forwards {
    struct model_forward items[MODEL_FORWARDS_MAX];
    size_t count;
};

const char *spec_event_show(const yaml_event_t *event, char buffer[SPEC_SHOWN_MAX])
{
    char quoted[SPEC_QUOTE_MAX];

    if (event->type == YAML_MAPPING_START_EVENT)
        return "a map";
    if (event->type == YAML_SEQUENCE_START_EVENT)
        return "a list";
    if (event->data.scalar.length == 0)
        return "an empty text";
    snprintf(buffer, SPEC_SHOWN_MAX, "`%s`",
             spec_quote((const char *)event->data.scalar.value, event->data.scalar.length, quoted));
    return buffer;
}

/* Reads the scalar @event as @option into @ret_value. 1: stored; 0: a mistake was told; negative: the end. */
static int parse_scalar(struct spec_parser *parser, const struct spec_option *option, void *ret_value)
{
    const yaml_event_t *event = &parser->reader.event;
    char problem[SPEC_PROBLEM_MAX], shown[SPEC_SHOWN_MAX];
    int r;

    if (event->type != YAML_SCALAR_EVENT) {
        spec_mistake_add(&parser->mistakes, spec_reader_place(&parser->reader),
                         "%s takes %s, not %s; write it as in `%s: %s`", option->key,
                         option->list || option->type == SPEC_TYPE_WORDS ? "single values" : "one value",
                         spec_event_show(event, shown), option->key, option->example);
        return spec_reader_skip(&parser->reader);
    }
    r = spec_value_parse(option, &parser->values, (const char *)event->data.scalar.value, event->data.scalar.length,
                         ret_value, problem);
    if (r == 0)
        return 1;
    if (r == -EINVAL) {
        spec_mistake_add(&parser->mistakes, spec_reader_place(&parser->reader), "%s", problem);
        return 0;
    }
    return r;
}

/* Is the last of @count values in @items there before? Strings are compared as strings. */
static bool list_repeats(const struct spec_option *option, const char *items, size_t count)
{
    size_t size = spec_value_size(option->type);
    const char *last = items + size * (count - 1);

    for (size_t i = 0; i + 1 < count; i++) {
        const char *item = items + size * i;
        const char *text, *last_text;

        if (option->type != SPEC_TYPE_TEXT && option->type != SPEC_TYPE_DOMAIN) {
            if (memcmp(item, last, size) == 0)
                return true;
            continue;
        }
        memcpy(&text, item, sizeof(text));
        memcpy(&last_text, last, sizeof(last_text));
        if (strcmp(text, last_text) == 0)
            return true;
    }
    return false;
}

/* A list's array in the object, and how many it has. */
struct list {
    char *items;
    size_t *count;
};

/* One element of a list, at its end. @data is the struct list. */
static int parse_element(struct spec_parser *parser, const struct spec_option *option, void *data)
{
    const struct list *list = data;
    struct model_place place = spec_reader_place(&parser->reader);
    size_t size = spec_value_size(option->type);
    char shown[SPEC_SHOWN_MAX];
    int r;

    if (*list->count >= MODEL_LIST_MAX) {
        spec_mistake_add(&parser->mistakes, place, "%s: the list is too long; at most %d are possible", option->key,
                         MODEL_LIST_MAX);
        return spec_reader_skip(&parser->reader);
    }
    r = parse_scalar(parser, option, list->items + size * *list->count);
    if (r <= 0)
        return r;
    if (list_repeats(option, list->items, *list->count + 1))
        spec_mistake_add(&parser->mistakes, place, "%s %s is in the list twice; take one out", option->key,
                         spec_event_show(&parser->reader.event, shown));
    else
        ++*list->count;
    return 0;
}

/* Do the domains fit into one DHCP option 119, each with a length byte a label and a zero at its end (RFC 1035)? */
static void check_domains(struct spec_parser *parser, const struct spec_option *option, const char *const *domains,
                          size_t count, struct model_place place)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += strlen(domains[i]) + 2;
    if (len > SPEC_SEARCH_LEN_MAX)
        spec_mistake_add(&parser->mistakes, place,
                         "%s: the domains take %zu bytes (each its characters and two more), and a DHCP option has "
                         "room for %d beside the network's own name; leave some out, or choose shorter ones",
                         option->key, len, SPEC_SEARCH_LEN_MAX);
}

/*
 * One forward of a list, at its end; that no two want the same is checked when all of the file is read. @data is the
 * struct forwards.
 */
static int parse_forward(struct spec_parser *parser, const struct spec_option *option, void *data)
{
    struct forwards *forwards = data;
    struct model_place place = spec_reader_place(&parser->reader);
    struct model_forward forward;
    int r;

    if (forwards->count >= MODEL_FORWARDS_MAX) {
        spec_mistake_add(&parser->mistakes, place, "%s: the list is too long; at most %d are possible", option->key,
                         MODEL_FORWARDS_MAX);
        return spec_reader_skip(&parser->reader);
    }
    r = parse_scalar(parser, option, &forward);
    if (r <= 0)
        return r;
    forward.place = place;
    forwards->items[forwards->count++] = forward;
    return 0;
}

static int keep_forwards(struct spec_parser *parser, const struct spec_option *option, const struct forwards *forwards,
                         void *object)
{
    struct model_forward *items = arena_alloc(&parser->set->arena, forwards->count * sizeof(*items));

    if (!items)
        return -ENOMEM;
    memcpy(items, forwards->items, forwards->count * sizeof(*items));
    memcpy(spec_member(object, option->offset), &items, sizeof(items));
    *(size_t *)spec_member(object, option->count_offset) = forwards->count;
    return 0;
}

/* One value or a list of them, each by @parse, which gets @data. 0 or a negative errno; mistakes are noted. */
static int parse_elements(struct spec_parser *parser, const struct spec_option *option,
                          int (*parse)(struct spec_parser *parser, const struct spec_option *option, void *data),
                          void *data)
{
    struct spec_reader *reader = &parser->reader;
    struct model_place place = spec_reader_place(reader);
    unsigned elements = 0;
    int r;

    if (reader->event.type != YAML_SEQUENCE_START_EVENT)
        return parse(parser, option, data);
    for (;; elements++) {
        r = spec_reader_next(reader);
        if (r < 0)
            return r;
        if (reader->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        r = parse(parser, option, data);
        if (r < 0)
            return r;
    }
    if (elements == 0)
        spec_mistake_add(&parser->mistakes, place, "%s: the list is empty; leave the key out%s%s%s", option->key,
                         option->words ? ", or write `" : "", option->words ? option->words->word : "",
                         option->words ? "`" : "");
    return 0;
}

/* Into the arena. */
static int parse_forwards(struct spec_parser *parser, const struct spec_option *option, void *object)
{
    struct forwards forwards = {.count = 0};
    int r = parse_elements(parser, option, parse_forward, &forwards);

    return r < 0 || !forwards.count ? r : keep_forwards(parser, option, &forwards, object);
}

/* That @object has the option, and where. */
static void set_marks(const struct spec_option *option, struct model_place place, void *object)
{
    if (option->given_offset != SPEC_NOWHERE)
        *(bool *)spec_member(object, option->given_offset) = true;
    if (option->place_offset != SPEC_NOWHERE)
        *(struct model_place *)spec_member(object, option->place_offset) = place;
}

static int parse_list(struct spec_parser *parser, const struct spec_option *option, void *object)
{
    struct list list = {spec_member(object, option->offset), spec_member(object, option->count_offset)};
    struct model_place place = spec_reader_place(&parser->reader);
    int r = parse_elements(parser, option, parse_element, &list);

    if (r == 0 && option->type == SPEC_TYPE_DOMAIN)
        check_domains(parser, option, (const char *const *)(void *)list.items, *list.count, place);
    if (r == 0)
        set_marks(option, place, object);
    return r;
}

/* The words of one option: their values together. */
struct words {
    unsigned values, count;
};

/*
 * One word of SPEC_TYPE_WORDS, added to those before it. A word without a value ("none") stands for itself alone. @data
 * is the struct words.
 */
static int parse_word(struct spec_parser *parser, const struct spec_option *option, void *data)
{
    struct words *words = data;
    struct model_place place = spec_reader_place(&parser->reader);
    char shown[SPEC_SHOWN_MAX];
    unsigned word = 0;
    int r = parse_scalar(parser, option, &word);

    if (r <= 0)
        return r;
    if (words->count > 0 && (!word || !words->values))
        spec_mistake_add(&parser->mistakes, place, "%s: `%s` stands alone; take it or the others out", option->key,
                         option->words->word);
    else if (words->values & word)
        spec_mistake_add(&parser->mistakes, place, "%s %s is in the list twice; take one out", option->key,
                         spec_event_show(&parser->reader.event, shown));
    words->values |= word;
    words->count++;
    return 0;
}

/* Words, alone or in a list; their values are stored together. */
static int parse_words(struct spec_parser *parser, const struct spec_option *option, void *object)
{
    struct model_place place = spec_reader_place(&parser->reader);
    struct words words = {.count = 0};
    int r = parse_elements(parser, option, parse_word, &words);

    if (r < 0)
        return r;
    memcpy(spec_member(object, option->offset), &words.values, sizeof(words.values));
    set_marks(option, place, object);
    return 0;
}

/* A value of any type but a map, with its marks (given, place) in @object. */
static int parse_single(struct spec_parser *parser, const struct spec_option *option, void *object)
{
    struct model_place place = spec_reader_place(&parser->reader);
    _Alignas(max_align_t) char value[VALUE_SIZE_MAX];
    int r = parse_scalar(parser, option, value);

    if (r <= 0 || option->offset == SPEC_NOWHERE)
        return r < 0 ? r : 0;
    if (option->type == SPEC_TYPE_NAME || option->type == SPEC_TYPE_ID || option->type == SPEC_TYPE_IFNAME)
        strcpy(spec_member(object, option->offset), value);
    else
        memcpy(spec_member(object, option->offset), value, spec_value_size(option->type));
    set_marks(option, place, object);
    return 0;
}

int spec_field_parse(struct spec_parser *parser, const struct spec_option *option, void *object)
{
    if (option->type == SPEC_TYPE_WORDS)
        return parse_words(parser, option, object);
    if (option->type == SPEC_TYPE_FORWARD)
        return parse_forwards(parser, option, object);
    return option->list ? parse_list(parser, option, object) : parse_single(parser, option, object);
}
