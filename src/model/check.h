/* SPDX-License-Identifier: MIT */
/* Inside model/: the list of mistakes, and of who claims what. */
#ifndef MODEL_CHECK_H
#define MODEL_CHECK_H

#include "model/model.h"

#define MISTAKES_MAX 20 /* that are told; the rest is counted */
#define MISTAKE_TEXT_MAX 400

struct mistake {
    struct model_place place;
    char text[MISTAKE_TEXT_MAX];
};

/* The first mistakes of a file, in the order of its lines. */
struct mistakes {
    struct mistake items[MISTAKES_MAX];
    size_t count, total;
};

__attribute__((format(printf, 3, 4))) void mistakes_add(struct mistakes *mistakes, struct model_place place,
                                                        const char *format, ...);

/* Who claims a name, a MAC or an address that must be one's own. */
struct claim {
    char key[MODEL_NAME_MAX]; /* bytes of the name, MAC or address; zero behind them */
    const char *noun, *name;  /* "port", "db" */
    const char *role;         /* "the guest of ", for MACs; "with `device:`", the remedy, for links */
    struct model_place place;
    size_t order; /* who came first in the file keeps it */
};

struct claims {
    struct claim *items;
    size_t count, capacity;
    bool failed; /* out of memory */
};

void claims_fini(struct claims *claims);
struct claim *claims_add(struct claims *claims, const void *key, size_t key_len, const char *noun, const char *name,
                         struct model_place place); /* NULL when out of memory */
void claims_sort(struct claims *claims);            /* by key, then order */
/* Has @claims, sorted, one of @name? NULL: no. */
const struct claim *claims_find(const struct claims *claims, const char *name);
/* Do item @index and the one before it claim the same? */
bool claims_clash(const struct claims *claims, size_t index);

/* @own where the file has it, else @whole. */
struct model_place place_of(struct model_place own, struct model_place whole);
/* " (line 5)", or "" without a line. */
const char *line_text(struct model_place place, char text[24]);
/* Adds a mistake for each address of ports, the file's @key, that two of @claims want; sorts them. 0 or -ENOMEM. */
int check_own_addresses(struct claims *claims, const char *key, struct mistakes *mistakes);

#define CHOICE_TEXT_MAX (64 + 3 * IP_TEXT_MAX)

/* What is wrong with @address for a guest of @subnet: "is outside"; NULL when nothing is. Then: what would be right. */
const char *check_address_fault(const struct ip_prefix *subnet, const struct ip_address *address);
const char *check_address_advise(const struct ip_prefix *subnet, char text[CHOICE_TEXT_MAX]);
/* The same by IPv6: check_address6.c. */
const char *check_address6_fault(const struct ip_prefix *subnet, const struct ip_address *address);
/* @subnet as it was meant, with @length: with the first address for the host. */
const char *check_subnet_suggest(const struct ip_prefix *subnet, unsigned length, char text[IP_PREFIX_TEXT_MAX]);

/* Each adds what it finds. 0 or -ENOMEM. */
int check_links(const struct model_set *set, struct mistakes *mistakes); /* check_names.c */
int check_networks(const struct model_set *set, struct mistakes *mistakes);
int check_subnets(const struct model_set *set, struct mistakes *mistakes);  /* check_address.c */
int check_forwards(const struct model_set *set, struct mistakes *mistakes); /* check_forward.c */
int check_ip6(const struct model_set *set, struct mistakes *mistakes);      /* check_address6.c */
/* Adds what it finds, and needs no memory for that. */
void check_clones(const struct model_set *set, struct mistakes *mistakes); /* check_clones.c */

#endif
