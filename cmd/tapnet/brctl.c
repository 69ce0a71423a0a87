/* SPDX-License-Identifier: MIT */
/* brctl: the subcommands, output, messages and exit codes of bridge-utils, on <tapnet/bridge.h>. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tapnet/bridge.h>

#include "personality.h"

/*
 * How it works: scripts read what brctl prints and compare its exit codes, so both are what they have always been: 1
 * for every failure, help on standard output, odd spellings included. tests/compat runs Debian's brctl beside it.
 */

#define BRCTL_VERSION "bridge-utils, 1.7"
#define CSEC_PER_SEC 100
#define SECONDS_END 9e16 /* so that hundredths of it fit into 64 bits */

struct subcommand {
    const char *name;
    int least; /* words that must follow */
    int (*run)(int count, char **words);
    const char *help;
};

static const char *reason(int result)
{
    return strerror(-result);
}

/* ---- bridges and ports ---- */

static int run_addbr(int count, char **words)
{
    int result = tapnet_bridge_create(words[1], NULL);

    (void)count;
    if (result == -EEXIST)
        fprintf(stderr, "device %s already exists; can't create bridge with the same name\n", words[1]);
    else if (result < 0)
        fprintf(stderr, "add bridge failed: %s\n", reason(result));
    return result < 0;
}

static int run_delbr(int count, char **words)
{
    int result = tapnet_bridge_delete(words[1], NULL);

    (void)count;
    if (result == -ENXIO)
        fprintf(stderr, "bridge %s doesn't exist; can't delete it\n", words[1]);
    else if (result == -EBUSY)
        fprintf(stderr, "bridge %s is still up; can't delete it\n", words[1]);
    else if (result < 0)
        fprintf(stderr, "can't delete bridge %s: %s\n", words[1], reason(result));
    return result < 0;
}

/* Which of the two is missing. */
static void complain_missing(const char *bridge, const char *port)
{
    if (if_nametoindex(port) == 0)
        fprintf(stderr, "interface %s does not exist!\n", port);
    else
        fprintf(stderr, "bridge %s does not exist!\n", bridge);
}

static int add_port(const char *bridge, const char *port)
{
    int result = tapnet_bridge_add_port(bridge, port, NULL);

    if (result == -ENODEV)
        complain_missing(bridge, port);
    else if (result == -EBUSY)
        fprintf(stderr, "device %s is already a member of a bridge; can't add it to bridge %s.\n", port, bridge);
    else if (result == -ELOOP)
        fprintf(stderr, "device %s is a bridge device itself; can't add a bridge device to a bridge device.\n", port);
    else if (result < 0)
        fprintf(stderr, "can't add %s to bridge %s: %s\n", port, bridge, reason(result));
    return result < 0;
}

static int remove_port(const char *bridge, const char *port)
{
    int result = tapnet_bridge_remove_port(bridge, port, NULL);

    if (result == -ENODEV)
        complain_missing(bridge, port);
    else if (result == -EINVAL)
        fprintf(stderr, "device %s is not a port of %s\n", port, bridge);
    else if (result < 0)
        fprintf(stderr, "can't delete %s from %s: %s\n", port, bridge, reason(result));
    return result < 0;
}

/* As many ports as are named, up to the first that fails. */
static int run_addif(int count, char **words)
{
    int failed = 0;

    for (int i = 2; i < count && !failed; i++)
        failed = add_port(words[1], words[i]);
    return failed;
}

static int run_delif(int count, char **words)
{
    int failed = 0;

    for (int i = 2; i < count && !failed; i++)
        failed = remove_port(words[1], words[i]);
    return failed;
}

/* ---- setting ---- */

/* "on", "yes", "1" and their opposites. */
static bool parse_switch(const char *text, uint32_t *ret)
{
    bool on = !strcmp(text, "on") || !strcmp(text, "yes") || !strcmp(text, "1");

    if (!on && strcmp(text, "off") != 0 && strcmp(text, "no") != 0 && strcmp(text, "0") != 0) {
        fputs("expect on/off for argument\n", stderr);
        return false;
    }
    *ret = on;
    return true;
}

static int set_bridge(const char *bridge, enum tapnet_bridge_option option, uint32_t value, const char *what)
{
    int result = tapnet_bridge_set(bridge, option, value, NULL);

    if (result < 0)
        fprintf(stderr, "set %s failed: %s\n", what, reason(result));
    return result < 0;
}

