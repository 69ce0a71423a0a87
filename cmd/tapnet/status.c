/* SPDX-License-Identifier: MIT */
/* The command status: the virtual switch as a drawing. */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "session.h"
#include "style.h"
#include "terminal.h"
#include "text.h"

#define BUSY_NSEC UINT64_C(2000000000) /* for which one that is at work is waited for */
#define BUSY_PAUSE_NSEC 20000000

/*
 *     eth0 (uplink)
 *       │ nat
 *     br-lab  10.20.0.1/24  fd00:20::1/64  lab (set lab)
 *       ├─ web  lab-web  52:54:00:…  10.20.0.7  qemu-system-x86 (4711)  ↓ 1.2 MB ↑ 30 kB
 *       │  fd00:20::5054:ff:fe…
 *       └─ db   lab-db   52:54:00:…  10.20.0.8  free
 *          fd00:20::8
 */

/* One of the pool, and of nobody yet. */
static bool is_ready(const struct tapnet_status_port *port)
{
    return strcmp(port->state, "ready") == 0;
}

static const char *print_holder(const struct tapnet_status_port *port, char text[96])
{
    if (port->holder_pid && !is_ready(port))
        snprintf(text, 96, "%s (%d)", port->holder, port->holder_pid);
    else
        snprintf(text, 96, "%s", port->state);
    return text;
}

struct widths {
    int name, device, address, holder;
};

static int wider(int width, const char *text)
{
    int length = (int)strlen(text);

    return length > width ? length : width;
}

static struct widths measure(const struct tapnet_status_network *network)
{
    struct widths widths = {0, 0, 0, 0};
    char holder[96];

    for (size_t i = 0; i < network->port_count; i++) {
        widths.name = wider(widths.name, network->ports[i].name);
        widths.device = wider(widths.device, network->ports[i].device);
        widths.address = wider(widths.address, network->ports[i].address);
        widths.holder = wider(widths.holder, print_holder(&network->ports[i], holder));
    }
    return widths;
}

/* What it may have at most, and what that kept from it. */
static void draw_limit(const struct tapnet_status_port *port)
{
    char receive[TEXT_NUMBER_MAX], send[TEXT_NUMBER_MAX];

    if (port->limit.receive || port->limit.send)
        printf("  %sat most%s%s%s%s%s", style(STYLE_DIM), port->limit.receive ? " ↓ " : "",
               port->limit.receive ? text_bit_rate(port->limit.receive, receive) : "", port->limit.send ? " ↑ " : "",
               port->limit.send ? text_bit_rate(port->limit.send, send) : "", style(STYLE_PLAIN));
    if (port->refused_connections)
        printf("  %sover %u connections%s", style(STYLE_YELLOW), port->limit.connections, style(STYLE_PLAIN));
}

static bool is_declared(const struct tapnet_status_port *port)
{
    return strcmp(port->origin, "declared") == 0;
}

static void draw_port(const struct tapnet_status_port *port, const struct widths *widths, bool last)
{
    char received[TEXT_NUMBER_MAX], sent[TEXT_NUMBER_MAX], holder[96];
    bool plugged = strcmp(port->state, "plugged") == 0;
    const char *colour = plugged                                              ? STYLE_GREEN
                         : strcmp(port->state, "free") == 0 || is_ready(port) ? STYLE_DIM
                                                                              : STYLE_RED;
    /* What is for all, and nobody is there to take, says nothing of a guest. */
    unsigned long long dropped = plugged ? port->dropped : 0;

    /* No blanks at the end of a line. */
    bool has_more = port->rx_packets || port->tx_packets || dropped || port->blocked || port->limit.receive ||
                    port->limit.send || port->refused_connections || !is_declared(port);

    printf("    %s %s%-*s%s  %-*s  %s  %-*s  %s%-*s%s", last ? "└─" : "├─", style(STYLE_BOLD), widths->name, port->name,
           style(STYLE_PLAIN), widths->device, port->device, port->mac, widths->address, port->address, style(colour),
           has_more ? widths->holder : 0, print_holder(port, holder), style(STYLE_PLAIN));
    if (port->rx_packets || port->tx_packets)
        printf("  ↓ %s  ↑ %s", text_bytes(port->rx_bytes, received), text_bytes(port->tx_bytes, sent));
    if (dropped)
        printf("  %s%llu dropped%s", style(STYLE_YELLOW), dropped, style(STYLE_PLAIN));
    if (port->blocked)
        printf("  %s%llu blocked%s", style(STYLE_YELLOW), (unsigned long long)port->blocked, style(STYLE_PLAIN));
    draw_limit(port);
    if (!is_declared(port))
        printf("  %s%s%s", style(STYLE_DIM),
               is_ready(port)                     ? "for who comes"
               : strcmp(port->origin, "run") == 0 ? "for a command"
                                                  : "attached",
               style(STYLE_PLAIN));
    putchar('\n');
}

