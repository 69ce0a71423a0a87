/* SPDX-License-Identifier: MIT */
/* A network's roll: who is there in short, so that one port more need not read all the others. */
#include "api/roll.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apply/run.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "model/json_cleanup.h"
#include "observe/plugged.h"

#define HEAD_LEN 160 /* of the first line, which is filled up with spaces: its numbers change in place */
#define ALIGNMENT 16 /* as malloc() has it */
#define ROLL_MAX (64 << 20)
#define ROLL_FORMAT "roll 4"

struct roll_port {
    char name[MODEL_NAME_MAX], hostname[MODEL_NAME_MAX], device[MODEL_IFNAME_MAX];
    struct mac mac, guest_mac;
    struct ip_address address, address6;
    uint32_t user;
    enum model_origin origin;
    bool guest_mac_given, mac_spoofing, no_ip6, plain;
};

void roll_fini(struct roll *roll)
{
    if (roll->fd >= 0)
        close(roll->fd);
}

static void forget_network(struct roll_kept *kept)
{
    free(kept->line);
    arena_fini(&kept->arena);
    kept->line = NULL;
    kept->arena = (struct arena){NULL};
}

void roll_kept_fini(struct roll_kept *kept)
{
    forget_network(kept);
    free(kept->text);
    *kept = (struct roll_kept){.text = NULL};
}

static int path_of(const char *run_dir, const char *network, const char *suffix, char ret[RUN_PATH_MAX])
{
    return snprintf(ret, RUN_PATH_MAX, "%s/networks/%s%s", run_dir, network, suffix) < RUN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* ---- what it is about ---- */

/* How long the file beside the ledger is; -1: there is none. */
static long long more_len(const char *run_dir, const char *network)
{
    char path[RUN_PATH_MAX];
    struct stat status;

    return path_of(run_dir, network, PLUGGED_SUFFIX, path) == 0 && stat(path, &status) == 0 ? (long long)status.st_size
                                                                                            : -1;
}

/*
 * The first line's beginning: the format, the size of a port, the ledger, and how long the file beside that is. How
 * long it is; 0: too long.
 */
static size_t print_present(const char *ledger, long long more, char ret[HEAD_LEN])
{
    int len = snprintf(ret, HEAD_LEN, ROLL_FORMAT " %zu %s %lld ", sizeof(struct roll_port), ledger, more);

    return len > 0 && len < HEAD_LEN ? (size_t)len : 0;
}

/* The first line: that, and when. No two of them are the same. */
static bool print_head(const char *ledger, long long more, char ret[HEAD_LEN])
{
    size_t len = print_present(ledger, more, ret), left = HEAD_LEN - len;
    struct timespec now;
    int more_len;

    clock_gettime(CLOCK_MONOTONIC, &now);
    more_len = snprintf(ret + len, left, "%lld.%09ld", (long long)now.tv_sec, now.tv_nsec);
    if (!len || more_len < 0 || (size_t)more_len >= left)
        return false;
    len += (size_t)more_len;
    memset(ret + len, ' ', HEAD_LEN - 1 - len);
    ret[HEAD_LEN - 1] = '\n';
    return true;
}

/* What is there now: the ledger, and how long the file beside it is (negative: there is none). */
static bool look_at_ledger(const char *run_dir, const char *network, struct roll *ret, long long *ret_more)
{
    char path[RUN_PATH_MAX];
    struct stat status;

    if (path_of(run_dir, network, ".json", path) < 0 || stat(path, &status) < 0)
        return false;
    plugged_ledger_print(&status, ret->ledger);
    ret->ledger_len = (uint64_t)status.st_size;
    *ret_more = more_len(run_dir, network);
    ret->more_len = *ret_more < 0 ? 0 : (uint64_t)*ret_more;
    return true;
}

/* ---- reading ---- */

/* Room for a text of @len bytes. */
static bool kept_reserve(struct roll_kept *kept, size_t len)
{
    void *text = kept->text;
    int r = array_reserve(&text, &kept->room, len, 0, 1);

    kept->text = text;
    return r == 0;
}

/* The file's descriptor, which is there to change it; it is @ret_len long and its first line begins with @present. */
static int open_file(const char *path, const char *present, size_t present_len, char head[HEAD_LEN], size_t *ret_len)
{
    _cleanup_close_ int fd = open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > ROLL_MAX ||
        pread(fd, head, HEAD_LEN, 0) != HEAD_LEN || memcmp(head, present, present_len) != 0)
        return -ESTALE;
    *ret_len = (size_t)status.st_size;
    return take_fd(&fd);
}

