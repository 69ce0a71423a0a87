/* SPDX-License-Identifier: MIT */
/* YAML text to the wanted model, key by key as the option table says. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "spec/parse.h"
#include "spec/spec.h"

/* Where each option of a section's map was given; line 0: not yet. By index in spec_options. */
struct seen {
    struct model_place places[SPEC_OPTIONS_MAX];
};

/* The entries of a map of names, as long as it grows. */
struct entries {
    void *items;
    size_t count, capacity, size;
};

DEFINE_CLEANUP(struct model_set *, model_set_free)

static void cleanup_entries(struct entries *entries)
{
    free(entries->items);
}

static void cleanup_reader(struct spec_reader **reader)
{
    spec_reader_fini(*reader);
}

static int parse_section(struct spec_parser *parser, enum spec_section section, void *object);

/* An empty value, unquoted: `web:` and nothing after it. */
static bool event_is_nothing(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 &&
           event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* Takes the name of a new entry from the key in @event. 1: taken, 0: a mistake was told. */
static int parse_entry_name(struct spec_parser *parser, const struct spec_section_info *info,
                            const struct entries *entries, char name[MODEL_NAME_MAX])
{
    const yaml_event_t *event = &parser->reader.event;
    const char *text = (const char *)event->data.scalar.value;
    struct model_place place = spec_reader_place(&parser->reader);
    char quoted[SPEC_QUOTE_MAX], problem[SPEC_PROBLEM_MAX];

    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.length == 0) {
        spec_mistake_add(&parser->mistakes, place, "a %s's name was expected here", info->noun);
        return 0;
    }
    if (strlen(text) != event->data.scalar.length || spec_name_check(info->key_type, text, strlen(text), problem) < 0) {
        if (strlen(text) != event->data.scalar.length)
            snprintf(problem, sizeof(problem), "holds a NUL character; take it out");
        spec_mistake_add(&parser->mistakes, place, "%s `%s` %s", info->noun,
                         spec_quote(text, event->data.scalar.length, quoted), problem);
        return 0;
    }
    for (size_t i = 0; i < entries->count; i++) {
        char *other = spec_member(entries->items, i * info->size);

        if (strcmp(other + info->name_offset, text) == 0) {
            spec_mistake_add(&parser->mistakes, place, "%s `%s` is there twice; the first is in line %u", info->noun,
                             text, ((struct model_place *)spec_member(other, info->place_offset))->line);
            return 0;
        }
    }
    strcpy(name, text);
    return 1;
}

/* Users and groups are nobody's until they are given. */
static void set_defaults(enum spec_section section, void *object)
{
    static const uint32_t none = MODEL_ID_NONE;

    for (size_t i = 0; i < spec_option_count; i++)
        if (spec_options[i].section == section &&
            (spec_options[i].type == SPEC_TYPE_USER || spec_options[i].type == SPEC_TYPE_GROUP))
            memcpy(spec_member(object, spec_options[i].offset), &none, sizeof(none));
}

/* The mistake for an entry of @section whose value is no map, with the likeliest remedy. */
static void tell_no_keys(struct spec_parser *parser, enum spec_section section, const char *name)
{
    const yaml_event_t *event = &parser->reader.event;
    struct model_place place = spec_reader_place(&parser->reader);
    char shown[SPEC_SHOWN_MAX];

    for (size_t i = 0; i < spec_option_count && event->type == YAML_SCALAR_EVENT; i++) {
        const char *text = (const char *)event->data.scalar.value;
        size_t len = strlen(spec_options[i].key);

        if (spec_options[i].section != section || strncmp(text, spec_options[i].key, len) != 0 || text[len] != ':')
            continue;
        spec_mistake_add(&parser->mistakes, place, "keys were expected here, not %s; put a space after `%s:`",
                         spec_event_show(event, shown), spec_options[i].key);
        return;
    }
    spec_mistake_add(&parser->mistakes, place,
                     "keys were expected here, not %s; write `%s: {}` when there is nothing to say",
                     spec_event_show(event, shown), name);
}

