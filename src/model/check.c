/* SPDX-License-Identifier: MIT */
/* What one file can get wrong by itself: all mistakes, in the order of its lines. */
#include "model/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/*
 * How it works: whatever must be unique is claimed by each who has it; the claims are sorted, and neighbours that are
 * equal are a mistake of the one that stands later in the file. So ten thousand ports take n log n.
 */

static bool place_before(struct model_place a, struct model_place b)
{
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* Keeps the first ones by line; those of one place stay in the order in which they were found. */
void mistakes_add(struct mistakes *mistakes, struct model_place place, const char *format, ...)
{
    size_t index = mistakes->count;
    va_list arguments;

    mistakes->total++;
    while (index > 0 && place_before(place, mistakes->items[index - 1].place))
        index--;
    if (index == MISTAKES_MAX)
        return;
    if (mistakes->count < MISTAKES_MAX)
        mistakes->count++;
    memmove(&mistakes->items[index + 1], &mistakes->items[index],
            (mistakes->count - 1 - index) * sizeof(mistakes->items[0]));
    mistakes->items[index].place = place;
    va_start(arguments, format);
    vsnprintf(mistakes->items[index].text, MISTAKE_TEXT_MAX, format, arguments);
    va_end(arguments);
}

void claims_fini(struct claims *claims)
{
    free(claims->items);
}

struct claim *claims_add(struct claims *claims, const void *key, size_t key_len, const char *noun, const char *name,
                         struct model_place place)
{
    struct claim *claim;

    if (array_reserve((void **)&claims->items, &claims->capacity, claims->count, 1, sizeof(*claim)) < 0) {
        claims->failed = true;
        return NULL;
    }
    claim = &claims->items[claims->count];
    *claim = (struct claim){.noun = noun, .name = name, .role = "", .place = place, .order = claims->count++};
    memcpy(claim->key, key, key_len);
    return claim;
}

static int compare_claims(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;
    int order = memcmp(a->key, b->key, sizeof(a->key));

    return order ? order : a->order < b->order ? -1 : 1;
}

void claims_sort(struct claims *claims)
{
    if (claims->count)
        qsort(claims->items, claims->count, sizeof(*claims->items), compare_claims);
}

static int compare_name(const void *name, const void *claim)
{
    return strncmp(name, ((const struct claim *)claim)->key, MODEL_NAME_MAX);
}

const struct claim *claims_find(const struct claims *claims, const char *name)
{
    return claims->count ? bsearch(name, claims->items, claims->count, sizeof(*claims->items), compare_name) : NULL;
}

bool claims_clash(const struct claims *claims, size_t index)
{
    return index > 0 && memcmp(claims->items[index - 1].key, claims->items[index].key, MODEL_NAME_MAX) == 0;
}

struct model_place place_of(struct model_place own, struct model_place whole)
{
    return own.line ? own : whole;
}

const char *line_text(struct model_place place, char text[24])
{
    text[0] = '\0';
    if (place.line)
        snprintf(text, 24, " (line %u)", place.line);
    return text;
}

int check_own_addresses(struct claims *claims, const char *key, struct mistakes *mistakes)
{
    char text[IP_TEXT_MAX], line[24];

    claims_sort(claims);
    for (size_t i = 0; i < claims->count; i++) {
        const struct claim *claim = &claims->items[i];
        struct ip_address address;

        if (!claims_clash(claims, i))
            continue;
        memcpy(&address, claim->key, sizeof(address));
        mistakes_add(mistakes, claim->place,
                     "port %s: %s %s is already that of port %s%s; choose another one, or leave `%s:` out", claim->name,
                     key, ip_address_print(&address, text), claim[-1].name, line_text(claim[-1].place, line), key);
    }
    return claims->failed ? -ENOMEM : 0;
}

/* "FILE:LINE:COLUMN: what", or "FILE: what" for what stands nowhere. False when @error has no room for it. */
static bool tell(const char *file, const struct mistake *mistake, struct tapnet_error *error)
{
    size_t len = strlen(file) + strlen(mistake->text) + 64; /* numbers, and "and 12345 more" behind it */

    if (error && strlen(error->text) + len > sizeof(error->text) && error->text[0])
        return false;
    if (mistake->place.line)
        error_add_line(error, -EINVAL, "%s:%u:%u: %s", file, mistake->place.line, mistake->place.column, mistake->text);
    else
        error_add_line(error, -EINVAL, "%s: %s", file, mistake->text);
    return true;
}

static void check_hook(const struct model_network *network, const struct model_hook *hook, struct mistakes *mistakes)
{
    if (hook->program && *hook->program != '/')
        mistakes_add(mistakes, place_of(hook->place, network->place),
                     "network %s: hooks: %s `%s` is no absolute path; write one, as in `%s: /etc/tapnet/%s-%s`",
                     network->name, hook->event, hook->program, hook->event, network->name, hook->event);
}

static void check_hooks(const struct model_set *set, struct mistakes *mistakes)
{
    for (size_t i = 0; i < set->network_count; i++) {
        struct model_hook hooks[MODEL_HOOK_COUNT];

        model_hooks_list(&set->networks[i].hooks, hooks);
        for (size_t j = 0; j < MODEL_HOOK_COUNT; j++)
            check_hook(&set->networks[i], &hooks[j], mistakes);
    }
}

int model_check(const struct model_set *set, struct tapnet_error *error)
{
    struct mistakes mistakes = {.count = 0};
    size_t told = 0;

    if (check_links(set, &mistakes) < 0 || check_networks(set, &mistakes) < 0 || check_subnets(set, &mistakes) < 0 ||
        check_forwards(set, &mistakes) < 0 || check_ip6(set, &mistakes) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    check_hooks(set, &mistakes);
    check_clones(set, &mistakes);
    if (!mistakes.total)
        return 0;
    while (told < mistakes.count && tell(set->file ? set->file : set->name, &mistakes.items[told], error))
        told++;
    if (told < mistakes.total)
        error_add_line(error, -EINVAL, "and %zu more", mistakes.total - told);
    return -EINVAL;
}