static void take_port(const struct roll_port *entry, struct model_port *ret)
{
    *ret = (struct model_port){
        .origin = entry->origin,
        .guest_mac_given = entry->guest_mac_given,
        .mac_spoofing = entry->mac_spoofing,
        .no_ip6 = entry->no_ip6,
        .mac = entry->mac,
        .guest_mac = entry->guest_mac,
        .address = entry->address,
        .address6 = entry->address6,
        .user = entry->user,
        .group = MODEL_ID_NONE,
    };
    memcpy(ret->name, entry->name, sizeof(ret->name));
    memcpy(ret->hostname, entry->hostname, sizeof(ret->hostname));
    memcpy(ret->device, entry->device, sizeof(ret->device));
}

static uint32_t word_of(const uint8_t bytes[4])
{
    uint32_t word;

    memcpy(&word, bytes, sizeof(word));
    return word;
}

void roll_port(const struct roll *roll, size_t place, struct model_port *ret)
{
    take_port(&roll->ports[place], ret);
}

bool roll_is_plain(const struct roll *roll, size_t place)
{
    return roll->ports[place].plain;
}

size_t roll_find(const struct roll *roll, const char *name)
{
    size_t place = 0;

    while (place < roll->count && strcmp(roll->ports[place].name, name) != 0)
        place++;
    return place;
}

const char *roll_name(const struct roll *roll, size_t place)
{
    return roll->ports[place].name;
}

const char *roll_hostname(const struct roll *roll, size_t place)
{
    return roll->ports[place].hostname;
}

const struct ip_address *roll_address(const void *data, size_t place, uint8_t family)
{
    const struct roll *roll = data;

    if (place == roll->count)
        return NULL;
    return family == AF_INET6 ? &roll->ports[place].address6 : &roll->ports[place].address;
}

/* These two go through all ports for each one more: without a call for each, and a look at most of them at one word. */

static bool has_address(const struct roll *roll, const struct ip_address *address)
{
    size_t size = ip_family_size(address->family), last = size - sizeof(uint32_t);

    for (size_t i = 0; i < roll->count; i++) {
        const struct roll_port *port = &roll->ports[i];
        const struct ip_address *other = address->family == AF_INET6 ? &port->address6 : &port->address;

        if (word_of(other->bytes + last) == word_of(address->bytes + last) && ip_address_equal(other, address))
            return true;
    }
    return false;
}

/* Is @text the other one, which has @len > 0 characters? Names of ports differ in their length, or at their end. */
static inline bool is_text(const char *text, const char *other, size_t len)
{
    return text[len] == '\0' && text[len - 1] == other[len - 1] && strcmp(text, other) == 0;
}

bool roll_collides(const struct roll *roll, const struct model_port *port)
{
    size_t name_len = strlen(port->name), device_len = strlen(port->device);
    uint32_t mac = word_of(port->guest_mac.bytes + 2);

    for (size_t i = 0; i < roll->count; i++) {
        const struct roll_port *other = &roll->ports[i];

        if ((word_of(other->guest_mac.bytes + 2) == mac && mac_equal(&other->guest_mac, &port->guest_mac)) ||
            is_text(other->device, port->device, device_len) || is_text(other->name, port->name, name_len) ||
            is_text(other->hostname, port->name, name_len))
            return true;
    }
    return port->address6.family && has_address(roll, &port->address6);
}

bool roll_has_origin(const struct roll *roll, enum model_origin origin)
{
    for (size_t i = 0; i < roll->count; i++)
        if (roll->ports[i].origin == origin)
            return true;
    return false;
}

uint32_t roll_used(const struct roll *roll, uint32_t user)
{
    uint32_t used = 0;

    for (size_t i = 0; i < roll->count; i++)
        used += roll->ports[i].origin != MODEL_ORIGIN_DECLARED && roll->ports[i].user == user;
    return used;
}

bool roll_fellow(const struct roll *roll, size_t place, bool given, struct model_port *ret)
{
    size_t found = roll->count;

    for (size_t i = 0; i < roll->count; i++) {
        const struct roll_port *port = &roll->ports[i];

        if (i == place)
            continue;
        if (!port->guest_mac_given && !port->mac_spoofing) {
            found = i;
            break;
        }
        if (given && port->guest_mac_given)
            found = i;
    }
    if (found < roll->count)
        roll_port(roll, found, ret);
    return found < roll->count;
}

