/* SPDX-License-Identifier: MIT */
/* The tables of commands and options, and the parser that follows them. */
#include "command.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "suggest.h"

const struct option_row option_rows[] = {
    {"all", 'a', offsetof(struct arguments, all), "every set of this network namespace"},
    {"dry-run", 'n', offsetof(struct arguments, dry_run), "print what would be done, change nothing (as `plan` does)"},
    {"replace", 0, offsetof(struct arguments, replace), "take the place of a set of the same name from another file"},
    {"coexist", 0, offsetof(struct arguments, coexist),
     "yes to all that would be asked: let guests pass where another program's packet filter drops them"},
    {"no-keeper", 0, offsetof(struct arguments, no_keeper), "start no process that puts back what others take away"},
    {"fix", 0, offsetof(struct arguments, fix), "first put back what others took away of the sets that are up"},
    {"ipv6", '6', offsetof(struct arguments, ip6), "by IPv6; without it names, `host` and `outside` mean IPv4"},
    {"trace", 0, offsetof(struct arguments, trace),
     "also send such a packet, as if FROM, a port, had sent it, and follow it"},
    {"guest", 'g', offsetof(struct arguments, guest),
     "print what to tell the guest in PORT so that it needs no DHCP: commands to type, cloud-init's network-config, a "
     "file of systemd-networkd, a word of the kernel's command line. PORT is a port's name, NETWORK/PORT, or a device",
     "PORT"},
    {"as", 0, offsetof(struct arguments, as),
     "of these only one, ready for a file: `commands`, `cloud-init`, `networkd` or `kernel`", "FORM"},
    {"libvirt", 0, offsetof(struct arguments, libvirt),
     "print the `<interface>` of a libvirt domain: of PORT one that opens its device; of a network one by which a "
     "user's libvirt gets a new port of it",
     "PORT|NETWORK"},
    {"check", 0, offsetof(struct arguments, guard.check),
     "when the host's own uplink moves (mode bridge): what must answer a ping afterwards, or all goes back; the "
     "gateways of the default routes, when it is left out",
     "ADDRESS"},
    {"confirm", 0, offsetof(struct arguments, guard.confirm),
     "when the host's own uplink moves: ask then whether all is well, and go back unless the answer is yes within so "
     "long",
     "SECONDS"},
    {"queues", 0, offsetof(struct arguments, queues),
     "queues of the guest's network card: of a port that is made, else as many as it has at most", "NUMBER"},
    {"interval", 0, offsetof(struct arguments, interval),
     "from one look to the next; when it is left out 1, of `status` 2", "SECONDS"},
    {"once", 0, offsetof(struct arguments, once), "one look and one more after the interval, as --count 1"},
    {"watch", 0, offsetof(struct arguments, watch_status), "print what changes, as it does, until Ctrl-C"},
    {"rates", 0, offsetof(struct arguments, rates), "with what passes and is dropped, in the second that it takes"},
    {"svg", 0, offsetof(struct arguments, svg), "print SVG, for a file that browsers show"},
    {"for", 0, offsetof(struct arguments, vmm),
     "print what this program is told of its guest's network card, instead of JSON: `firecracker`, "
     "`cloud-hypervisor`, `crosvm` or `qemu`",
     "VMM", .command = "attach"},
    {"json", 'j', offsetof(struct arguments, json), "print JSON instead of text"},
    {"quiet", 'q', offsetof(struct arguments, quiet), "print errors only"},
    {"help", 'h', offsetof(struct arguments, help), "print this help"},
    {"version", 'V', offsetof(struct arguments, version), "print the version"},
#define DEVICE(member) offsetof(struct arguments, device.member)
    {"kind", 0, DEVICE(kind),
     "`tun` (IP packets) or `tap` (Ethernet frames); when it is left out, a TUN if the name "
     "begins with tun, else a TAP",
     "KIND"},
    {"owner", 0, DEVICE(owner),
     "user, by name or number, who may open it without being root; who made it, when "
     "neither owner nor group is given",
     "USER"},
    {"group", 0, DEVICE(group), "group that may open it; with an owner, both must fit", "GROUP"},
    {"for-anybody", 0, DEVICE(for_anybody), "no owner: every user of the host may open it"},
    {"multi-queue", 0, DEVICE(multi_queue), "it is for programs that open several queues"},
    {"mac", 0, DEVICE(mac), "MAC of the interface (the guest's end has another)", "MAC"},
    {"mtu", 0, DEVICE(mtu), "largest packet, in bytes", "BYTES"},
    {"queue-length", 0, DEVICE(queue_length), "packets that may wait for the program, in each queue", "PACKETS"},
    {"bridge", 0, DEVICE(bridge), "make it a port of BRIDGE", "BRIDGE"},
    {"no-bridge", 0, DEVICE(no_bridge), "take it out of its bridge"},
    {"address", 0, DEVICE(addresses),
     "address with the length of its prefix, as 10.0.0.1/24; may be given several "
     "times",
     "ADDRESS", true},
    {"no-address", 0, DEVICE(removed_addresses), "remove this address; may be given several times", "ADDRESS", true},
    {"up", 0, DEVICE(up), "bring it up"},
    {"down", 0, DEVICE(down), "take it down"},
    {"carrier", 0, DEVICE(carrier),
     "whether it counts as plugged in: `on` or `off`; on needs a program that holds "
     "it",
     "STATE"},
    {"persistent", 0, DEVICE(persistent), "whether it stays when nobody holds it: `on` or `off`", "STATE"},
    {"link-type", 0, DEVICE(link_type), "hardware type, ARPHRD_* of linux/if_arp.h; only while it is down", "NUMBER"},
    {"index", 0, DEVICE(index), "interface index that the new device shall have", "NUMBER"},
    {"packet-information", 0, DEVICE(packet_information), "a struct tun_pi stands before each packet"},
    {"vnet-header", 0, DEVICE(vnet_header), "a struct virtio_net_hdr stands before each packet"},
    {"vnet-header-size", 0, DEVICE(vnet_header_size), "its size: 10, 12, ...", "BYTES"},
    {"byte-order", 0, DEVICE(byte_order), "its byte order: `native`, `little` or `big`", "ORDER"},
    {"offloads", 0, DEVICE(offloads),
     "what the program takes unfinished: a list out of csum, tso4, tso6, ecn, ufo, "
     "uso4, uso6, tunnel, tunnel-csum, or `none`",
     "LIST"},
    {"send-buffer", 0, DEVICE(send_buffer), "bytes written by the program that may be under way; 0: no limit", "BYTES"},
    {"netns", 0, DEVICE(netns), "in this network namespace: a name of `ip netns`, or a path", "NETNS"},
    {"force", 'f', DEVICE(force),
     "also what is somebody else's: a device that was not made by `device add`, that somebody holds, or that is a "
     "set's, and a set's bridge; of `up`, an uplink that programs are bound to"},
#undef DEVICE
    {"answer", 0, offsetof(struct arguments, watch.answer),
     "answer as whoever is asked for: a list out of arp, ping, ndp", "LIST"},
    {"guest-mac", 0, offsetof(struct arguments, watch.guest_mac),
     "MAC of whoever answers on a TAP; on a port of a network the one that `status` shows, since no other is let "
     "through; made up when it is left out",
     "MAC"},
    {"count", 'c', offsetof(struct arguments, watch.count),
     "end after so many packets; of `top`, when so many looks were shown", "NUMBER"},
    {"for", 0, offsetof(struct arguments, watch.duration), "end after so long", "SECONDS", .command = "watch"},
    {"write", 'w', offsetof(struct arguments, watch.write),
     "write what arrives, and what is sent, to FILE as pcapng, for tcpdump and Wireshark; `-` is standard output, the "
     "text goes to standard error then",
     "FILE"},
    {"replay", 'r', offsetof(struct arguments, watch.replay),
     "send the packets of FILE, pcapng or pcap, to the host, with the pauses that they had", "FILE"},
    {"fast", 0, offsetof(struct arguments, watch.fast), "replay without the pauses"},
};
const size_t option_row_count = sizeof(option_rows) / sizeof(option_rows[0]);

