/* SPDX-License-Identifier: MIT */
/* YAML's events one after the other, with everything refused that a description of networks has no use for. */
#ifndef SPEC_READER_H
#define SPEC_READER_H

#include <yaml.h>

#include "spec/mistake.h"

#define SPEC_DEPTH_MAX 16 /* maps and lists in each other; the format itself needs 6 */

/*
 * How it works: spec_reader_next() makes @event the next one of the only document: scalars, starts and ends of maps
 * and lists, nothing else. Anchors, aliases, tags, a second document, deep nesting and bad syntax are told as a
 * mistake and end the reading, as does the last mistake that there is room for. Nothing is ever expanded, so time and
 * memory are bounded by the length of the text.
 */
struct spec_reader {
    yaml_parser_t yaml;
    yaml_event_t event; /* owns its text until the next spec_reader_next() */
    struct spec_mistakes *mistakes;
    const char *text;
    size_t len;
    unsigned depth;
};

/*
 * @text, which must outlive the reader, is checked to be UTF-8 text without control characters, and read up to the
 * start of its document. On any return spec_reader_fini() is due. 0, -ENOMEM, or -EINVAL with the mistake told.
 */
int spec_reader_init(struct spec_reader *reader, const char *text, size_t len, struct spec_mistakes *mistakes);
void spec_reader_fini(struct spec_reader *reader);

/* 0, -ENOMEM, or -EINVAL with the mistake told: then nothing more can be read. */
int spec_reader_next(struct spec_reader *reader);
/* Goes on to the last event of the node that @event starts (which is @event itself for a scalar). */
int spec_reader_skip(struct spec_reader *reader);
/* After the last event of the document's only node: is there nothing more? */
int spec_reader_finish(struct spec_reader *reader);

/* Where @event starts. */
struct model_place spec_reader_place(const struct spec_reader *reader);

/* Checks bytes that hostile hands may have written: 0, or -EINVAL with the mistake told. In text.c. */
int spec_text_check(const char *text, size_t len, struct spec_mistakes *mistakes);
/* The byte of checked @text (@len bytes) at @place, or 0 beyond its end. In text.c. */
char spec_text_at(const char *text, size_t len, struct model_place place);

#endif
