/* SPDX-License-Identifier: MIT */
/* The sockets that the service works with but may not open: DHCP replies, DNS on the gateway, its control socket. */
#include "apply/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "apply/run.h"
#include "base/array.h"
#include "base/cleanup.h"

#define DNS_BACKLOG 256
#define DNS_QUEUE_LEN (1 << 20) /* of the UDP socket, which all guests of a network share: some 1,300 small queries */
/*
 * A guest that asks and answers no ARP keeps its answers in the kernel, in the account of this socket: up to 208 KiB
 * (net.ipv4.neigh.*.unres_qlen_bytes), which is all that a socket has by default. This is room for 150 of them.
 */
#define DNS_ANSWERS_LEN (16 << 20)
#define COMM_MAX 16 /* TASK_COMM_LEN of the kernel; its file in /proc has a newline in place of the NUL */

int apply_socket_reply(int *ret_fd, struct tapnet_error *error)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return error_set_errno(error, -errno, "cannot open a packet socket for DHCP replies (CAP_NET_RAW is needed)");
    *ret_fd = fd;
    return 0;
}

/* By force with CAP_NET_ADMIN, else as much as we may. */
static void set_buffer(int fd, int option, int force, int len)
{
    if (setsockopt(fd, SOL_SOCKET, force, &len, sizeof(len)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, option, &len, sizeof(len));
}

static uint32_t bytes_word(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int attach_filter(int fd, struct sock_filter *code, size_t count)
{
    const struct sock_fprog program = {.len = (unsigned short)count, .filter = code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

static int hear_subnet4(int fd, const struct ip_prefix *subnet)
{
    struct ip_prefix network = ip_prefix_network(subnet);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_NET_OFF + 12), /* the source address */
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~0u << (32 - subnet->length)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ip4_value(&network.address), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };

    return attach_filter(fd, code, ARRAY_COUNT(code));
}

/* The source address word by word: what of each is the network's must be its. */
static int hear_subnet6(int fd, const struct ip_prefix *subnet)
{
    static const struct ip_address all = {
        AF_INET6, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    const struct ip_prefix full = {all, subnet->length};
    struct ip_prefix network = ip_prefix_network(subnet), mask = ip_prefix_network(&full);
    struct sock_filter code[3 * 4 + 2];
    size_t count = 0;

    for (uint8_t i = 0; i < 4; i++) {
        const uint8_t *bytes = network.address.bytes + 4 * i;
        uint8_t to_the_end = (uint8_t)(3 * (3 - i) + 1);

        code[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_NET_OFF + 8 + 4u * i);
        code[count++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bytes_word(mask.address.bytes + 4 * i));
        code[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bytes_word(bytes), 0, to_the_end);
    }
    code[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
    code[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
    return attach_filter(fd, code, count);
}

/*
 * Lets pass what comes from @subnet: datagrams, and the first packet of a connection. Whether it came from there indeed
 * the guards see to, where guests are; the service looks at it once more.
 */
static int hear_subnet_alone(int fd, const struct ip_prefix *subnet)
{
    return subnet->address.family == AF_INET6 ? hear_subnet6(fd, subnet) : hear_subnet4(fd, subnet);
}

/* To what a socket listens: what comes by @device, or without one what comes from @subnet. */
static int restrict_dns(int fd, const struct ip_prefix *subnet, const char *device, struct tapnet_error *error)
{
    int result;

    if (device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) < 0)
        return error_set_errno(error, -errno, "cannot bind the DNS socket to %s", device);
    result = device ? 0 : hear_subnet_alone(fd, subnet);
    return result < 0 ? error_set_errno(error, result, "cannot filter what the DNS socket hears") : 0;
}

int apply_socket_dns(int type, const struct ip_prefix *subnet, uint16_t port, const char *device, int *ret_fd,
                     struct tapnet_error *error)
{
    const struct ip_address *address = &subnet->address;
    _cleanup_close_ int fd = socket(address->family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in ip4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_ip6 = address->family == AF_INET6;
    const char *protocol = type == SOCK_DGRAM ? "UDP" : "TCP";
    char text[IP_TEXT_MAX];
    int on = 1, result;

    memcpy(&ip4.sin_addr, address->bytes, sizeof(ip4.sin_addr));
    memcpy(&ip6.sin6_addr, address->bytes, sizeof(ip6.sin6_addr));
    ip_address_print(address, text);
    if (fd < 0)
        return error_set_errno(error, -errno, "cannot open a socket for DNS");
    if (type == SOCK_DGRAM) {
        set_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, DNS_QUEUE_LEN);
        set_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, DNS_ANSWERS_LEN);
    }
    if (type == SOCK_STREAM) /* connections of a service before this one may still linger */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    result = restrict_dns(fd, subnet, device, error);
    if (result < 0)
        return result;
    if (bind(fd, is_ip6 ? (struct sockaddr *)&ip6 : (struct sockaddr *)&ip4, is_ip6 ? sizeof(ip6) : sizeof(ip4)) < 0)
        return error_set_errno(
            error, -errno,
            "cannot listen on %s port %u of %s for DNS: another program may hold it (`ss -lnp sport = %u` names it)",
            protocol, port, text, port);
    if (type == SOCK_STREAM && listen(fd, DNS_BACKLOG) < 0)
        return error_set_errno(error, -errno, "cannot listen on TCP port %u of %s for DNS", port, text);
    *ret_fd = take_fd(&fd);
    return 0;
}

/*
 * A Unix socket's name holds 107 characters: a longer path is reached through a descriptor of its directory, which
 * must stay open while the name is used.
 */
static int control_name(const char *path, struct sockaddr_un *ret, struct tapnet_error *error)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(ret->sun_path))
        return error_set(error, -ENAMETOOLONG,
                         "%s: the path is too long for a socket (107 characters): choose a shorter run directory",
                         path);
    strcpy(ret->sun_path, path);
    return 0;
}

int apply_socket_listen(const char *path, int *ret_fd, struct tapnet_error *error)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un name;
    int result = control_name(path, &name, error);

    if (result < 0)
        return result;
    if (fd < 0)
        return error_set_errno(error, -errno, "cannot open the control socket");
    unlink(path);
    /* A keeper that waits for the lock accepts nobody, and each who had it has looked in: as many as there may be. */
    if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(fd, SOMAXCONN) < 0)
        return run_remedy(error_set_errno(error, -errno, "cannot make the control socket %s", path), error);
    *ret_fd = take_fd(&fd);
    return 0;
}