static const char *const up_options[] = {"dry-run", "replace", "coexist", "no-keeper", "check", "confirm",
                                         "force",   "json",    "quiet",   "help",      NULL};
static const char *const plan_options[] = {"dry-run", "replace", "coexist", "force", "json", "help", NULL};
static const char *const down_options[] = {"all", "dry-run", "check", "confirm", "json", "quiet", "help", NULL};
static const char *const status_options[] = {"guest", "as", "libvirt", "watch", "interval", "json", "help", NULL};
static const char *const top_options[] = {"interval", "count", "once", "json", "help", NULL};
static const char *const graph_options[] = {"rates", "svg", "help", NULL};
static const char *const doctor_options[] = {"fix", "json", "help", NULL};
static const char *const why_options[] = {"ipv6", "trace", "json", "help", NULL};
static const char *const run_options[] = {"queues", "no-keeper", "quiet", "help", NULL};
static const char *const attach_options[] = {"for", "queues", "dry-run", "json", "no-keeper", "help", NULL};
static const char *const detach_options[] = {"dry-run", "json", "quiet", "help", NULL};
static const char *const group_options[] = {"help", NULL};
static const char *const add_options[] = {
    "kind",         "owner",  "group",   "for-anybody", "multi-queue", "mac",   "mtu",
    "queue-length", "bridge", "address", "up",          "link-type",   "index", "packet-information",
    "vnet-header",  "force",  "netns",   "json",        "quiet",       "help",  NULL};
