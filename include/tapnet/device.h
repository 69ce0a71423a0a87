/* SPDX-License-Identifier: MIT */
/* TUN and TAP devices: open them, set them, look at them, pass them on. */
#ifndef TAPNET_DEVICE_H
#define TAPNET_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapnet/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A device is a network interface whose other end is a program: what the kernel sends out of the interface the program
 * reads, what the program writes the kernel receives. A TUN carries IP packets, a TAP Ethernet frames. Each queue is
 * one descriptor; each read() and write() is one packet. See tapnet-device(3) for the whole story.
 *
 * All functions return 0 or a negative errno and fill in @error, which may be NULL, with a sentence; outputs (ret_...)
 * are set only on success. Nothing here prints, exits, reads the environment or changes the calling thread's network
 * namespace. A device belongs to one thread at a time; its descriptors may be read and written by any.
 *
 * Where a function takes @netns, it is a descriptor of a network namespace (/proc/PID/ns/net, /run/netns/NAME) that
 * stays the caller's, or -1: the calling thread's own. Another one is entered by a thread that lives as long as the
 * call; that needs CAP_SYS_ADMIN here and there (-EPERM).
 */

/** Room for a device's name, with its NUL (IFNAMSIZ). */
#define TAPNET_DEVICE_NAME_MAX 16
/** So many queues a device has at most (MAX_TAP_QUEUES of the kernel). */
#define TAPNET_DEVICE_QUEUES_MAX 256
/** No user, no group. */
#define TAPNET_ID_NONE UINT32_MAX

enum tapnet_device_kind {
    TAPNET_TUN = 1, /**< IP packets (IFF_TUN) */
    TAPNET_TAP = 2, /**< Ethernet frames (IFF_TAP) */
};

/** How a device is opened. */
enum tapnet_device_flag {
    /** Made for several queues, even if one is opened now (IFF_MULTI_QUEUE); more than one queue implies it. */
    TAPNET_DEVICE_MULTI_QUEUE = 1 << 0,
    /** Four bytes (struct tun_pi) stand before each packet; without it none do (IFF_NO_PI). */
    TAPNET_DEVICE_PACKET_INFORMATION = 1 << 1,
    /** A struct virtio_net_hdr stands before each packet, behind the packet information (IFF_VNET_HDR). */
    TAPNET_DEVICE_VNET_HEADER = 1 << 2,
    /** What is written goes through NAPI, and is merged by GRO (IFF_NAPI). */
    TAPNET_DEVICE_NAPI = 1 << 3,
    /**
     * TAP: writev() builds fragments, for tests of the network stack (IFF_NAPI_FRAGS). Needs NAPI, and CAP_NET_ADMIN in
     * the first user namespace.
     */
    TAPNET_DEVICE_NAPI_FRAGS = 1 << 4,
    /** Its link does not count as plugged in until tapnet_device_set() says so (IFF_NO_CARRIER, TUNSETCARRIER). */
    TAPNET_DEVICE_NO_CARRIER = 1 << 5,
    /** It outlives its last descriptor (TUNSETPERSIST). One that is persistent already stays so without this. */
    TAPNET_DEVICE_PERSISTENT = 1 << 6,
    /** It must not exist yet, else -EEXIST (IFF_TUN_EXCL). */
    TAPNET_DEVICE_NEW = 1 << 7,
    /** It must exist already, else -ENODEV. */
    TAPNET_DEVICE_EXISTING = 1 << 8,
    /** Add queues to a device that others may hold, and leave its settings; without it such a device is -EBUSY. */
    TAPNET_DEVICE_JOIN = 1 << 9,
    /** Offloads that the kernel refuses are left out; tapnet_device_offloads() tells which are left. */
    TAPNET_DEVICE_OFFLOADS_OPTIONAL = 1 << 10,
    /** read() and write() never wait (O_NONBLOCK). */
    TAPNET_DEVICE_NONBLOCKING = 1 << 11,
    /** Bring the interface up. */
    TAPNET_DEVICE_UP = 1 << 12,
    /** Label it as made by tapnet, before it is persistent: see tapnet_device_delete(). */
    TAPNET_DEVICE_MARK = 1 << 13,
    /**
     * A persistent device shall be for anybody. The kernel lets every user of the host open one that has neither owner
     * nor group, so without this flag a device that gets neither is the caller's (geteuid()).
     */
    TAPNET_DEVICE_FOR_ANYBODY = 1 << 14,
    /**
     * With TAPNET_DEVICE_NEW: no address may have a subnet that overlaps one which the host has an address in or a
     * route to, else -EADDRINUSE: one of the two would be cut off. Default routes and others that lead everywhere (IPv4
     * shorter than /8, IPv6 than /16) do not count, nor do addresses that are alone in their subnet.
     */
    TAPNET_DEVICE_SPARE_SUBNETS = 1 << 15,
};