bool apply_process_is(int pid, const char *name)
{
    char path[32], comm[COMM_MAX + 1] = "";
    _cleanup_close_ int fd = -1;

    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, comm, COMM_MAX) <= 0)
        return false;
    comm[strcspn(comm, "\n")] = '\0';
    return strcmp(comm, name) == 0;
}

bool apply_process_ends(int pid_fd, int msec)
{
    struct pollfd poll_fd = {.fd = pid_fd, .events = POLLIN};

    return poll(&poll_fd, 1, msec) == 1;
}

void apply_process_await(int pid)
{
    _cleanup_close_ int process = (int)syscall(SYS_pidfd_open, pid, 0);

    if (process >= 0)
        apply_process_ends(process, APPLY_EXIT_MSEC);
}

int apply_socket_pid(int fd)
{
    struct ucred peer = {.pid = 0};
    socklen_t length = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return -errno;
    return peer.pid > 0 ? peer.pid : -ESRCH;
}

/* The socket is the starter's until the resident has taken it over. */
int apply_socket_process(int fd, const char *name, int *ret_pid_fd)
{
    _cleanup_close_ int pid_fd = -1;
    int pid = apply_socket_pid(fd);

    if (pid < 0)
        return pid;
    pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    /* In this order: the name is that of the process that we hold. */
    if (pid_fd < 0 || !apply_process_is(pid, name))
        return -ESRCH;
    *ret_pid_fd = take_fd(&pid_fd);
    return 0;
}

int apply_socket_end(int fd, const char *name)
{
    _cleanup_close_ int process = -1;
    int result = apply_socket_process(fd, name, &process);

    if (result < 0)
        return result;
    if (syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
        return -errno;
    return apply_process_ends(process, APPLY_EXIT_MSEC) ? 0 : -EAGAIN;
}

int apply_socket_connect(const char *path, unsigned seconds, int *ret_fd, struct tapnet_error *error)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | (seconds ? 0 : SOCK_NONBLOCK), 0);
    const struct timeval timeout = {.tv_sec = seconds};
    struct sockaddr_un name;
    int result = control_name(path, &name, error);

    if (result < 0)
        return result;
    if (fd < 0)
        return error_set_errno(error, -errno, "cannot open a socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
        return error_set_errno(error, -errno, "cannot reach the service at %s", path);
    *ret_fd = take_fd(&fd);
    return 0;
}

/* By a socket of another kind, which the kernel refuses as such where somebody has one: a connection would wake him. */
bool apply_socket_listens(const char *path)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un name;

    if (fd < 0 || control_name(path, &name, NULL) < 0)
        return false;
    return connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0 && errno == EPROTOTYPE;
}

bool apply_socket_is_mailbox(int fd)
{
    int domain = 0, type = 0;
    socklen_t length = sizeof(int);

    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_SEQPACKET;
}