static const char *const del_options[] = {"force", "netns", "quiet", "help", NULL};
static const char *const set_options[] = {"owner",      "group",     "mac",         "mtu",        "queue-length",
                                          "bridge",     "no-bridge", "address",     "no-address", "up",
                                          "down",       "carrier",   "persistent",  "link-type",  "vnet-header-size",
                                          "byte-order", "offloads",  "send-buffer", "force",      "netns",
                                          "quiet",      "help",      NULL};
static const char *const show_options[] = {"netns", "json", "help", NULL};

static const char *const watch_options[] = {"answer", "guest-mac", "write", "replay", "fast", "count", "for",
                                            "kind",   "address",   "netns", "quiet",  "help", NULL};

static const struct command device_commands[] = {
    {"device add", "[NAME]", "make a TUN or TAP that stays",
     "Makes a device that stays until it is deleted, and prints its name. NAME may be a pattern, as in tap%d; left "
     "out, it is tap%d or tun%d. A device of that name must not exist. Programs that open it later set the packet "
     "format that they want.",
     add_options, run_device_add, NULL, 0},
    {"device del", "NAME", "delete a device that `device add` made",
     "Deletes the device, unless somebody holds it or somebody else made it; --force deletes it all the same.",
     del_options, run_device_del, NULL, 0},
    {"device set", "NAME", "change a device, all of it or nothing",
     "Changes any TUN or TAP of the host, held or not. What only its holder could change (owner, persistence, offloads "
     "and the like) is changed by the holder's own descriptor. An owner or a group can be changed, but not be taken "
     "away. What belongs to a set is changed in the set's file; --force changes it here, until the keeper or the next "
     "`up` puts it right.",
     set_options, run_device_set, NULL, 0},
    {"device show", "[NAME]", "list every TUN and TAP of the host",
     "Shows each device, whoever made it: kind, state, MAC, MTU, bridge, addresses, who holds it, traffic as the host "
     "sees it. With NAME all that is known of one.",
     show_options, run_device_show, NULL, 0},
};