/** What the program takes from the kernel unfinished, as TUN_F_* of linux/if_tun.h. All need a vnet header. */
enum tapnet_offload {
    TAPNET_OFFLOAD_CHECKSUM = 0x01,            /**< checksums still to be computed; the others need it */
    TAPNET_OFFLOAD_TSO4 = 0x02,                /**< TCP over IPv4, up to 64 kB, still to be cut */
    TAPNET_OFFLOAD_TSO6 = 0x04,                /**< the same over IPv6 */
    TAPNET_OFFLOAD_TSO_ECN = 0x08,             /**< and with ECN bits; needs TSO4 or TSO6 */
    TAPNET_OFFLOAD_UFO = 0x10,                 /**< UDP fragments: kernels since 4.14 take it and send none */
    TAPNET_OFFLOAD_USO4 = 0x20,                /**< UDP datagrams still to be cut; Linux 6.2, with USO6 */
    TAPNET_OFFLOAD_USO6 = 0x40,                /**< the same over IPv6; with USO4 */
    TAPNET_OFFLOAD_UDP_TUNNEL = 0x080,         /**< segments in a UDP tunnel; Linux 6.17, with one of TSO, USO */
    TAPNET_OFFLOAD_UDP_TUNNEL_CHECKSUM = 0x100 /**< and its outer checksum; with UDP_TUNNEL */
};

/** The byte order of the vnet header. */
enum tapnet_byte_order {
    TAPNET_ORDER_NATIVE, /**< the machine's: what the kernel does when nothing is said */
    TAPNET_ORDER_LITTLE, /**< virtio 1.0's (TUNSETVNETLE) */
    TAPNET_ORDER_BIG,    /**< a big-endian guest's (TUNSETVNETBE; few kernels are built with it: -EOPNOTSUPP) */
};

/* ---- changing ---- */

/** What tapnet_device_set() and tapnet_device_change() change. */
enum tapnet_device_field {
    TAPNET_FIELD_MAC = 1 << 0,
    TAPNET_FIELD_MTU = 1 << 1,
    TAPNET_FIELD_QUEUE_LENGTH = 1 << 2,
    TAPNET_FIELD_LINK_TYPE = 1 << 3,
    TAPNET_FIELD_BRIDGE = 1 << 4,
    TAPNET_FIELD_UP = 1 << 5,
    TAPNET_FIELD_CARRIER = 1 << 6,
    TAPNET_FIELD_OFFLOADS = 1 << 7,
    TAPNET_FIELD_SEND_BUFFER = 1 << 8,
    TAPNET_FIELD_VNET_HEADER_SIZE = 1 << 9,
    TAPNET_FIELD_VNET_HEADER_ORDER = 1 << 10,
    TAPNET_FIELD_PERSISTENT = 1 << 11,
    TAPNET_FIELD_OWNER = 1 << 12,
    TAPNET_FIELD_GROUP = 1 << 13,
    TAPNET_FIELD_MARK = 1 << 14, /**< TAPNET_DEVICE_MARK's label, by which tapnet_device_delete() knows it */
};

