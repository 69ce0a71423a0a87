/* SPDX-License-Identifier: MIT */
/* The host's resolvers: who they are, which of them answer, and sockets to them. */
#include "service/dns_resolvers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "service/log.h"

#define FILE_NAME "resolv.conf"
#define BEHIND_STUB "../run/systemd/resolve/resolv.conf" /* seen from /etc */
#define FILE_MAX 8192                                    /* bytes that are read of it */
#define PORT 53

void dns_resolvers_init(struct dns_resolvers *resolvers, int etc_fd)
{
    *resolvers = (struct dns_resolvers){.etc_fd = etc_fd};
}

/* ---- the file ---- */

/* "192.0.2.1", "2001:db8::1" or "fe80::1%eth0". 0 or -EINVAL. */
static int server_parse(const char *text, size_t length, struct dns_server *ret)
{
    struct dns_server server = {0};
    struct ip_address address;
    char *scope;

    if (length >= sizeof(server.text))
        return -EINVAL;
    memcpy(server.text, text, length);
    scope = memchr(server.text, '%', length);
    if (scope) {
        if (!scope[1] || strlen(scope + 1) >= sizeof(server.scope))
            return -EINVAL;
        strcpy(server.scope, scope + 1);
        *scope = '\0';
    }
    if (ip_address_parse(server.text, &address) < 0 || (scope && address.family != AF_INET6))
        return -EINVAL;
    if (scope)
        *scope = '%';
    if (address.family == AF_INET) {
        server.address.ip4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(PORT)};
        memcpy(&server.address.ip4.sin_addr, address.bytes, 4);
    } else {
        server.address.ip6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
        memcpy(&server.address.ip6.sin6_addr, address.bytes, 16);
    }
    *ret = server;
    return 0;
}

/* The value of a line "nameserver VALUE ...", and its length; NULL: another line. */
static const char *line_value(const char *line, size_t length, size_t *ret_length)
{
    static const char key[] = "nameserver";
    const char *end = line + length, *value = line + sizeof(key) - 1, *at;

    if (length < sizeof(key) || memcmp(line, key, sizeof(key) - 1) != 0 || (*value != ' ' && *value != '\t'))
        return NULL;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    for (at = value; at<end && * at> ' ' && *at != '#' && *at != ';'; at++)
        ;
    *ret_length = (size_t)(at - value);
    return value;
}

unsigned dns_resolvers_parse(const char *text, size_t length, struct dns_server servers[DNS_SERVERS_MAX])
{
    const char *end = text + length;
    unsigned count = 0;

    while (text < end && count < DNS_SERVERS_MAX) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = newline ? newline : end;
        size_t value_length = 0;
        const char *value = line_value(text, (size_t)(line_end - text), &value_length);

        if (value && server_parse(value, value_length, &servers[count]) == 0)
            count++;
        text = line_end + 1;
    }
    return count;
}