/* Seconds, with a fraction; what follows the number is not looked at. */
static int set_time(char **words, enum tapnet_bridge_option option, const char *what, const char *value_name)
{
    char *end;
    double seconds = strtod(words[2], &end), whole;
    int64_t csec;

    if (end == words[2]) {
        fprintf(stderr, "bad %s value\n", value_name);
        return 1;
    }
    if (!(fabs(seconds) < SECONDS_END))
        seconds = 0; /* infinity, and what is none */
    /* Cut twice, to microseconds and to hundredths: 12.34 is 12.33, as it has always been. */
    csec = (int64_t)(modf(seconds, &whole) * 1e6) / (1000000 / CSEC_PER_SEC);
    csec += (int64_t)whole * CSEC_PER_SEC;
    return set_bridge(words[1], option, (uint32_t)csec, what);
}

static int run_setageing(int count, char **words)
{
    (void)count;
    return set_time(words, TAPNET_BRIDGE_AGEING_TIME, "ageing time", "ageing time");
}

static int run_setfd(int count, char **words)
{
    (void)count;
    return set_time(words, TAPNET_BRIDGE_FORWARD_DELAY, "forward delay", "forward delay");
}

static int run_sethello(int count, char **words)
{
    (void)count;
    return set_time(words, TAPNET_BRIDGE_HELLO_TIME, "hello timer", "hello timer");
}

static int run_setmaxage(int count, char **words)
{
    (void)count;
    return set_time(words, TAPNET_BRIDGE_MAX_AGE, "max age", "max age");
}

/* Decimal, 0x... or 0...; what follows the number is not looked at. */
static bool parse_number(const char *text, const char *complaint, uint32_t *ret)
{
    char *end;
    long value = strtol(text, &end, 0);

    if (end == text) {
        fprintf(stderr, "%s\n", complaint);
        return false;
    }
    *ret = (uint32_t)value;
    return true;
}

static int run_setbridgeprio(int count, char **words)
{
    uint32_t value;

    (void)count;
    if (!parse_number(words[2], "bad priority", &value))
        return 1;
    /* 65536 is 0, as it has always been. */
    return set_bridge(words[1], TAPNET_BRIDGE_PRIORITY, (uint16_t)value, "bridge priority");
}

static int run_stp(int count, char **words)
{
    uint32_t on;

    (void)count;
    return !parse_switch(words[2], &on) || set_bridge(words[1], TAPNET_BRIDGE_STP, on, "stp status");
}

/* The bridge is looked at only when the port has refused: an older request was tried on it then, and is told of. */
static const char *port_reason(const char *bridge, int result)
{
    struct tapnet_bridge found;
    int looked = if_nametoindex(bridge) ? tapnet_bridge_get(bridge, &found, NULL) : -ENODEV;

    return reason(result != -ENODEV && looked < 0 ? looked : result);
}

static int set_port(char **words, enum tapnet_bridge_port_option option, const char *what, const char *complaint)
{
    uint32_t value;
    int result;

    if (!parse_number(words[3], complaint, &value))
        return 1;
    result = tapnet_bridge_port_set(words[2], option, value, NULL);
    if (result < 0)
        fprintf(stderr, "set %s failed: %s\n", what, port_reason(words[1], result));
    return result < 0;
}

static int run_setpathcost(int count, char **words)
{
    (void)count;
    return set_port(words, TAPNET_BRIDGE_PORT_PATH_COST, "path cost", "bad path cost value");
}

static int run_setportprio(int count, char **words)
{
    (void)count;
    return set_port(words, TAPNET_BRIDGE_PORT_PRIORITY, "port priority", "bad path priority value");
}

static int run_hairpin(int count, char **words)
{
    const char *bridge = words[1], *port = words[2];
    uint32_t on;
    int result;

    (void)count;
    if (!parse_switch(words[3], &on))
        return 1;
    if (if_nametoindex(port) == 0 || if_nametoindex(bridge) == 0) {
        complain_missing(bridge, port);
        return 1;
    }
    result = tapnet_bridge_port_set(port, TAPNET_BRIDGE_PORT_HAIRPIN, on, NULL);
    if (result < 0)
        fprintf(stderr, "can't set %s to hairpin on bridge %s: %s\n", port, bridge, port_reason(bridge, result));
    return result < 0;
}

/* ---- showing ---- */

static void print_id(const struct tapnet_bridge_id *id)
{
    printf("%.2x%.2x.%.2x%.2x%.2x%.2x%.2x%.2x", id->priority[0], id->priority[1], id->mac[0], id->mac[1], id->mac[2],
           id->mac[3], id->mac[4], id->mac[5]);
}

static void print_time(uint64_t csec)
{
    printf("%4i.%.2i", (int)(csec / CSEC_PER_SEC), (int)(csec % CSEC_PER_SEC));
}

/* Tab-separated columns: @label, the time. */
static void print_timed(const char *label, uint64_t csec)
{
    fputs(label, stdout);
    print_time(csec);
}

