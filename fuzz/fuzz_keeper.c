/* SPDX-License-Identifier: MIT */
/* The keeper and who talks to it: requests of anybody who got in, answers and a state file that say anything. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answering.h"
#include "api/resident.h"
#include "base/message.h"
#include "keeper/clients.h"

/*
 * How it works: the first byte, modulo 4, says which half is asked. 0: the rest are requests to the keeper, as rows of
 * answering.h, one client each. 1: the first row is the keeper's state file (without one when it is empty), the others
 * are its answers, to a command that wants its state. 2: answers to a command that has taken a set down.
 */

#define INPUT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- requests ---- */

/* Sends one row from a client of its own. Returns the client's end. */
static int send_request(struct clients *clients, size_t place, const uint8_t *row, size_t len)
{
    int ends[2], fds[MESSAGE_FDS_MAX];

    require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    for (size_t i = 0; i < MESSAGE_FDS_MAX; i++)
        fds[i] = ends[0];
    if (len > 1)
        message_send(ends[0], row + 1, len - 1, fds, row[0] % 8, 0);
    else
        shutdown(ends[0], SHUT_WR);
    clients->places[place].fd = ends[1];
    return ends[0];
}

/*
 * Who got an answer got a good one, alone, and is parted from. Another process that looks at our descriptors in /proc
 * keeps the other end open for an instant longer.
 */
static void check_answer(int line, bool gone)
{
    struct pollfd polled = {.fd = line, .events = POLLIN};
    char text[RESIDENT_MESSAGE_MAX];
    size_t len, fd_count;
    json_t *json;

    if (message_receive(line, text, sizeof(text), NULL, 0, &len, &fd_count, MSG_DONTWAIT) == 0) {
        json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
        require(gone && json_is_true(json_object_get(json, "ok")));
        json_decref(json);
    }
    require(!gone || (poll(&polled, 1, 1000) == 1 && recv(line, text, 1, MSG_DONTWAIT) == 0));
    close(line);
}

static void ask_clients(const uint8_t *data, size_t size)
{
    struct pollfd polled[CLIENTS_MAX];
    struct clients clients;
    int lines[CLIENTS_MAX];
    size_t count = 0;

    clients_init(&clients);
    while (size && count < CLIENTS_MAX) {
        const uint8_t *newline = memchr(data, '\n', size);
        size_t len = newline ? (size_t)(newline - data) : size;

        lines[count] = send_request(&clients, count, data, len);
        count++;
        data += newline ? len + 1 : len;
        size -= newline ? len + 1 : len;
    }
    clients_poll(&clients, polled);
    require(poll(polled, CLIENTS_MAX, 0) >= 0);
    require(clients_read(&clients, polled) == clients_wait(&clients));
    clients_reply(&clients, "{\"ok\":true,\"pid\":1,\"sets\":0}");
    require(!clients_wait(&clients));
    for (size_t i = 0; i < count; i++)
        check_answer(lines[i], clients.places[i].fd < 0);
    clients_fini(&clients);
}

/* ---- answers ---- */

static void ask_state(const struct tapnet *tapnet)
{
    struct resident_state state;

    resident_state_read(tapnet, &state);
    for (size_t i = 0; i < state.waiting_count; i++)
        require(strnlen(state.waiting[i].object, INPUT_MAX) < INPUT_MAX);
    resident_state_fini(&state);
}

/* Does the answer name a process that lives? Its end is waited for, for seconds. */
static bool names_somebody(const uint8_t *row, size_t size)
{
    const uint8_t *newline = size ? memchr(row, '\n', size) : NULL;
    size_t len = newline ? (size_t)(newline - row) : size;
    json_t *json = len > 1 ? json_loadb((const char *)row + 1, len - 1, 0, NULL) : NULL;
    pid_t pid = (pid_t)json_integer_value(json_object_get(json, "pid"));

    json_decref(json);
    return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

static void ask_end(const struct tapnet *tapnet)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;

    require_failure(resident_tell(tapnet, resident_meet(tapnet), &error), &error);
}

static void ask_resident(bool state, const uint8_t *data, size_t size)
{
    static char service[] = "/nonexistent/tapnet-service";
    static struct tapnet tapnet = {.service = service, .run_fd = -1, .lock = -1};
    const uint8_t *newline = state && size ? memchr(data, '\n', size) : NULL;
    size_t file_len = newline ? (size_t)(newline - data) : state ? size : 0;
    struct answering *answering;
    char path[64];

    snprintf(tapnet.run_dir, sizeof(tapnet.run_dir), "%s/here", answering_folder());
    require(mkdir(tapnet.run_dir, 0700) == 0 || errno == EEXIST);
    snprintf(path, sizeof(path), "%.32s/here/" RESIDENT_STATE, answering_folder());
    unlink(path);
    if (file_len)
        write_file(tapnet.run_dir, RESIDENT_STATE, data, file_len);
    data += newline ? file_len + 1 : file_len;
    size -= newline ? file_len + 1 : file_len;
    if (!state && names_somebody(data, size))
        return;
    snprintf(path, sizeof(path), "%.32s/here/" RESIDENT_SOCKET, answering_folder());
    answering = answering_begin(path, data, size);
    if (state)
        ask_state(&tapnet);
    else
        ask_end(&tapnet);
    answering_end(answering);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int before;

    if (size < 1 || size > INPUT_MAX)
        return 0;
    answering_folder();
    before = lowest_free();
    switch (data[0] % 4) {
    case 0:
        ask_clients(data + 1, size - 1);
        break;
    case 1:
    case 2:
        ask_resident(data[0] % 4 == 1, data + 1, size - 1);
        break;
    default:
        break;
    }
    require(lowest_free() == before);
    return 0;
}