/** A change: the members whose bit is in @fields are set, in one go. Start with {0}. */
struct tapnet_device_change {
    unsigned fields;       /**< TAPNET_FIELD_... */
    uint8_t mac[6];        /**< TAP only (SIOCSIFHWADDR, IFLA_ADDRESS) */
    uint32_t mtu;          /**< bytes (IFLA_MTU) */
    uint32_t queue_length; /**< packets that wait for the program, per queue (IFLA_TXQLEN) */
    uint16_t link_type;    /**< ARPHRD_... of linux/if_arp.h; the link must be down, else -EBUSY (TUNSETLINK) */
    const char *bridge;    /**< name of the bridge that it becomes a port of; NULL: of none (IFLA_MASTER) */
    bool up;               /**< IFF_UP */
    bool carrier;          /**< is it plugged in? Never while nobody holds it: -EPERM (TUNSETCARRIER, IFLA_CARRIER) */
    unsigned offloads;     /**< TAPNET_OFFLOAD_... (TUNSETOFFLOAD) */
    int send_buffer;       /**< bytes of written packets that may be under way; at least 1 (TUNSETSNDBUF) */
    int vnet_header_size;  /**< bytes, 10 or more (TUNSETVNETHDRSZ) */
    enum tapnet_byte_order vnet_header_order; /**< TUNSETVNETLE, TUNSETVNETBE */
    bool persistent;                          /**< TUNSETPERSIST; false ends a device that nobody holds */
    uint32_t owner;               /**< user that may open it without CAP_NET_ADMIN; can't be taken away (TUNSETOWNER) */
    uint32_t group;               /**< the same for a group; when both are set, both must fit (TUNSETGROUP) */
    bool mark;                    /**< alias "tapnet://NAME added", or none (IFLA_IFALIAS) */
    const char *const *addresses; /**< added: texts "10.0.0.1/24", in the order given (RTM_NEWADDR) */
    size_t address_count;         /**< 0: none */
    const char *const *removed_addresses; /**< removed before others are added; -EADDRNOTAVAIL (RTM_DELADDR) */
    size_t removed_address_count;
    /**
     * Also of a device by name that belongs to a set, although its keeper undoes that; and into a set's bridge, where
     * no guard holds the new port. Otherwise -EPERM.
     */
    bool force;
};

/* ---- opening ---- */

/** How a device shall be. Start with TAPNET_DEVICE_OPTIONS_INIT: what is left as it is there has the usual value. */
struct tapnet_device_options {
    /**
     * A name; a pattern with one "%d", for which the kernel puts in the first free number; or NULL: "tun%d", "tap%d".
     */
    const char *name;
    enum tapnet_device_kind kind; /**< required */
    unsigned queues;              /**< descriptors to open, 1 to 256; 0 means 1 */
    unsigned flags;               /**< TAPNET_DEVICE_... */
    int index;                    /**< interface index that a new device shall have; 0: any (TUNSETIFINDEX) */
    int netns;                    /**< network namespace of the device, see above */
    int vnet_header_size;         /**< bytes; 0: 10, struct virtio_net_hdr */
    enum tapnet_byte_order vnet_header_order;
    unsigned offloads; /**< TAPNET_OFFLOAD_... */
    int send_buffer;   /**< bytes; 0: no limit */
    const char *node;  /**< where the device node is; NULL: /dev/net/tun */
    /** More: applied when the device is open and before it becomes persistent. NULL: nothing. */
    const struct tapnet_device_change *change;
};

#define TAPNET_DEVICE_OPTIONS_INIT                                                                                     \
    {                                                                                                                  \
        .netns = -1                                                                                                    \
    }

/** An open device: its queues' descriptors, and what is known of it. */
struct tapnet_device;

