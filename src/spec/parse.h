/* SPDX-License-Identifier: MIT */
/* What the two halves of the parser share: sections and maps (parse.c), and the values in them (field.c). */
#ifndef SPEC_PARSE_H
#define SPEC_PARSE_H

#include "spec/option.h"
#include "spec/reader.h"
#include "spec/value.h"

/*
 * How it works: every section is a map whose keys the option table knows; a value is read as its option's type and
 * stored at its option's offset in the section's struct. A mistake is told and reading goes on with the next value;
 * what ends the reading (bad syntax, anchors, no memory, too many mistakes) is the return code of every function there.
 */
struct spec_parser {
    struct spec_reader reader;
    struct spec_mistakes mistakes;
    struct spec_value_context values;
    struct model_set *set;
    size_t port_count; /* of all networks */
};

#define SPEC_SHOWN_MAX (SPEC_QUOTE_MAX + 2)

/*
 * @event is a value of @option, which is no map, or a list of them where the option takes one: stored into @object,
 * the struct of the option's section, with its marks (given, place). 0, mistakes told or not; negative: the end.
 */
int spec_field_parse(struct spec_parser *parser, const struct spec_option *option, void *object);

/* What @event is, for a message: "a map", "a list", "`some text`". */
const char *spec_event_show(const yaml_event_t *event, char buffer[SPEC_SHOWN_MAX]);

/* The member of @object at @offset. */
static inline void *spec_member(void *object, size_t offset)
{
    return (char *)object + offset;
}

#endif