/* The keys under an entry's name, into @object; the messages about them begin with the entry. */
static int parse_entry_keys(struct spec_parser *parser, enum spec_section section, const char *name, void *object)
{
    const struct spec_section_info *info = &spec_sections[section];
    struct spec_mistakes *mistakes = &parser->mistakes;
    char saved[SPEC_CONTEXT_MAX];
    int r;

    memcpy(saved, mistakes->context, sizeof(saved));
    snprintf(mistakes->context, sizeof(mistakes->context), "%s %s: ", info->noun, name);
    if (event_is_nothing(&parser->reader.event) || parser->reader.event.type == YAML_MAPPING_START_EVENT) {
        r = parse_section(parser, section, object);
    } else {
        tell_no_keys(parser, section, name);
        r = spec_reader_skip(&parser->reader);
    }
    memcpy(mistakes->context, saved, sizeof(saved));
    return r;
}

/* Is there room for one more entry of @section? What the limits are for stands in option.h. */
static int check_room(struct spec_parser *parser, enum spec_section section, size_t count)
{
    const struct spec_section_info *info = &spec_sections[section];
    struct model_place place = spec_reader_place(&parser->reader);

    if (count >= info->maximum)
        return spec_mistake_add(&parser->mistakes, place, "there are more than %u %ss", info->maximum, info->noun);
    if (section == SPEC_SECTION_PORT && ++parser->port_count > SPEC_SET_PORTS_MAX)
        return spec_mistake_add(&parser->mistakes, place, "there are more than %d ports in one file; split it",
                                SPEC_SET_PORTS_MAX);
    return 0;
}

/* One name with its keys; @event is the name. */
static int parse_entry(struct spec_parser *parser, enum spec_section section, struct entries *entries)
{
    const struct spec_section_info *info = &spec_sections[section];
    struct model_place place = spec_reader_place(&parser->reader);
    union {
        struct model_network network;
        struct model_port port;
        struct model_device device;
    } object = {0};
    char name[MODEL_NAME_MAX] = "";
    int taken, r = check_room(parser, section, entries->count);

    if (r < 0)
        return r;
    taken = parse_entry_name(parser, info, entries, name);
    r = spec_reader_skip(&parser->reader); /* a key that is no text */
    if (r == 0)
        r = spec_reader_next(&parser->reader);
    if (r < 0)
        return r;
    if (!taken)
        return spec_reader_skip(&parser->reader);
    strcpy(spec_member(&object, info->name_offset), name);
    *(struct model_place *)spec_member(&object, info->place_offset) = place;
    set_defaults(section, &object);
    r = parse_entry_keys(parser, section, name, &object);
    if (r < 0)
        return r;
    r = array_reserve(&entries->items, &entries->capacity, entries->count, 1, info->size);
    if (r < 0)
        return r;
    memcpy(spec_member(entries->items, info->size * entries->count++), &object, info->size);
    return 0;
}

/* A map of names, into an array of the set's arena. */
static int parse_map(struct spec_parser *parser, const struct spec_option *option, void *object)
{
    struct spec_reader *reader = &parser->reader;
    const struct spec_section_info *info = &spec_sections[option->entries];
    cleanup(cleanup_entries) struct entries entries = {0};
    char shown[SPEC_SHOWN_MAX];
    void *items;

    if (event_is_nothing(&reader->event))
        return 0;
    if (reader->event.type != YAML_MAPPING_START_EVENT) {
        spec_mistake_add(&parser->mistakes, spec_reader_place(reader),
                         "%s takes names with their keys, not %s; write it as in `%s: %s`", option->key,
                         spec_event_show(&reader->event, shown), option->key, option->example);
        return spec_reader_skip(reader);
    }
    for (;;) {
        int r = spec_reader_next(reader);

        if (r < 0)
            return r;
        if (reader->event.type == YAML_MAPPING_END_EVENT)
            break;
        r = parse_entry(parser, option->entries, &entries);
        if (r < 0)
            return r;
    }
    if (entries.count == 0)
        return 0;
    items = arena_alloc(&parser->set->arena, entries.count * info->size);
    if (!items)
        return -ENOMEM;
    memcpy(items, entries.items, entries.count * info->size);
    memcpy(spec_member(object, option->offset), &items, sizeof(items));
    *(size_t *)spec_member(object, option->count_offset) = entries.count;
    return 0;
}