/**
 * Opens a device, making it when it is not there (open() of /dev/net/tun, TUNSETIFF). What the last holder of an
 * existing one left is reset: packet format, vnet header size and order, offloads, send buffer, filters, carrier.
 *
 * Making one, and opening one that has no owner or group of the caller's, needs CAP_NET_ADMIN in the user namespace of
 * the network namespace. Nothing is left behind when it fails: a device made here ends with its descriptors.
 *
 * @param options  copied where it is needed longer
 * @param ret      the device; the caller ends it with tapnet_device_close()
 * @return -EINVAL  options that contradict each other; or the name is taken by something else: @error says by what, and
 *                  what differs (kind, one queue or several)
 * @return -EADDRINUSE  see TAPNET_DEVICE_SPARE_SUBNETS
 * @return -EBUSY   others hold it: @error names them (/proc/PID/fdinfo), as far as they can be seen
 * @return -EPERM   @error says which capability, user or group would do
 * @return -ENOENT, -ENODEV, -EACCES  /dev/net/tun is missing, has no driver, may not be opened
 * @return -EEXIST, -ENODEV  see TAPNET_DEVICE_NEW, TAPNET_DEVICE_EXISTING
 * @return -E2BIG   it has all of its queues; -ENFILE: all names of a pattern are taken; -EOPNOTSUPP: the kernel has not
 *                  what a flag asks for
 */
int tapnet_device_open(const struct tapnet_device_options *options, struct tapnet_device **ret,
                       struct tapnet_error *error);

/**
 * Takes over descriptors of one device that somebody else opened: a VMM's fd=, a socket's, those of systemd.
 *
 * Nothing is changed on the device. They may come from anybody: each is checked to be of /dev/net/tun (fstat) and
 * attached to a device (TUNGETIFF), and all to be of the same one.
 *
 * @param fds    become the device's on success and stay the caller's on failure
 * @param count  1 to 256
 * @return -EBADF, -EINVAL (not of /dev/net/tun; of different devices), -EBADFD (not attached to a device)
 */
int tapnet_device_from_fds(const int *fds, size_t count, struct tapnet_device **ret, struct tapnet_error *error);

/** Closes all queues and frees @device; NULL is fine. One that is not persistent is gone with its last descriptor. */
void tapnet_device_close(struct tapnet_device *device);

/** The device's name when it was opened; valid as long as @device. tapnet_device_info has the one of now. */
const char *tapnet_device_name(const struct tapnet_device *device);
/** TAPNET_TUN or TAPNET_TAP. */
enum tapnet_device_kind tapnet_device_kind(const struct tapnet_device *device);
/** How many queues are held here, attached or not. */
size_t tapnet_device_queue_count(const struct tapnet_device *device);
/** The descriptor of queue @index (from 0), which stays the device's; -1 behind the last. */
int tapnet_device_fd(const struct tapnet_device *device, size_t index);
/**
 * The offloads that are on, as the kernel has them in the interface's features (ETHTOOL_GFEATURES); TAPNET_OFFLOAD_UFO
 * is never among them.
 */
int tapnet_device_offloads(const struct tapnet_device *device, unsigned *ret, struct tapnet_error *error);
/**
 * Which offloads this kernel takes: each is tried on @device (TUNSETOFFLOAD), which ends with those that it had.
 */
int tapnet_device_probe_offloads(struct tapnet_device *device, unsigned *ret, struct tapnet_error *error);
/**
 * The flags of TUNSETIFF that this kernel knows, as bits of enum tapnet_device_flag (TUNGETFEATURES): needs the node
 * and no device.
 */
int tapnet_device_features(unsigned *ret, struct tapnet_error *error);

/* ---- queues ---- */

/**
 * Opens one more queue of @device, which is the last then.
 *
 * @return -EINVAL when it was made for one queue; -E2BIG; else as tapnet_device_open()
 */