const struct command commands[] = {
    {"up", "[FILE]", "bring the host to what FILE describes, or change nothing",
     "Reads FILE (default: tapnet.yaml here; a bare name NAME also means /etc/tapnet/NAME.yaml), compares "
     "it with what the kernel has, and makes, changes and removes what differs. Only the set that FILE "
     "declares is looked at. When a step fails, or on Ctrl-C, all before it is undone. Returns when guests are "
     "served: DHCP and DNS answer. A set that is up from another file of the same name, which is still there and "
     "says something else, is not replaced unless --replace says so.",
     up_options, run_up},
    {"plan", "[FILE]", "print what `up` would do, change nothing",
     "Prints one line for each step: + made, ~ changed (with the reason), - removed; then, of the guests that are "
     "plugged in, who must be started again, who has to learn something, and how many go on as they are. Exits with 0 "
     "when nothing is to do, and with 3 when something is.",
     plan_options, run_plan},
    {"down", "[FILE|SET]", "take a set away without a trace",
     "Removes the set that FILE declares, or the set named SET, or with --all every set of this network "
     "namespace: links, addresses, nftables elements and tables, sysctls, files, processes. FILE need not "
     "be valid any more: its name is enough. The set of a file that is not up is down already: that is no failure. "
     "A name that is neither up nor a file's is a mistake.",
     down_options, run_down},
    {"status", "[NAME|FILE]", "show networks, ports, who is plugged in, and what is not as it should be",
     "Draws every network with its ports: the device, the guest's MAC and address, who holds the device, "
     "traffic. With NAME only the set or the network of that name, with FILE the set that it declares. Exits with 0 "
     "when all is as it was brought up, else with 1 and the differences. With --watch what is plugged in, goes, comes, "
     "is dropped or is not as it should be follows as lines, until what was named is taken down.",
     status_options, run_status},
    {"top", "[NAME|FILE]", "what passes at each port, what is dropped there, and why, a second",
     "Shows all ports, or those of the set or network NAME, again and again: bits and packets a second as the guests "
     "see it (in is what they receive), and packets that were dropped, by reason: `late`, the guest did not take "
     "them in time; `frames`, it sent what is not its own (another MAC or address, another protocol), or too much; "
     "`arp`, the same of ARP in a routed network; `ways`, it may not go there; `connections`, it has too many. On a "
     "terminal it fills the screen: s sorts by traffic, drops or name, space stops and goes on, q ends. Else, or "
     "with --count, each look is a line for each port, in whole numbers.",
     top_options, run_top, NULL, 0},
    {"graph", "[NAME|FILE]", "draw the networks, as text or as SVG",
     "Draws the uplinks, bridges, ports and guests of all networks, or of the set or network NAME, and the devices "
     "that belong to none, with addresses and states: as text no wider than the terminal, or with --svg as a picture "
     "that needs no other file and is fit for light and dark pages. Where a network has many ports, those that look "
     "alike are one box. Exits with 0, also when not all is as it was brought up; the picture says so then.",
     graph_options, run_graph, NULL, 0},
    {"run", "[NETWORK[/PORT]]", "plug a guest in: start a command with an open port, unplug when it ends",
     "Starts the command behind -- with a port's TAP open. In its arguments {fd} stands for the descriptor ({fds} for "
     "those of several queues, with colons between them), {device} for the TAP's name, {mac} for the MAC and {address} "
     "for the address that the guest shall have; a command that is given {device} and no {fd} opens it by that name. "
     "A qemu-system-* that is told of no network card gets one: a -netdev, with vhost where the host has it, and a "
     "-device. PORT is one that is there, or a new one of that name; without "
     "it there is a new one, vm1, vm2 and so on. A new port goes when the command has ended, in whatever way, or, when "
     "the command leaves somebody who holds the device, with that. When no network is named it is the only one that is "
     "up; when none is up, one is made for the time of the command, named default, in mode nat. Signals are handed on. "
     "Exits as the command does, with 128 and the signal's number when one has ended it; with 126 or 127 when the "
     "command can't be run or is not there, with 125 when there is no port for it, and with 2 when no such network is "
     "up, or a word makes no sense.",
     run_options, run_run, NULL, 0, 0, true},
    {"attach", "[NETWORK[/PORT]]", "make a port, or look at one, and print as JSON what a guest needs",
     "Prints device, MAC, addresses, gateway, DNS and MTU of a port. PORT is one that is there, or a new one of that "
     "name; without it there is a new one, vm1, vm2 and so on. Whoever is root may open the device by its name. A new "
     "port stays until `detach` or `down`. JSON is printed in any case but with --for; --json is for --dry-run, which "
     "prints what would be done.",
     attach_options, run_attach, NULL, 0},
    {"detach", "NETWORK/PORT", "take a port away that `attach` made",
     "Takes the port away without a trace; whoever holds its device has no network any more. What a file declares "
     "stays.",
     detach_options, run_detach, NULL, 0},
    {"doctor", NULL, "what on this host is missing or in the way, and the command that mends it",
     "Looks at the host: at what is up, and at what would be in the way of more. Each finding says what there is, what "
     "follows from it for guests, and the command that mends it. Nothing is changed, unless --fix says so: then what "
     "belongs to the sets that are up is put back first, each step printed; other programs' settings are left to you. "
     "Exits with 0 when nothing is wrong (there may be notes), else with 1.",
     doctor_options, run_doctor},
    {"why", "FROM TO ...", "follow a packet through the host, and name what stops it",
     "FROM and TO are ports of networks (web, web.lab, lab/web), addresses, host, or outside; PROTOCOL is tcp or udp "
     "with the PORT of TO, or icmp. With an address of IPv6, or with -6, the packet is an IPv6 one. The way is worked "
     "out from what the kernel tells: nothing is changed, and nothing sent but an ARP request or a neighbour "
     "solicitation. Each step passes, or stops the packet, or can't be seen; what stops it is named with the command "
     "that mends it. Where the packet arrives, the way of the answer follows. With --trace one packet is tried, too. "
     "Exits with 0 when nothing stops the packet or its answer, else with 1.",
     why_options, run_why, NULL, 0, 4},
    {"device", "COMMAND", "single TUN and TAP devices: add, del, set, show",
     "Makes, deletes, changes and lists TUN and TAP devices one by one: with any right that a descriptor or netlink "
     "gives, and without a file. What is made here belongs to no set: `up` and `down` leave it alone.",
     group_options, NULL, device_commands, sizeof(device_commands) / sizeof(device_commands[0])},
    {"watch", "DEVICE", "be the program at the other end of a TUN or TAP: print what arrives, answer it",
     "Opens DEVICE and prints a line for each packet that the host sends into it, in the words of tcpdump, and at the "
     "end what it was. A device that is not there is made, with the addresses of --address, and goes with the watch. "
     "With --answer what asks for an address is answered as if somebody lived there; on a TAP the host asks by arp or "
     "ndp before it pings. A file to --replay is looked through before DEVICE is opened; when all of it is sent, the "
     "watch goes on.",
     watch_options, run_watch, NULL, 0},
};
const size_t command_count = sizeof(commands) / sizeof(commands[0]);

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