/* Reads up to @size bytes. How many, or negative errno. */
static ssize_t read_all(int fd, char *text, size_t size)
{
    size_t length = 0;

    while (length < size) {
        ssize_t got = read(fd, text + length, size - length);

        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    return (ssize_t)length;
}

/* Reads the file into @text, and its status into *ret. Bytes read, or negative errno. */
static ssize_t file_read(int etc_fd, const char *name, char *text, size_t size, struct stat *ret)
{
    /* Not to wait for a writer, should it be a pipe. */
    int fd _cleanup_close_ = openat(etc_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || fstat(fd, ret) < 0)
        return -errno;
    if (!S_ISREG(ret->st_mode))
        return -EINVAL;
    return read_all(fd, text, size);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Is @file, which stands at @name, another than when it was read? */
static bool file_changed(const struct dns_resolvers *resolvers, const char *name, const struct dns_file *file)
{
    struct stat status;
    bool missing = fstatat(resolvers->etc_fd, name, &status, 0) < 0;

    return !file->known || missing != file->missing || (!missing && !same_file(&status, &file->status));
}

/* The servers that the file at @name lists, in place of those there were. */
static void read_servers(struct dns_resolvers *resolvers, const char *name, struct dns_file *file)
{
    char text[FILE_MAX];
    ssize_t length = file_read(resolvers->etc_fd, name, text, sizeof(text), &file->status);
    struct dns_server servers[DNS_SERVERS_MAX] = {0};

    file->known = true;
    file->missing = length < 0;
    if (length < 0 && file == &resolvers->file)
        log_line("dns: can't read /etc/" FILE_NAME ": %s", strerror((int)-length));
    if (length < 0 && file == &resolvers->behind)
        return; /* no systemd-resolved: whoever answers at the address of its stub is another */
    resolvers->count = length > 0 ? dns_resolvers_parse(text, (size_t)length, servers) : 0;
    memcpy(resolvers->servers, servers, sizeof(servers));
}

/* Is one of the servers the stub of systemd-resolved, 127.0.0.53 or .54? */
static bool has_stub(const struct dns_resolvers *resolvers)
{
    for (unsigned i = 0; i < resolvers->count; i++) {
        const struct sockaddr_in *address = &resolvers->servers[i].address.ip4;

        if (address->sin_family == AF_INET && (address->sin_addr.s_addr == htonl(INADDR_LOOPBACK + 52) ||
                                               address->sin_addr.s_addr == htonl(INADDR_LOOPBACK + 53)))
            return true;
    }
    return false;
}

static void log_servers(const struct dns_resolvers *resolvers)
{
    const struct dns_server *servers = resolvers->servers;

    if (resolvers->count == 0)
        log_line("dns: %s names no server: only own names are answered",
                 resolvers->stub && !resolvers->behind.missing ? "systemd-resolved" : "/etc/" FILE_NAME);
    else
        log_line("dns: asking %s%s%s%s%s", servers[0].text, resolvers->count > 1 ? ", " : "",
                 resolvers->count > 1 ? servers[1].text : "", resolvers->count > 2 ? ", " : "",
                 resolvers->count > 2 ? servers[2].text : "");
}

void dns_resolvers_refresh(struct dns_resolvers *resolvers)
{
    bool changed = file_changed(resolvers, FILE_NAME, &resolvers->file);

    if (!changed && resolvers->stub)
        changed = file_changed(resolvers, BEHIND_STUB, &resolvers->behind);
    if (!changed)
        return;
    read_servers(resolvers, FILE_NAME, &resolvers->file);
    resolvers->stub = has_stub(resolvers);
    if (resolvers->stub)
        read_servers(resolvers, BEHIND_STUB, &resolvers->behind);
    resolvers->generation++;
    log_servers(resolvers);
}

/* ---- the servers ---- */

int dns_resolvers_choose(struct dns_resolvers *resolvers, unsigned tried, uint64_t now_usec)
{
    int resting = -1;

    for (unsigned i = 0; i < resolvers->count; i++) {
        struct dns_server *server = &resolvers->servers[i];

        if (tried & 1u << i)
            continue;
        if (server->rests_usec > now_usec) {
            resting = resting < 0 ? (int)i : resting;
            continue;
        }
        if (server->rests_usec) /* one query tries it, the others wait for what comes of that */
            server->rests_usec = now_usec + DNS_SERVER_REST_USEC;
        return (int)i;
    }
    return resting;
}

void dns_resolvers_answered(struct dns_resolvers *resolvers, unsigned server)
{
    resolvers->servers[server].failures = 0;
    resolvers->servers[server].rests_usec = 0;
}

void dns_resolvers_failed(struct dns_resolvers *resolvers, unsigned server, uint64_t now_usec)
{
    struct dns_server *failed = &resolvers->servers[server];

    if (++failed->failures < DNS_SERVER_FAILURES)
        return;
    if (!failed->rests_usec)
        log_line("dns: %s does not answer", failed->text);
    failed->rests_usec = now_usec + DNS_SERVER_REST_USEC;
}

void dns_resolvers_folds_case(struct dns_resolvers *resolvers, unsigned server, bool proven)
{
    struct dns_server *folding = &resolvers->servers[server];

    if (!folding->folds_case)
        log_line("dns: %s changes the case of names%s: its replies are known by port and id alone", folding->text,
                 proven ? "" : ", and does not answer by TCP");
    folding->folds_case = true;
}

/* The index of the interface @name, asked over @fd. 0: there is none. */
static unsigned interface_index(int fd, const char *name)
{
    struct ifreq request = {0};

    strcpy(request.ifr_name, name);
    return ioctl(fd, SIOCGIFINDEX, &request) < 0 ? 0 : (unsigned)request.ifr_ifindex;
}

int dns_server_connect(const struct dns_server *server, int type)
{
    struct sockaddr_in6 ip6 = server->address.ip6;
    const struct sockaddr *address = &server->address.any;
    socklen_t length = address->sa_family == AF_INET ? sizeof(server->address.ip4) : sizeof(ip6);
    int fd _cleanup_close_ = socket(address->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (server->scope[0]) {
        ip6.sin6_scope_id = interface_index(fd, server->scope);
        address = (const struct sockaddr *)&ip6;
    }
    if (connect(fd, address, length) < 0 && errno != EINPROGRESS)
        return -errno;
    return take_fd(&fd);
}
