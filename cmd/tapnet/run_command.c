/* SPDX-License-Identifier: MIT */
/* The command of `tapnet run`, as it is started: with the port's names and descriptors in its arguments. */
#include "run_command.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm.h"

/*
 * How it works: words are replaced wherever they stand. A QEMU that is told of no network card at all gets one: its
 * -netdev, with the descriptors of all queues and, where the host has vhost, as many of that; and its -device, of the
 * kind that the machine has a bus for, with the MAC that the network expects.
 */

/* ---- text that grows ---- */

struct text {
    FILE *stream;
    char *text;
    size_t len;
};

static bool text_begin(struct text *text)
{
    *text = (struct text){.text = NULL};
    text->stream = open_memstream(&text->text, &text->len);
    return text->stream != NULL;
}

/* The text, malloc'ed; NULL when memory is short. */
static char *text_end(struct text *text)
{
    bool whole = !ferror(text->stream);

    if (fclose(text->stream) != 0 || !whole) {
        free(text->text);
        return NULL;
    }
    return text->text;
}

/* "3:4:5" */
static void print_fds(FILE *stream, const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(stream, "%s%d", i ? ":" : "", fds[i]);
}

/* ---- words ---- */

enum place {
    PLACE_FD,
    PLACE_FDS,
    PLACE_DEVICE,
    PLACE_MAC,
    PLACE_ADDRESS,
    PLACE_COUNT,
};

static const char *const place_words[] = {
    [PLACE_FD] = "{fd}",   [PLACE_FDS] = "{fds}",         [PLACE_DEVICE] = "{device}",
    [PLACE_MAC] = "{mac}", [PLACE_ADDRESS] = "{address}",
};

/* The place that @text begins with; PLACE_COUNT for none. */
static enum place place_at(const char *text)
{
    enum place place = 0;

    while (place < PLACE_COUNT && strncmp(text, place_words[place], strlen(place_words[place])) != 0)
        place++;
    return place;
}

static bool any_names(char *const *words, enum place place)
{
    for (; *words; words++)
        if (strstr(*words, place_words[place]))
            return true;
    return false;
}

static bool names_fd(char *const *words)
{
    return any_names(words, PLACE_FD) || any_names(words, PLACE_FDS);
}

bool run_command_names_address(char *const *words)
{
    return any_names(words, PLACE_ADDRESS);
}

static void print_place(FILE *stream, enum place place, const struct tapnet_attached *attached,
                        const struct run_command *command)
{
    const struct tapnet_attached_info *info = tapnet_attached_info(attached);

    switch (place) {
    case PLACE_FD:
        print_fds(stream, command->fds, command->queue_count ? 1 : 0);
        break;
    case PLACE_FDS:
        print_fds(stream, command->fds, command->queue_count);
        break;
    case PLACE_DEVICE:
        fputs(info->device, stream);
        break;
    case PLACE_MAC:
        fputs(info->mac, stream);
        break;
    case PLACE_ADDRESS:
        fputs(info->inside, stream);
        break;
    case PLACE_COUNT:
        break;
    }
}

/* @word with its places filled, malloc'ed; NULL when memory is short. */
static char *fill(const char *word, const struct tapnet_attached *attached, const struct run_command *command)
{
    struct text text;

    if (!text_begin(&text))
        return NULL;
    while (*word) {
        enum place place = place_at(word);

        if (place == PLACE_COUNT) {
            fputc(*word++, text.stream);
            continue;
        }
        print_place(text.stream, place, attached, command);
        word += strlen(place_words[place]);
    }
    return text_end(&text);
}

/* ---- QEMU ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_qemu(const char *program)
{
    const char *name = base_name(program);

    return strncmp(name, "qemu-system-", strlen("qemu-system-")) == 0 || strcmp(name, "qemu-kvm") == 0 ||
           strcmp(name, "kvm") == 0;
}

/* Is @word the option @name, which QEMU takes with one dash or two? */
static bool is_option(const char *word, const char *name)
{
    return word[0] == '-' && strcmp(word + 1 + (word[1] == '-'), name) == 0;
}

static bool has_network(char *const *words)
{
    for (; *words; words++)
        if (is_option(*words, "netdev") || is_option(*words, "nic") || is_option(*words, "net"))
            return true;
    return false;
}