int tapnet_device_add_queue(struct tapnet_device *device, struct tapnet_error *error);
/**
 * Takes queue @index (from 0) out of service, or puts it back (TUNSETQUEUE): the kernel gives packets to attached
 * queues only. A detached one still holds the device. Doing it twice is no error.
 *
 * @return -ERANGE, -EINVAL (made for one queue), -EBUSY
 */
int tapnet_device_attach_queue(struct tapnet_device *device, size_t index, bool attached, struct tapnet_error *error);

/* ---- programs and filters ---- */

/**
 * Which queue a packet goes to: an eBPF program of type BPF_PROG_TYPE_SOCKET_FILTER whose result, modulo the number of
 * queues, is the queue (TUNSETSTEERINGEBPF). @program is a descriptor that stays the caller's; -1: the kernel's own
 * choice, by flow.
 */
int tapnet_device_set_steering(struct tapnet_device *device, int program, struct tapnet_error *error);
/** What reaches the program: an eBPF program whose result is the bytes to keep, 0: dropped (TUNSETFILTEREBPF). */
int tapnet_device_set_filter_program(struct tapnet_device *device, int program, struct tapnet_error *error);

struct sock_filter; /* linux/filter.h */

/**
 * The same by classic BPF, TAP only (TUNATTACHFILTER); @count 0 takes it away (TUNDETACHFILTER).
 *
 * @param filter  @count instructions, copied by the kernel
 * @return -EINVAL (a TUN; a program that the kernel rejects)
 */
int tapnet_device_set_filter(struct tapnet_device *device, const struct sock_filter *filter, size_t count,
                             struct tapnet_error *error);
/**
 * How many instructions the filter has that was asked for last, 0: none (TUNGETFILTER). The kernel counts one that it
 * rejected, too. TAP only: -EINVAL.
 */
int tapnet_device_filter_length(const struct tapnet_device *device, size_t *ret, struct tapnet_error *error);
/**
 * Which destination addresses reach the program, TAP only (TUNSETTXFILTER). Eight are compared whole, unicast ones
 * first: more unicast ones are refused (-EINVAL), more multicast ones are compared by hash, which lets others through.
 *
 * @param macs           @count addresses of 6 bytes; @count 0: everything reaches it, as at first
 * @param all_multicast  every multicast and broadcast frame, too
 */
int tapnet_device_set_address_filter(struct tapnet_device *device, const uint8_t (*macs)[6], size_t count,
                                     bool all_multicast, struct tapnet_error *error);

/**
 * Changes @device: all of @change or nothing. What the kernel refuses has what went before put back.
 *
 * An address that was removed and comes back has the usual broadcast address and no lifetime.
 *
 * Descriptors' settings need no right besides the descriptor; MTU, queue length, link state, bridge and addresses need
 * CAP_NET_ADMIN. A user or group can't be taken away again, so they are changed last.
 *
 * @return -EINVAL (values that don't fit), -EPERM, -ENODEV (the device, or the bridge), -EBUSY (link type of a link
 *         that is up), -EEXIST (address), or what the kernel says
 */
int tapnet_device_set(struct tapnet_device *device, const struct tapnet_device_change *change,
                      struct tapnet_error *error);

/* ---- by name ---- */

/**
 * The same for the device @name in @netns, held by anybody or nobody. What only a descriptor can change is done on one
 * that is opened for a moment, or on the holder's own (pidfd_getfd(2): needs to be root, or the same user).
 *
 * @return as tapnet_device_set(); -EBUSY when the holder's descriptor can't be had
 */
int tapnet_device_change(int netns, const char *name, const struct tapnet_device_change *change,
                         struct tapnet_error *error);
/**
 * Deletes the device @name in @netns (RTM_DELLINK). One that a set of tapnet_up() declares is not ours to delete.
 *
 * @param force  also when it is held, or was not made with TAPNET_DEVICE_MARK
 * @return -ENODEV (or not a TUN or TAP); without @force -EPERM (not ours) and -EBUSY (held: @error names by whom)
 */
int tapnet_device_delete(int netns, const char *name, bool force, struct tapnet_error *error);