/* Its IPv6 address, on a line of its own. */
static void draw_address6(const struct tapnet_status_port *port, bool last)
{
    if (*port->address6)
        printf("    %s  %s\n", last ? " " : "│", port->address6);
}

/* What of the host leads to the port, on a line of its own. */
static void draw_forwards(const struct tapnet_status_port *port, bool last)
{
    if (!port->forward_count)
        return;
    printf("    %s  %sforwards ", last ? " " : "│", style(STYLE_DIM));
    for (size_t i = 0; i < port->forward_count; i++)
        printf("%s%s", i ? ", " : "", port->forwards[i]);
    printf("%s\n", style(STYLE_PLAIN));
}

/* Where its guests leave; IPv6 is named where it has another way than IPv4, or none. */
static void draw_uplinks(const struct tapnet_status_network *network)
{
    bool nat = strcmp(network->mode, "nat") == 0;

    if (!*network->uplink && !nat)
        return;
    if (*network->uplink)
        printf("  %s (uplink)\n", network->uplink);
    else
        printf("  %sno uplink%s\n", style(STYLE_YELLOW), style(STYLE_PLAIN));
    if (nat && *network->subnet6 && !*network->uplink6)
        printf("  %sno uplink of IPv6%s\n", style(STYLE_DIM), style(STYLE_PLAIN));
    else if (nat && strcmp(network->uplink6, network->uplink) != 0 && *network->uplink6)
        printf("  %s (uplink of IPv6)\n", network->uplink6);
    printf("    │ %s\n", network->mode);
}

static void draw_network(const struct tapnet_status_network *network)
{
    struct widths widths = measure(network);

    draw_uplinks(network);
    printf("  %s%s%s  %s%s%s%s%snetwork %s of set %s, %s%s%s%s%s%s%s%s%s\n", style(STYLE_BOLD), network->bridge,
           style(STYLE_PLAIN), network->subnet, *network->subnet6 ? "  " : "", network->subnet6,
           *network->subnet ? "  " : "", style(network->served ? STYLE_DIM : STYLE_RED), network->name, network->set,
           network->mode, *network->inside ? ", clones that are all " : "", network->inside,
           *network->inside6 ? " and " : "", network->inside6, *network->inside ? " inside" : "",
           network->ports_see_each_other ? "" : ", ports do not see each other",
           network->host_open ? ", the host is open to it" : "",
           network->served ? "" : ", NOT SERVED: DHCP and DNS do not answer");
    fputs(style(STYLE_PLAIN), stdout);
    for (size_t i = 0; i < network->port_count; i++) {
        draw_port(&network->ports[i], &widths, i + 1 == network->port_count);
        draw_address6(&network->ports[i], i + 1 == network->port_count);
        draw_forwards(&network->ports[i], i + 1 == network->port_count);
    }
    putchar('\n');
}

/* How to plug into the first free port: the line to copy. */
static void draw_hint(const struct tapnet_status *status)
{
    const struct tapnet_status_network *network;

    for (size_t i = 0; (network = tapnet_status_network(status, i)); i++) {
        for (size_t j = 0; j < network->port_count; j++) {
            const struct tapnet_status_port *port = &network->ports[j];

            if (strcmp(port->state, "free") != 0)
                continue;
            printf("%sPlug a guest into %s/%s:%s\n", style(STYLE_DIM), network->name, port->name, style(STYLE_PLAIN));
            printf("  qemu-system-x86_64 ... -netdev tap,id=n0,ifname=%s,script=no,downscript=no \\\n"
                   "                         -device virtio-net-pci,netdev=n0,mac=%s\n",
                   port->device, port->mac);
            return;
        }
    }
}

static void draw_devices(const struct tapnet_status *status)
{
    const struct tapnet_status_device *device;

    for (size_t i = 0; (device = tapnet_status_device(status, i)); i++) {
        printf("  %s%s%s  %s  %s  %sdevice of set %s%s  ", style(STYLE_BOLD), device->name, style(STYLE_PLAIN),
               device->kind, *device->addresses ? device->addresses : "no address", style(STYLE_DIM), device->set,
               style(STYLE_PLAIN));
        if (device->holder_pid)
            printf("%s (%d)\n", device->holder, device->holder_pid);
        else
            printf("%s\n", device->state);
    }
    if (tapnet_status_device_count(status))
        putchar('\n');
}

