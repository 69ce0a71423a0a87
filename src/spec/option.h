/* SPDX-License-Identifier: MIT */
/* The one table of everything that may stand in a file: parser, messages, man page and seed all read it. */
#ifndef SPEC_OPTION_H
#define SPEC_OPTION_H

#include "spec/mistake.h"

#define SPEC_NOWHERE SIZE_MAX          /* an offset of nothing: checked, not kept */
#define SPEC_OPTIONS_MAX 128           /* of all sections */
#define SPEC_PORTS_MAX MODEL_PORTS_MAX /* model_check() knows the limit of networks that are not routed */
#define SPEC_NETWORKS_MAX 1024
#define SPEC_DEVICES_MAX 1024
#define SPEC_SEARCH_LEN_MAX 190  /* of search domains: the 255 bytes of a DHCP option less the network's own name */
#define SPEC_SET_PORTS_MAX 16384 /* of one file, all networks together: bounds the memory a file can ask for */

enum spec_section {
    SPEC_SECTION_SET,
    SPEC_SECTION_NETWORK,
    SPEC_SECTION_PORT,
    SPEC_SECTION_DEVICE,
    SPEC_SECTION_LIMIT,
    SPEC_SECTION_HOOKS,
    SPEC_SECTION_CLONES,
    SPEC_SECTION_COUNT,
};

/* How the text of a value is read, and what is stored. A list stores an array of them and a size_t count. */
enum spec_type {
    SPEC_TYPE_NAME,    /* a DNS label; char[MODEL_NAME_MAX] */
    SPEC_TYPE_ID,      /* letters, digits, "-"; char[MODEL_NAME_MAX] */
    SPEC_TYPE_IFNAME,  /* char[MODEL_IFNAME_MAX] */
    SPEC_TYPE_TEXT,    /* printable ASCII, minimum to maximum characters; const char * */
    SPEC_TYPE_DOMAIN,  /* labels joined by dots; const char * */
    SPEC_TYPE_BOOLEAN, /* "true" or "false"; bool */
    SPEC_TYPE_INTEGER, /* decimal, minimum to maximum; uint32_t */
    SPEC_TYPE_MAC,     /* unicast; struct mac */
    SPEC_TYPE_IP4,     /* unicast; struct ip_address */
    SPEC_TYPE_IP4_PREFIX,
    SPEC_TYPE_IP6,        /* unicast; struct ip_address */
    SPEC_TYPE_IP6_SUBNET, /* an IPv6 prefix, `auto` (::/64) or `none` (family 0); struct ip_prefix */
    SPEC_TYPE_IP_PREFIX,  /* both families; struct ip_prefix */
    SPEC_TYPE_ENUM,       /* one of words; an enum */
    SPEC_TYPE_WORDS,      /* some of words, alone or in a list; an unsigned of all their values */
    SPEC_TYPE_USER,       /* name or number; uint32_t */
    SPEC_TYPE_GROUP,
    SPEC_TYPE_RATE,    /* bits a second with a unit, "100mbit"; uint64_t */
    SPEC_TYPE_SIZE,    /* bytes, or with a unit, "64KiB"; uint32_t */
    SPEC_TYPE_SECTION, /* the keys of section entries; its struct */
    SPEC_TYPE_FORWARD, /* ports of the host that lead to the guest's; struct model_forward, its list a pointer */
    SPEC_TYPE_ACCESS,  /* a user, or a group with "@" before it, and how many ports; struct model_access */
    SPEC_TYPE_MAP,     /* names, each with the keys of section entries; pointer to an array */
    SPEC_TYPE_COUNT,
};

struct spec_option {
    enum spec_section section;
    const char *key;
    enum spec_type type;
    bool list; /* one value or a list of up to MODEL_LIST_MAX; of forwards, MODEL_FORWARDS_MAX */
    bool required;
    uint32_t minimum, maximum;
    const struct model_word *words; /* ends with a NULL word */
    enum spec_section entries;
    /* In the section's struct, or SPEC_NOWHERE. */
    size_t offset, count_offset, given_offset, place_offset;
    const char *synonyms;     /* what others call it, between spaces: " ip ipv4 " */
    const char *default_text; /* NULL: none to speak of */
    const char *description;  /* one sentence, no stop */
    const char *example;
    const char *remedy; /* for a text that holds what it may not; NULL: the usual one */
    const char *beside; /* with what it stands in the seed, in an entry of its own; NULL: it goes with all the others */
};

/* What one section is. */
struct spec_section_info {
    const char *noun;         /* "network" */
    const char *article_noun; /* "a network" */
    size_t size;              /* of its struct */
    enum spec_type key_type;  /* of the names of its entries */
    size_t name_offset, place_offset;
    uint32_t maximum;
};

extern const struct spec_section_info spec_sections[SPEC_SECTION_COUNT];
extern const struct spec_option spec_options[];
extern const size_t spec_option_count;

/* How many values the list of @option may have. */
size_t spec_option_list_max(const struct spec_option *option);

/* The option @key of @section, or NULL. */
const struct spec_option *spec_option_find(enum spec_section section, const char *key);

/* The sentence for a @key (@len bytes) that @section does not have, with the best remedy that can be found. */
void spec_option_unknown(enum spec_section section, const char *key, size_t len, char sentence[SPEC_PROBLEM_MAX]);

#endif