/* The option that the key in @event names, or NULL with a mistake told. */
static const struct spec_option *parse_key(struct spec_parser *parser, enum spec_section section, struct seen *seen)
{
    const yaml_event_t *event = &parser->reader.event;
    const char *text = (const char *)event->data.scalar.value;
    struct model_place place = spec_reader_place(&parser->reader);
    const struct spec_option *option;
    struct model_place *first;
    char problem[SPEC_PROBLEM_MAX], shown[SPEC_SHOWN_MAX];

    if (event->type != YAML_SCALAR_EVENT) {
        spec_mistake_add(&parser->mistakes, place, "a key was expected here, not %s", spec_event_show(event, shown));
        return NULL;
    }
    option = strlen(text) == event->data.scalar.length ? spec_option_find(section, text) : NULL;
    if (!option) {
        spec_option_unknown(section, text, event->data.scalar.length, problem);
        spec_mistake_add(&parser->mistakes, place, "%s", problem);
        return NULL;
    }
    first = &seen->places[option - spec_options];
    if (first->line) {
        spec_mistake_add(&parser->mistakes, place, "`%s` is there twice; the first is in line %u", option->key,
                         first->line);
        return NULL;
    }
    *first = place;
    return option;
}

/* What a section's keys can get wrong among themselves. */
static void check_section(struct spec_parser *parser, enum spec_section section, const void *object,
                          const struct seen *seen)
{
    for (size_t i = 0; i < spec_option_count; i++) {
        const struct spec_option *option = &spec_options[i];
        const char *start = object;

        if (option->section == section && option->required && !seen->places[i].line)
            spec_mistake_add(&parser->mistakes,
                             *(const struct model_place *)(const void *)(start + spec_sections[section].place_offset),
                             "`%s` is missing; write it as in `%s: %s`", option->key, option->key, option->example);
        if (section == SPEC_SECTION_DEVICE && option->section == section && option->type == SPEC_TYPE_MAC &&
            seen->places[i].line && ((const struct model_device *)object)->kind == MODEL_DEVICE_TUN)
            spec_mistake_add(&parser->mistakes, seen->places[i],
                             "a TUN carries no Ethernet; leave `mac` out, or make it `kind: tap`");
    }
}

/* The keys of the section that @option's value is, into its struct; messages about them begin with the option. */
static int parse_inner(struct spec_parser *parser, const struct spec_option *option, void *object)
{
    const size_t place_offset = spec_sections[option->entries].place_offset;
    struct spec_mistakes *mistakes = &parser->mistakes;
    char saved[SPEC_CONTEXT_MAX], shown[SPEC_SHOWN_MAX];
    int r;

    if (place_offset != SPEC_NOWHERE)
        *(struct model_place *)spec_member(object, place_offset) = spec_reader_place(&parser->reader);

    if (!event_is_nothing(&parser->reader.event) && parser->reader.event.type != YAML_MAPPING_START_EVENT) {
        spec_mistake_add(mistakes, spec_reader_place(&parser->reader), "%s takes keys, not %s; write it as in `%s: %s`",
                         option->key, spec_event_show(&parser->reader.event, shown), option->key, option->example);
        return spec_reader_skip(&parser->reader);
    }
    memcpy(saved, mistakes->context, sizeof(saved));
    snprintf(mistakes->context + strlen(saved), sizeof(mistakes->context) - strlen(saved), "%s: ", option->key);
    r = parse_section(parser, option->entries, object);
    memcpy(mistakes->context, saved, sizeof(saved));
    return r;
}

/* One key with its value; @event is the key. */
static int parse_pair(struct spec_parser *parser, enum spec_section section, void *object, struct seen *seen)
{
    const struct spec_option *option = parse_key(parser, section, seen);
    int r = spec_reader_skip(&parser->reader);

    if (r == 0)
        r = spec_reader_next(&parser->reader);
    if (r < 0)
        return r;
    if (!option)
        return spec_reader_skip(&parser->reader);
    if (option->type == SPEC_TYPE_MAP)
        return parse_map(parser, option, object);
    if (option->type == SPEC_TYPE_SECTION)
        return parse_inner(parser, option, spec_member(object, option->offset));
    return spec_field_parse(parser, option, object);
}

/* The map of @section that @event starts (or nothing at all), into @object. */
static int parse_section(struct spec_parser *parser, enum spec_section section, void *object)
{
    struct seen seen = {0};
    bool empty = event_is_nothing(&parser->reader.event);

    while (!empty) {
        int r = spec_reader_next(&parser->reader);

        if (r < 0)
            return r;
        if (parser->reader.event.type == YAML_MAPPING_END_EVENT)
            break;
        r = parse_pair(parser, section, object, &seen);
        if (r < 0)
            return r;
    }
    check_section(parser, section, object, &seen);
    return 0;
}