#define PROBLEMS_SHOWN 20

static void draw_keeper(const struct tapnet_status *status)
{
    fputs(style(STYLE_DIM), stdout);
    if (tapnet_status_keeper(status))
        printf("keeper (%d): what others take away is put back", tapnet_status_keeper(status));
    else
        printf("no keeper: what others take away stays away until `tapnet up`");
    printf("%s\n", style(STYLE_PLAIN));
}

static int draw(const struct tapnet_status *status)
{
    const struct tapnet_status_network *network;
    const char *problem;

    for (size_t i = 0; (network = tapnet_status_network(status, i)); i++)
        draw_network(network);
    draw_devices(status);
    if (!tapnet_status_network_count(status) && !tapnet_status_device_count(status) &&
        !tapnet_status_problem_count(status))
        puts("nothing is up");
    else
        draw_keeper(status);
    for (size_t i = 0; (problem = tapnet_status_warning(status, i)); i++)
        printf("%s!%s %s\n", style(STYLE_YELLOW), style(STYLE_PLAIN), problem);
    for (size_t i = 0; i < PROBLEMS_SHOWN && (problem = tapnet_status_problem(status, i)); i++)
        printf("%s✗%s %s\n", style(STYLE_RED), style(STYLE_PLAIN), problem);
    if (tapnet_status_problem_count(status) > PROBLEMS_SHOWN)
        printf("  and %zu more (--json has all)\n", tapnet_status_problem_count(status) - PROBLEMS_SHOWN);
    if (tapnet_status_problem_count(status))
        puts("`tapnet up FILE` mends it");
    else
        draw_hint(status);
    return tapnet_status_problem_count(status) ? EXIT_FAILED : EXIT_DONE;
}

/* 0, or EXIT_USAGE with the mistake told. */
static int check_words(const struct arguments *arguments)
{
    const char *beside = arguments->guest          ? "guest"
                         : arguments->watch_status ? "watch"
                         : arguments->json         ? "json"
                                                   : NULL;

    if (arguments->as && !arguments->guest)
        fputs("tapnet status: --as says how --guest PORT is printed: name a port\n", stderr);
    else if (arguments->libvirt && beside)
        fprintf(stderr, "tapnet status: --libvirt prints XML and nothing else: leave out --%s\n", beside);
    else if (arguments->guest && arguments->watch_status)
        fputs("tapnet status: --guest and --watch: only one of them\n", stderr);
    else if (arguments->interval && !arguments->watch_status)
        fputs("tapnet status: --interval is of --watch: say that, too\n", stderr);
    else
        return 0;
    return EXIT_USAGE;
}

/*
 * What another tapnet has half done is no problem of the host's: as long as one is at work, another look may find none,
 * and so it may where one began and ended during the first. The keeper is one when it makes the ports of a pool.
 */
static int look(struct tapnet *tapnet, const char *operand, struct tapnet_status **ret, struct tapnet_error *error)
{
    const struct timespec pause = {.tv_nsec = BUSY_PAUSE_NSEC};
    const uint64_t end = terminal_now() + BUSY_NSEC;

    for (bool first = true;; first = false) {
        bool busy = tapnet_busy(tapnet);
        int result = session_look(tapnet, operand, ret, error);

        busy = first || busy || tapnet_busy(tapnet);
        if (result < 0 || !tapnet_status_problem_count(*ret) || terminal_now() > end || !busy)
            return result;
        tapnet_status_free(*ret);
        nanosleep(&pause, NULL);
    }
}

int run_status(const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_status *status = NULL;
    struct tapnet *tapnet;
    char *text = NULL;
    int result;

    result = check_words(arguments);
    if (!result)
        result = session_open(&tapnet);
    if (result)
        return result;
    if (arguments->watch_status) {
        result = watch_status(tapnet, arguments);
        tapnet_free(tapnet);
        return result;
    }
    result = look(tapnet, arguments->operand, &status, &error);
    tapnet_free(tapnet);
    if (result < 0)
        return session_refuse_look(&error, result, arguments->operand);
    if (arguments->guest) {
        result = print_guest(status, arguments);
    } else if (arguments->libvirt) {
        result = print_libvirt(status, arguments);
    } else if (!arguments->json) {
        result = draw(status);
    } else if (tapnet_status_json(status, &text, &error) < 0) {
        result = session_fail(&error, EXIT_FAILED);
    } else {
        puts(text);
        result = tapnet_status_problem_count(status) ? EXIT_FAILED : EXIT_DONE;
    }
    free(text);
    tapnet_status_free(status);
    return result;
}