/* @line: the network, and which bridge it was. */
static bool parse_network(const char *line, struct roll_kept *ret)
{
    _cleanup_json_ json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const char *set = json_string_value(json_object_get(json, "set"));

    ret->bridge = (unsigned)json_integer_value(json_object_get(json, "bridge_index"));
    if (!set || model_network_from_json(json_object_get(json, "network"), &ret->arena, &ret->network, NULL) < 0)
        return false;
    ret->set = arena_strdup(&ret->arena, set);
    ret->line = ret->set ? strdup(line) : NULL; /* the last: what has one is whole */
    return ret->line != NULL;
}

static const struct roll_port *kept_ports(const struct roll_kept *kept, size_t *ret_count)
{
    *ret_count = (kept->len - kept->ports_at) / sizeof(struct roll_port);
    return (const void *)(kept->text + kept->ports_at);
}

/* Do the names of every port end, and do they stand where they can be looked at? */
static bool is_sound(const struct roll_kept *kept)
{
    size_t count;
    const struct roll_port *ports = kept_ports(kept, &count);

    if ((uintptr_t)ports % _Alignof(struct roll_port) != 0 ||
        (kept->len - kept->ports_at) % sizeof(struct roll_port) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct roll_port *port = &ports[i];

        if (port->name[MODEL_NAME_MAX - 1] || port->hostname[MODEL_NAME_MAX - 1] || port->device[MODEL_IFNAME_MAX - 1])
            return false;
    }
    return true;
}

/* The whole file, of @len bytes. */
static bool kept_read(struct roll_kept *kept, int fd, size_t len)
{
    char *line, *end;

    kept->len = 0;
    if (!kept_reserve(kept, len) || pread(fd, kept->text, len, 0) != (ssize_t)len)
        return false;
    line = kept->text + HEAD_LEN;
    end = memchr(line, '\n', len - HEAD_LEN);
    if (!end)
        return false;
    *end = '\0';
    kept->ports_at = (size_t)(end + 1 - kept->text);
    kept->len = len;
    if (kept->line && strcmp(kept->line, line) == 0)
        return is_sound(kept);
    forget_network(kept);
    return is_sound(kept) && parse_network(line, kept);
}

int roll_read(const char *run_dir, const char *network, struct roll_kept *kept, struct roll *ret)
{
    char path[RUN_PATH_MAX], present[HEAD_LEN], head[HEAD_LEN];
    size_t present_len, len;
    long long more;

    *ret = ROLL_NONE;
    if (!look_at_ledger(run_dir, network, ret, &more) || path_of(run_dir, network, PLUGGED_ROLL_SUFFIX, path) < 0)
        return -ESTALE;
    present_len = print_present(ret->ledger, more, present);
    if (!present_len)
        return -ESTALE;
    ret->fd = open_file(path, present, present_len, head, &len);
    if (ret->fd < 0)
        return -ESTALE;
    if ((kept->len != len || memcmp(kept->text, head, HEAD_LEN) != 0) && !kept_read(kept, ret->fd, len)) {
        kept->len = 0;
        return -ESTALE;
    }
    ret->kept = kept;
    ret->ports = kept_ports(kept, &ret->count);
    ret->set = kept->set;
    ret->network = kept->network;
    ret->bridge = kept->bridge;
    return ret->bridge ? 0 : -ESTALE;
}

/* ---- writing ---- */

static bool is_plain(const struct model_network *network, const struct model_port *port)
{
    return port->origin != MODEL_ORIGIN_DECLARED && !port->veth && !port->id[0] && port->queues <= 1 &&
           !port->guest_mac_given && !port->mac_spoofing && !port->protocols && !port->address_given &&
           !port->address6_given && !port->forward_count && port->group == MODEL_ID_NONE &&
           strcmp(port->hostname, port->name) == 0 && port->limit.rate == network->limit.rate &&
           model_limit_equal(&port->limit, &network->limit);
}

static void fill_entry(const struct model_network *network, const struct model_port *port, struct roll_port *ret)
{
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->name, port->name, sizeof(ret->name));
    memcpy(ret->hostname, port->hostname, sizeof(ret->hostname));
    memcpy(ret->device, port->device, sizeof(ret->device));
    ret->mac = port->mac;
    ret->guest_mac = port->guest_mac;
    ret->address = port->address;
    ret->address6 = port->address6;
    ret->user = port->user;
    ret->origin = port->origin;
    ret->guest_mac_given = port->guest_mac_given;
    ret->mac_spoofing = port->mac_spoofing;
    ret->no_ip6 = port->no_ip6;
    ret->plain = is_plain(network, port);
}