static int complain_bridge(const char *name, int result)
{
    if (result == -ENODEV)
        fprintf(stderr, "bridge %s does not exist!\n", name);
    else
        fprintf(stderr, "device %s is not a bridge!\n", name);
    return 1;
}

static void show_bridge(const struct tapnet_bridge *bridge, bool *header)
{
    struct tapnet_bridge_port *ports = NULL;
    size_t count = 0;

    if (!*header)
        puts("bridge name\tbridge id\t\tSTP enabled\tinterfaces");
    *header = true;
    printf("%s\t\t", bridge->name);
    print_id(&bridge->id);
    printf("\t%s\t\t", bridge->stp ? "yes" : "no");
    tapnet_bridge_ports(bridge->name, &ports, &count, NULL); /* gone meanwhile: it has none */
    for (size_t i = 0; i < count; i++)
        printf("%s%s", i ? "\n\t\t\t\t\t\t\t" : "", ports[i].name);
    putchar('\n');
    free(ports);
}

static int show_all(void)
{
    struct tapnet_bridge *bridges = NULL;
    size_t count = 0;
    bool header = false;

    tapnet_bridge_list(&bridges, &count, NULL);
    for (size_t i = 0; i < count; i++)
        show_bridge(&bridges[i], &header);
    free(bridges);
    return 0;
}

static int run_show(int count, char **words)
{
    bool header = false;
    int failures = 0;

    if (count == 1)
        return show_all();
    for (int i = 1; i < count; i++) {
        struct tapnet_bridge bridge;
        int result = tapnet_bridge_get(words[i], &bridge, NULL);

        if (result < 0)
            failures += complain_bridge(words[i], result);
        else
            show_bridge(&bridge, &header);
    }
    return failures > 0;
}

static int run_showmacs(int count, char **words)
{
    struct tapnet_bridge_mac *macs;
    size_t mac_count;
    int result = tapnet_bridge_macs(words[1], &macs, &mac_count, NULL);

    (void)count;
    if (result < 0) {
        fprintf(stderr, "read of forward table failed: %s\n", reason(result));
        return 1;
    }
    puts("port no\tmac addr\t\tis local?\tageing timer");
    for (size_t i = 0; i < mac_count; i++) {
        const uint8_t *mac = macs[i].mac;

        printf("%3i\t%.2x:%.2x:%.2x:%.2x:%.2x:%.2x\t%s\t\t", macs[i].port, mac[0], mac[1], mac[2], mac[3], mac[4],
               mac[5], macs[i].local ? "yes" : "no");
        print_time(macs[i].age_csec);
        putchar('\n');
    }
    free(macs);
    return 0;
}

static void show_stp_bridge(const struct tapnet_bridge *bridge)
{
    printf("%s\n bridge id\t\t", bridge->name);
    print_id(&bridge->id);
    fputs("\n designated root\t", stdout);
    print_id(&bridge->root);
    printf("\n root port\t\t%4i\t\t\tpath cost\t\t%4i\n", bridge->root_port, (int)bridge->root_path_cost);
    print_timed(" max age\t\t", bridge->max_age_csec);
    print_timed("\t\t\tbridge max age\t\t", bridge->max_age_csec);
    print_timed("\n hello time\t\t", bridge->hello_time_csec);
    print_timed("\t\t\tbridge hello time\t", bridge->hello_time_csec);
    print_timed("\n forward delay\t\t", bridge->forward_delay_csec);
    print_timed("\t\t\tbridge forward delay\t", bridge->forward_delay_csec);
    print_timed("\n ageing time\t\t", bridge->ageing_time_csec);
    print_timed("\n hello timer\t\t", bridge->hello_timer_csec);
    print_timed("\t\t\ttcn timer\t\t", bridge->tcn_timer_csec);
    print_timed("\n topology change timer\t", bridge->topology_change_timer_csec);
    print_timed("\t\t\tgc timer\t\t", bridge->gc_timer_csec);
    printf("\n flags\t\t\t%s%s\n\n\n", bridge->topology_change ? "TOPOLOGY_CHANGE " : "",
           bridge->topology_change_detected ? "TOPOLOGY_CHANGE_DETECTED " : "");
}

static const char *state_name(enum tapnet_bridge_port_state state)
{
    switch (state) {
    case TAPNET_BRIDGE_PORT_DISABLED:
        return "disabled";
    case TAPNET_BRIDGE_PORT_LISTENING:
        return "listening";
    case TAPNET_BRIDGE_PORT_LEARNING:
        return "learning";
    case TAPNET_BRIDGE_PORT_FORWARDING:
        return "forwarding";
    case TAPNET_BRIDGE_PORT_BLOCKING:
        return "blocking";
    }
    return "<INVALID STATE>";
}

