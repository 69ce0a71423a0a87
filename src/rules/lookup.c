/* SPDX-License-Identifier: MIT */
/* Is what the registers hold in a set, and with what? */
#include <string.h>

#include "rules/meet.h"

/*
 * How it works: a set of the kernel is a list of keys; a list of places in order where ranges begin, and where gaps
 * begin behind them; or, of concatenations, a list of boxes with two corners.
 */

static size_t padded(size_t len)
{
    return (len + 3) / 4 * 4;
}

/* Is the key within the box, field by field? */
static enum rules_truth in_box(const struct rules_set *set, const struct rules_element *element,
                               const struct rules_bits *registers, uint8_t from)
{
    enum rules_truth truth = RULES_YES;
    size_t at = 0;

    for (size_t i = 0; i < set->field_count && at + set->fields[i] <= set->key_len; i++) {
        const struct rules_step range = {
            .operator= RULES_EQUAL,
            .from = (uint8_t)(from + at),
            .len = set->fields[i],
            .bytes = element->key + at,
            .with = element->end + at,
        };
        bool is_point = memcmp(range.bytes, range.with, range.len) == 0;
        enum rules_truth one = is_point ? rules_equal(registers, range.from, range.bytes, range.len)
                                        : rules_in_range(registers, &range);

        if (one < truth)
            truth = one;
        at += padded(set->fields[i]);
    }
    return truth;
}

static enum rules_truth fits(const struct rules_set *set, const struct rules_element *element,
                             const struct rules_bits *registers, uint8_t from)
{
    if (!element->key)
        return RULES_NO;
    if (element->end && set->field_count)
        return in_box(set, element, registers, from);
    return rules_equal(registers, from, element->key, set->key_len);
}

static enum rules_truth look_in_list(const struct rules_set *set, const struct rules_bits *registers, uint8_t from,
                                     const struct rules_element **ret)
{
    enum rules_truth truth = RULES_NO;

    for (size_t i = 0; i < set->element_count; i++) {
        enum rules_truth one = fits(set, &set->elements[i], registers, from);

        if (one == RULES_YES) {
            *ret = &set->elements[i];
            return RULES_YES;
        }
        if (one == RULES_MAYBE)
            truth = RULES_MAYBE;
    }
    return truth;
}

/* The last place that is not behind the key: it begins a range, or a gap; of two at one place the range counts. */
static enum rules_truth look_in_ranges(const struct rules_set *set, const struct rules_bits *registers, uint8_t from,
                                       const struct rules_element **ret)
{
    const struct rules_element *last = NULL;

    for (size_t i = 0; i < set->key_len; i++)
        if (registers->known[from + i] != 0xff)
            return set->element_count ? RULES_MAYBE : RULES_NO;
    for (size_t i = 0; i < set->element_count; i++) {
        const struct rules_element *element = &set->elements[i];
        int order;

        if (!element->key || memcmp(element->key, registers->value + from, set->key_len) > 0)
            continue;
        order = last ? memcmp(element->key, last->key, set->key_len) : 1;
        if (order > 0 || (order == 0 && !element->opens_gap))
            last = element;
    }
    if (!last || last->opens_gap)
        return RULES_NO;
    *ret = last;
    return RULES_YES;
}

enum rules_truth rules_look_up(const struct rules_set *set, const struct rules_bits *registers, uint8_t from,
                               const struct rules_element **ret)
{
    enum rules_truth truth;

    *ret = NULL;
    if (from + set->key_len > RULES_REGISTER_BYTES)
        return RULES_MAYBE;
    truth = set->ranges && !set->field_count ? look_in_ranges(set, registers, from, ret)
                                             : look_in_list(set, registers, from, ret);
    for (size_t i = 0; truth == RULES_NO && i < set->element_count; i++)
        if (set->elements[i].catches_all) {
            *ret = &set->elements[i];
            return RULES_YES;
        }
    return truth;
}