/* ---- looking ---- */

/** Who holds a queue. */
struct tapnet_device_holder {
    int pid;
    const char *command;  /**< /proc/PID/comm, printable */
    unsigned queue_count; /**< descriptors of the device that it holds */
};

/** What is known of a device. Pointers are valid as long as the list. */
struct tapnet_device_info {
    char name[TAPNET_DEVICE_NAME_MAX];
    int index;
    enum tapnet_device_kind kind;
    bool persistent, multi_queue, packet_information, vnet_header;
    bool up, carrier;
    uint32_t owner, group;                /**< TAPNET_ID_NONE: none */
    unsigned queue_count, detached_count; /**< attached and detached queues, over all holders */
    uint8_t mac[6];                       /**< TAP; zero for a TUN */
    uint32_t mtu, queue_length;
    uint16_t link_type; /**< ARPHRD_... */
    unsigned offloads;  /**< TAPNET_OFFLOAD_...: what is on */
    const char *alias;  /**< "" when there is none */
    /** Who made it, by its alias: "added" (TAPNET_DEVICE_MARK), "set NAME" (tapnet_up()), or "" for others. */
    const char *origin;
    const char *bridge; /**< that it is a port of; "" */
    const char *const *addresses;
    size_t address_count;
    const struct tapnet_device_holder *holders; /**< those that we may see */
    size_t holder_count;
    /**
     * What only a descriptor tells: the own one, or the first holder's (pidfd_getfd). detail is false, and these are 0,
     * when there was none to ask.
     */
    bool detail;
    bool napi, napi_frags;
    int vnet_header_size, send_buffer;
    enum tapnet_byte_order vnet_header_order;
    size_t filter_length; /**< see tapnet_device_filter_length() */
    /** The kernel's side: rx is what programs wrote, tx what they read. */
    uint64_t rx_bytes, rx_packets, rx_dropped, tx_bytes, tx_packets, tx_dropped;
};

/** Devices of one network namespace, as they were at one time. */
struct tapnet_device_list;

/**
 * Every TUN and TAP in @netns, whoever made it, ordered by name (RTM_GETLINK, RTM_GETADDR, /proc). Needs no right; less
 * is seen of holders that belong to others.
 *
 * @param name  NULL: all; else this one, -ENODEV when it is not there, or is neither TUN nor TAP
 * @param ret   freed by the caller with tapnet_device_list_free()
 */
int tapnet_device_list(int netns, const char *name, struct tapnet_device_list **ret, struct tapnet_error *error);
/**
 * The same for the device that @device is, wherever it is and whatever its name is now (TUNGETIFF, TUNGETDEVNETNS).
 */
int tapnet_device_query(const struct tapnet_device *device, struct tapnet_device_list **ret,
                        struct tapnet_error *error);
/** Frees @list; NULL is fine. */
void tapnet_device_list_free(struct tapnet_device_list *list);
/** Entry @index (from 0), valid as long as @list; NULL behind the last. */
const struct tapnet_device_info *tapnet_device_info(const struct tapnet_device_list *list, size_t index);

/* ---- passing on ---- */

/**
 * Sends the queues of @device to the process at the other end of @socket, a connected Unix socket of type
 * SOCK_SEQPACKET (SCM_RIGHTS). They stay open here, too: close the device when it shall be the other's alone.
 *
 * @return -EPIPE when the other end is closed, -EAGAIN on a socket that never waits, ...
 */
int tapnet_device_send(const struct tapnet_device *device, int socket, struct tapnet_error *error);
/**
 * Receives a device that tapnet_device_send() sent; checked as in tapnet_device_from_fds(). Waits, unless the socket is
 * set not to.
 *
 * @return -ECONNRESET when the other end is closed, -EBADMSG for anything but a device
 */
int tapnet_device_receive(int socket, struct tapnet_device **ret, struct tapnet_error *error);

#ifdef __cplusplus
}
#endif
#endif