/* The second line, malloc'ed, with spaces at its end: what comes behind it is aligned. */
static char *print_network(const char *set, const struct model_network *network)
{
    _cleanup_free_ char *text = NULL;
    struct model_network alone = *network;
    char *line;
    _cleanup_json_ json_t *json = NULL;

    alone.port_count = 0;
    json = json_pack("{s:s, s:I, s:o}", "set", set, "bridge_index", (json_int_t)if_nametoindex(network->bridge),
                     "network", model_network_to_json(&alone));
    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (!text || asprintf(&line, "%s%*s", text, (int)(ALIGNMENT - (HEAD_LEN + strlen(text) + 1) % ALIGNMENT), "") < 0)
        return NULL;
    return line;
}

/* The head last: a file that is not whole has none. */
static bool write_all(FILE *file, const char *head, const char *line, const struct model_network *network)
{
    fprintf(file, "%*s%s\n", HEAD_LEN, "", line);
    for (size_t i = 0; i < network->port_count; i++) {
        struct roll_port entry;

        fill_entry(network, &network->ports[i], &entry);
        fwrite(&entry, sizeof(entry), 1, file);
    }
    return !ferror(file) && fflush(file) == 0 && pwrite(fileno(file), head, HEAD_LEN, 0) == HEAD_LEN;
}

void roll_write(const char *run_dir, const char *set, const struct model_network *network)
{
    _cleanup_free_ char *line = print_network(set, network);
    char path[RUN_PATH_MAX], head[HEAD_LEN];
    struct roll present = ROLL_NONE;
    _cleanup_close_ int fd = -1;
    _cleanup_fclose_ FILE *file = NULL;
    long long more;

    if (!line || !look_at_ledger(run_dir, network->name, &present, &more) || !print_head(present.ledger, more, head) ||
        path_of(run_dir, network->name, PLUGGED_ROLL_SUFFIX, path) < 0)
        return;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file)
        return;
    take_fd(&fd);
    if (!write_all(file, head, line, network))
        unlink(path);
}

/*
 * Of the file beside the ledger, which is longer now, the head tells last: without, the roll is void. What is kept of
 * it has been changed already, and is @len bytes long.
 */
static bool end_change(const char *run_dir, const struct roll *roll, size_t len)
{
    char *head = roll->kept->text;

    roll->kept->len = len;
    return print_head(roll->ledger, more_len(run_dir, roll->network->name), head) &&
           pwrite(roll->fd, head, HEAD_LEN, 0) == HEAD_LEN;
}

static void give_up(const char *run_dir, const struct roll *roll)
{
    char path[RUN_PATH_MAX];

    roll->kept->len = 0;
    if (path_of(run_dir, roll->network->name, PLUGGED_ROLL_SUFFIX, path) == 0)
        unlink(path);
}

void roll_add(const char *run_dir, const struct roll *roll, const struct model_port *port)
{
    struct roll_kept *kept = roll->kept;
    struct roll_port entry;

    fill_entry(roll->network, port, &entry);
    if (!kept_reserve(kept, kept->len + sizeof(entry))) {
        give_up(run_dir, roll);
        return;
    }
    memcpy(kept->text + kept->len, &entry, sizeof(entry));
    if (pwrite(roll->fd, &entry, sizeof(entry), (off_t)kept->len) != (ssize_t)sizeof(entry) ||
        !end_change(run_dir, roll, kept->len + sizeof(entry)))
        give_up(run_dir, roll);
}

void roll_drop(const char *run_dir, const struct roll *roll, size_t place)
{
    struct roll_kept *kept = roll->kept;
    const struct roll_port last = roll->ports[roll->count - 1];
    size_t at = kept->ports_at + place * sizeof(last), len = kept->len - sizeof(last);

    memcpy(kept->text + at, &last, sizeof(last));
    if (pwrite(roll->fd, &last, sizeof(last), (off_t)at) != (ssize_t)sizeof(last) ||
        ftruncate(roll->fd, (off_t)len) < 0 || !end_change(run_dir, roll, len))
        give_up(run_dir, roll);
}