static void show_stp_port(const struct tapnet_bridge_port *port)
{
    printf("%s (%d)\n port id\t\t%.4x\t\t\tstate\t\t%15s\n designated root\t", port->name, port->number, port->id,
           state_name(port->state));
    print_id(&port->designated_root);
    printf("\tpath cost\t\t%4i\n designated bridge\t", (int)port->path_cost);
    print_id(&port->designated_bridge);
    print_timed("\tmessage age timer\t", port->message_age_timer_csec);
    printf("\n designated port\t%.4x", port->designated_port);
    print_timed("\t\t\tforward delay timer\t", port->forward_delay_timer_csec);
    printf("\n designated cost\t%4i", port->designated_cost);
    print_timed("\t\t\thold timer\t\t", port->hold_timer_csec);
    printf("\n flags\t\t\t%s%s", port->config_pending ? "CONFIG_PENDING " : "",
           port->topology_change_ack ? "TOPOLOGY_CHANGE_ACK " : "");
    if (port->hairpin)
        printf("\n hairpin mode\t\t%4i", 1);
    fputs("\n\n", stdout);
}

static int run_showstp(int count, char **words)
{
    struct tapnet_bridge_port *ports = NULL;
    struct tapnet_bridge bridge;
    size_t port_count = 0;
    int result = tapnet_bridge_get(words[1], &bridge, NULL);

    (void)count;
    if (result < 0)
        return complain_bridge(words[1], result);
    show_stp_bridge(&bridge);
    tapnet_bridge_ports(words[1], &ports, &port_count, NULL); /* gone meanwhile: it has none */
    for (size_t i = 0; i < port_count; i++)
        show_stp_port(&ports[i]);
    free(ports);
    return 0;
}

/* ---- the command line ---- */

static const struct subcommand subcommands[] = {
    {"addbr", 1, run_addbr, "<bridge>\t\tadd bridge"},
    {"delbr", 1, run_delbr, "<bridge>\t\tdelete bridge"},
    {"addif", 2, run_addif, "<bridge> <device>\tadd interface to bridge"},
    {"delif", 2, run_delif, "<bridge> <device>\tdelete interface from bridge"},
    {"hairpin", 3, run_hairpin, "<bridge> <port> {on|off}\tturn hairpin on/off"},
    {"setageing", 2, run_setageing, "<bridge> <time>\t\tset ageing time"},
    {"setbridgeprio", 2, run_setbridgeprio, "<bridge> <prio>\t\tset bridge priority"},
    {"setfd", 2, run_setfd, "<bridge> <time>\t\tset bridge forward delay"},
    {"sethello", 2, run_sethello, "<bridge> <time>\t\tset hello time"},
    {"setmaxage", 2, run_setmaxage, "<bridge> <time>\t\tset max message age"},
    {"setpathcost", 3, run_setpathcost, "<bridge> <port> <cost>\tset path cost"},
    {"setportprio", 3, run_setportprio, "<bridge> <port> <prio>\tset port priority"},
    {"show", 0, run_show, "[ <bridge> ]\t\tshow a list of bridges"},
    {"showmacs", 1, run_showmacs, "<bridge>\t\tshow a list of mac addrs"},
    {"showstp", 1, run_showstp, "<bridge>\t\tshow bridge stp info"},
    {"stp", 2, run_stp, "<bridge> {on|off}\tturn stp on/off"},
};

#define SUBCOMMAND_COUNT (sizeof(subcommands) / sizeof(subcommands[0]))

static int print_help(int code)
{
    puts("Usage: brctl [commands]\ncommands:");
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        printf("\t%-10s\t%s\n", subcommands[i].name, subcommands[i].help);
    return code;
}

static const struct subcommand *find_subcommand(const char *name)
{
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        if (strcmp(subcommands[i].name, name) == 0)
            return &subcommands[i];
    return NULL;
}

static int run_words(int count, char **words)
{
    const struct subcommand *subcommand = find_subcommand(words[0]);

    if (!subcommand) {
        fprintf(stderr, "never heard of command [%s]\n", words[0]);
        return print_help(1);
    }
    if (count < subcommand->least + 1) {
        printf("Incorrect number of arguments for command\nUsage: brctl %s %s\n", subcommand->name, subcommand->help);
        return 1;
    }
    return subcommand->run(count, words);
}

int brctl_main(int count, char **words)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
    int option;

    while ((option = getopt_long(count, words, "Vh", options, NULL)) != -1) {
        if (option == 'h')
            return print_help(0);
        if (option == 'V') {
            puts(BRCTL_VERSION);
            return 0;
        }
        fprintf(stderr, "Unknown option '%c'\n", option);
        return print_help(1);
    }
    return optind == count ? print_help(1) : run_words(count - optind, words + optind);
}