/* The whole document. */
static int parse_document(struct spec_parser *parser)
{
    struct spec_reader *reader = &parser->reader;
    char shown[SPEC_SHOWN_MAX];
    int r;

    if (reader->event.type != YAML_MAPPING_START_EVENT)
        return spec_mistake_add(&parser->mistakes, spec_reader_place(reader),
                                "keys were expected here, not %s; the smallest file is `networks: { lab: { ports: { "
                                "vm1: {} } } }`",
                                spec_event_show(&reader->event, shown));
    r = parse_section(parser, SPEC_SECTION_SET, parser->set);
    if (r < 0)
        return r;
    return spec_reader_finish(reader);
}

/* The name that is meant by @text: its letters in lower case, and a "-" for each run of what no name may have. */
static void name_like(const char *text, size_t len, char ret[MODEL_NAME_MAX])
{
    size_t used = 0;

    for (size_t i = 0; i < len && used < MODEL_NAME_MAX - 1; i++) {
        unsigned char letter = (unsigned char)text[i];

        if (letter < 0x80 && isalnum(letter))
            ret[used++] = (char)tolower(letter);
        else if (used && ret[used - 1] != '-')
            ret[used++] = '-';
    }
    while (used && ret[used - 1] == '-')
        used--;
    snprintf(ret + used, MODEL_NAME_MAX - used, "%s", used ? "" : "lab");
}

/* The set's name without `name:`: the file's name without directory and extension. */
static int name_from_file(struct spec_parser *parser, const char *file)
{
    const char *slash = strrchr(file, '/');
    const char *base = slash ? slash + 1 : file;
    size_t len = strlen(base);
    char name[MODEL_NAME_MAX] = "", meant[MODEL_NAME_MAX], quoted[SPEC_QUOTE_MAX];

    if (text_ends_in(base, ".yaml"))
        len -= strlen(".yaml");
    else if (text_ends_in(base, ".yml"))
        len -= strlen(".yml");
    if (len < sizeof(name))
        snprintf(name, sizeof(name), "%.*s", (int)len, base);
    name_like(base, len, meant);
    if (!model_name_valid(name))
        return spec_mistake_add(&parser->mistakes, (struct model_place){0},
                                "the set can't be named after the file: `%s` is not a name (a-z, 0-9 and `-`); add "
                                "`name: %s` or the like",
                                spec_quote(base, len, quoted), meant);
    strcpy(parser->set->name, name);
    return 0;
}

/* Reads @text into the parser's set: 0 with mistakes or without, or what ended the reading. */
static int parse_text(struct spec_parser *parser, const char *text, size_t len)
{
    cleanup(cleanup_reader) struct spec_reader *reader = &parser->reader;
    int r = spec_reader_init(reader, text, len, &parser->mistakes);

    if (r == 0)
        r = parse_document(parser);
    return r;
}

int spec_parse(const char *text, size_t len, const char *file, struct model_set **ret, struct tapnet_error *error)
{
    cleanup(cleanup_model_set_free) struct model_set *set = calloc(1, sizeof(*set));
    _cleanup_free_ char *quoted_file = spec_quote_file(file);
    struct spec_parser parser = {.set = set, .mistakes = {.error = error}};
    int r;

    if (!set || !quoted_file || !(set->file = arena_strdup(&set->arena, quoted_file)))
        return error_set(error, -ENOMEM, "no memory for a file of %zu bytes", len);
    parser.mistakes.file = set->file;
    parser.values.arena = &set->arena;
    if (len > SPEC_FILE_LEN_MAX)
        return spec_mistake_add(&parser.mistakes, (struct model_place){0},
                                "%zu bytes are more than a file may have: %d", len, SPEC_FILE_LEN_MAX);
    r = parse_text(&parser, text, len);
    if (r == 0 && parser.mistakes.count == 0 && !set->name[0])
        r = name_from_file(&parser, file);
    if (r == -ENOMEM)
        return error_set(error, r, "%s: no memory for a file of %zu bytes", set->file, len);
    if (r < 0 || parser.mistakes.count > 0)
        return -EINVAL;
    model_derive(set);
    r = model_check(set, error);
    if (r < 0)
        return r;
    *ret = take_pointer(set);
    return 0;
}