/* A QEMU that is told of no card. */
static bool lacks_card(char *const *words)
{
    return words[0] && is_qemu(words[0]) && !has_network(words) && !names_fd(words);
}

bool run_command_opens(char *const *words)
{
    return any_names(words, PLACE_DEVICE) && !names_fd(words) && !lacks_card(words);
}

bool run_command_takes(char *const *words)
{
    return names_fd(words) || any_names(words, PLACE_DEVICE) || lacks_card(words);
}

const char *run_command_wrapped(char *const *words)
{
    if (!words[0] || is_qemu(words[0]) || run_command_takes(words) || has_network(words))
        return NULL;
    for (words++; *words; words++)
        if (is_qemu(*words))
            return *words;
    return NULL;
}

/* A machine without PCI has its devices on a bus of their own. */
static const char *card_of(char *const *words)
{
    if (strcmp(base_name(words[0]), "qemu-system-s390x") == 0)
        return "virtio-net-ccw";
    for (; words[0] && words[1]; words++) {
        const char *type = words[1];

        if (!is_option(words[0], "M") && !is_option(words[0], "machine"))
            continue;
        if (strncmp(type, "type=", 5) == 0)
            type += 5;
        if (strcspn(type, ",") == strlen("microvm") && strncmp(type, "microvm", strlen("microvm")) == 0)
            return "virtio-net-device";
    }
    return "virtio-net-pci";
}

/* One descriptor of vhost for each queue, or none at all. */
static void open_vhost(struct run_command *command)
{
    for (size_t i = 0; i < command->queue_count; i++) {
        int fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);

        if (fd >= 0) {
            command->fds[command->fd_count++] = fd;
            continue;
        }
        while (command->fd_count > command->queue_count)
            close(command->fds[--command->fd_count]);
        return;
    }
}

static char *print_netdev(const struct run_command *command)
{
    size_t queues = command->queue_count;
    struct text text;

    if (!text_begin(&text))
        return NULL;
    fprintf(text.stream, "tap,id=tapnet,%s=", queues > 1 ? "fds" : "fd");
    print_fds(text.stream, command->fds, queues);
    if (command->fd_count > queues) {
        fprintf(text.stream, ",vhost=on,%s=", queues > 1 ? "vhostfds" : "vhostfd");
        print_fds(text.stream, command->fds + queues, queues);
    }
    return text_end(&text);
}

static char *print_device(const char *card, const char *mac, size_t queues)
{
    struct text text;

    if (!text_begin(&text))
        return NULL;
    vmm_print_qemu_device(text.stream, card, mac, queues);
    return text_end(&text);
}

/* Takes @word, which is malloc'ed; false for NULL. */
static bool add_word(struct run_command *command, char *word)
{
    if (!word)
        return false;
    command->words[command->count++] = word;
    return true;
}

static bool add_card(struct run_command *command, char *const *words, const char *mac)
{
    open_vhost(command);
    return add_word(command, strdup("-netdev")) && add_word(command, print_netdev(command)) &&
           add_word(command, strdup("-device")) &&
           add_word(command, print_device(card_of(words), mac, command->queue_count));
}

/* ---- the whole ---- */

bool run_command_make(char *const *words, const struct tapnet_attached *attached, struct run_command *ret)
{
    const struct tapnet_device *device = tapnet_attached_device(attached);
    size_t count = 0, queues = device ? tapnet_device_queue_count(device) : 0;

    while (words[count])
        count++;
    *ret = (struct run_command){.words = calloc(count + 5, sizeof(*ret->words))}; /* a card is four words */
    ret->fds = calloc(2 * queues + 1, sizeof(*ret->fds));
    if (!ret->words || !ret->fds)
        return false;
    for (size_t i = 0; i < queues; i++)
        ret->fds[i] = tapnet_device_fd(device, i);
    ret->fd_count = ret->queue_count = queues;
    for (size_t i = 0; i < count; i++)
        if (!add_word(ret, fill(words[i], attached, ret)))
            return false;
    return !lacks_card(words) || add_card(ret, words, tapnet_attached_info(attached)->mac);
}

/* While anybody has vhost's descriptors open, these hold the device's. */
void run_command_fini(struct run_command *command)
{
    while (command->fd_count > command->queue_count)
        close(command->fds[--command->fd_count]);
    for (size_t i = 0; i < command->count; i++)
        free(command->words[i]);
    free(command->words);
    free(command->fds);
}
