/* SPDX-License-Identifier: MIT */
/* A resident of which nothing is known but its socket: it answers requests with whatever the input says. */
#include "answering.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/message.h"

#define REQUEST_MAX 65536

struct answering {
    int listening;
    const uint8_t *answers, *end; /* what is left of them */
    pthread_t thread;
};

void require(bool condition)
{
    if (!condition)
        abort();
}

void require_failure(int result, const struct tapnet_error *error)
{
    if (result >= 0)
        return;
    require(error->code == result && error->text[0]);
    for (const char *at = error->text; *at; at++)
        require((unsigned char)*at >= ' ' || *at == '\n');
    require(!strchr(error->text, 0x7f));
}

int lowest_free(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

void write_file(const char *run_dir, const char *name, const uint8_t *bytes, size_t size)
{
    char path[256];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", run_dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

/* ---- its directory ---- */

static char folder[32];
static pid_t folder_owner;

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static void remove_folder(void)
{
    if (getpid() == folder_owner)
        nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *answering_folder(void)
{
    if (folder[0])
        return folder;
    strcpy(folder, "/tmp/tapnet-fuzz-XXXXXX");
    require(mkdtemp(folder) != NULL);
    folder_owner = getpid();
    atexit(remove_folder);
    return folder;
}

/* ---- answering ---- */

/* Sends the next answer on @line. False: there is none. */
static bool answer(struct answering *answering, int line)
{
    const uint8_t *start = answering->answers;
    size_t left = (size_t)(answering->end - start);
    const uint8_t *newline = left ? memchr(start, '\n', left) : NULL;
    size_t len = newline ? (size_t)(newline - start) : left;
    int fds[MESSAGE_FDS_MAX];

    answering->answers = newline ? newline + 1 : answering->end;
    if (len < 2) {
        answering->answers = answering->end;
        return false;
    }
    for (size_t i = 0; i < MESSAGE_FDS_MAX; i++)
        fds[i] = answering->listening;
    message_send(line, start + 1, len - 1, fds, start[0] % 8, 0);
    return true;
}

static void *serve(void *data)
{
    static char request[REQUEST_MAX];
    struct answering *answering = data;
    int line;

    while ((line = accept4(answering->listening, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        while (answering->answers < answering->end && recv(line, request, sizeof(request), 0) > 0 &&
               answer(answering, line))
            continue;
        close(line);
    }
    return NULL;
}

struct answering *answering_begin(const char *path, const uint8_t *answers, size_t size)
{
    struct answering *answering = calloc(1, sizeof(*answering));
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    require(answering != NULL && strlen(path) < sizeof(name.sun_path));
    strcpy(name.sun_path, path);
    unlink(path);
    answering->answers = answers;
    answering->end = answers + size;
    answering->listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    require(answering->listening >= 0);
    require(bind(answering->listening, (struct sockaddr *)&name, sizeof(name)) == 0);
    require(listen(answering->listening, 8) == 0);
    require(pthread_create(&answering->thread, NULL, serve, answering) == 0);
    return answering;
}

void answering_end(struct answering *answering)
{
    shutdown(answering->listening, SHUT_RDWR); /* accept4() returns, as recv() does when its client is gone */
    pthread_join(answering->thread, NULL);
    close(answering->listening);
    free(answering);
}