const struct command *command_find_in(const struct command *group, const char *name)
{
    size_t prefix = strlen(group->name) + 1; /* "device " */

    for (size_t i = 0; i < group->group_count; i++)
        if (strcmp(group->group[i].name + prefix, name) == 0)
            return &group->group[i];
    return NULL;
}

const struct option_row *option_find(const struct command *command, const char *name, size_t len)
{
    for (const struct option_row *row = option_rows; row < option_rows + option_row_count; row++)
        if (strlen(row->name) == len && memcmp(row->name, name, len) == 0 &&
            (!row->command || strcmp(row->command, command->name) == 0))
            return row;
    return NULL;
}

static const struct option_row *option_find_letter(char letter)
{
    for (size_t i = 0; i < option_row_count; i++)
        if (letter && option_rows[i].letter == letter)
            return &option_rows[i];
    return NULL;
}

static bool takes_option(const struct command *command, const struct option_row *row)
{
    for (const char *const *name = command->options; row && *name; name++)
        if (strcmp(*name, row->name) == 0)
            return true;
    return false;
}

static int set_value(const struct command *command, const struct option_row *row, const char *value,
                     struct arguments *arguments)
{
    void *member = (char *)arguments + row->offset;
    struct words *words = member;
    const char **single = member;

    if (!value) {
        fprintf(stderr, "tapnet %s: --%s needs a value: --%s %s\n", command->name, row->name, row->name, row->value);
        return EXIT_USAGE;
    }
    if (row->repeated ? words->count == WORDS_MAX : *single != NULL) {
        fprintf(stderr, "tapnet %s: --%s is there %s\n", command->name, row->name,
                row->repeated ? "too often" : "twice");
        return EXIT_USAGE;
    }
    if (row->repeated)
        words->items[words->count++] = value;
    else
        *single = value;
    return 0;
}

/* @word is how the option was typed, @value what stands behind it, or NULL. */
static int set_option(const struct command *command, const struct option_row *row, const char *word, const char *value,
                      struct arguments *arguments)
{
    if (!row || !takes_option(command, row)) {
        const char *meant = strncmp(word, "--", 2) == 0 ? suggest_option(command->options, word + 2) : NULL;

        fprintf(stderr, "tapnet %s: unknown option %s; %s%s%s`tapnet %s --help` lists them\n", command->name, word,
                meant ? "did you mean --" : "", meant ? meant : "", meant ? "? " : "", command->name);
        return EXIT_USAGE;
    }
    if (row->value)
        return set_value(command, row, value, arguments);
    if (value) {
        fprintf(stderr, "tapnet %s: --%s has no value\n", command->name, row->name);
        return EXIT_USAGE;
    }
    *(bool *)((char *)arguments + row->offset) = true;
    return 0;
}

/* "-nq"; the last letter may have a value, in the same word ("-c4") or in @next, as parse_long(). */
static int parse_letters(const struct command *command, const char *word, const char *next, struct arguments *arguments,
                         bool *ret_taken)
{
    for (const char *letter = word + 1; *letter; letter++) {
        const struct option_row *row = option_find_letter(*letter);
        const char *value = row && row->value && letter[1] ? letter + 1 : NULL;
        int result;

        *ret_taken = row && row->value && !value && next;
        result = set_option(command, row, word, *ret_taken ? next : value, arguments);
        if (result || value)
            return result;
    }
    return 0;
}

/* "; usage: tapnet run [OPTION...] [NETWORK[/PORT]] -- COMMAND [ARGUMENT...]", behind what is wrong. EXIT_USAGE. */
static int end_mistake(const struct command *command)
{
    fprintf(stderr, "; usage: tapnet %s [OPTION...]%s%s%s\n", command->name, command->operand ? " " : "",
            command->operand ? command->operand : "", command->takes_command ? " -- COMMAND [ARGUMENT...]" : "");
    return EXIT_USAGE;
}

static int parse_operand(const struct command *command, const char *word, struct arguments *arguments)
{
    struct words *more = &arguments->operands;

    if (arguments->operand && more->count + 1 < command->operand_max) {
        more->items[more->count++] = word;
        return 0;
    }
    if (!command->operand || arguments->operand) {
        fprintf(stderr, "tapnet %s: one word too many%s: '%s'", command->name,
                command->takes_command ? " before --" : "", word);
        return end_mistake(command);
    }
    arguments->operand = word;
    return 0;
}

/*
 * "--name", "--name=value", or "--name" with its value in @next (NULL: there is no next word). *ret_taken: was that
 * one taken?
 */
static int parse_long(const struct command *command, const char *word, const char *next, struct arguments *arguments,
                      bool *ret_taken)
{
    size_t length = strcspn(word + 2, "=");
    const struct option_row *row = option_find(command, word + 2, length);
    const char *value = word[2 + length] ? word + 2 + length + 1 : NULL;

    *ret_taken = row && row->value && !value && next;
    return set_option(command, row, word, *ret_taken ? next : value, arguments);
}

static int check_command(const struct command *command, const struct arguments *arguments)
{
    bool missing = !arguments->command || !arguments->command[0];

    if (arguments->help || !command->takes_command || (!missing && *arguments->command[0]))
        return 0;
    fprintf(stderr, "tapnet %s: the command %s", command->name,
            missing ? "is missing" : "behind -- is an empty word, ''");
    return end_mistake(command);
}

static int check_operand(const struct command *command, const struct arguments *arguments)
{
    if (arguments->help || arguments->operand || !command->operand || command->operand[0] == '[')
        return 0;
    fprintf(stderr, "tapnet %s: %s is missing", command->name, command->operand);
    return end_mistake(command);
}

int command_parse(const struct command *command, int count, char **words, struct arguments *ret)
{
    struct arguments arguments = {0};
    bool options_end = false;

    for (int i = 0; i < count; i++) {
        const char *word = words[i], *next = i + 1 < count ? words[i + 1] : NULL;
        bool taken = false;
        int result;

        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
            if (!command->takes_command)
                continue;
            arguments.command = words + i + 1;
            break;
        }
        if (!options_end && strncmp(word, "--", 2) == 0)
            result = parse_long(command, word, next, &arguments, &taken);
        else if (!options_end && word[0] == '-' && word[1])
            result = parse_letters(command, word, next, &arguments, &taken);
        else
            result = parse_operand(command, word, &arguments);
        if (result)
            return result;
        i += taken;
    }
    *ret = arguments;
    return check_operand(command, &arguments) || check_command(command, &arguments) ? EXIT_USAGE : 0;
}
