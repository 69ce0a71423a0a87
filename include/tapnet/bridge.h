/* SPDX-License-Identifier: MIT */
/* Ethernet bridges of the kernel: make, delete, plug ports in, set and read what IEEE 802.1D has for them. */
#ifndef TAPNET_BRIDGE_H
#define TAPNET_BRIDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapnet/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Any bridge of the calling thread's network namespace, not only tapnet's. All functions return 0 or a negative errno
 * and fill in @error, which may be NULL; outputs (ret_...) are set only on success. Reading needs no right, changing
 * CAP_NET_ADMIN. Times are in hundredths of a second ("csec"), the kernel's unit for them (USER_HZ).
 */

#define TAPNET_BRIDGE_NAME_MAX 16 /**< an interface name and its NUL (IFNAMSIZ) */

/** Priority (two bytes, big endian) and MAC: the order of these decides which bridge is the root (802.1D, 9.2.5). */
struct tapnet_bridge_id {
    uint8_t priority[2];
    uint8_t mac[6];
};

/** One bridge as the kernel describes it: IFLA_BR_* of rtnetlink (linux/if_link.h). */
struct tapnet_bridge {
    char name[TAPNET_BRIDGE_NAME_MAX];
    int index;
    bool up;
    struct tapnet_bridge_id id, root;
    uint16_t root_port; /**< number of the port towards the root, 0: this bridge is the root */
    uint32_t root_path_cost;
    uint32_t stp; /**< 0 off, 1 the kernel's, 2 a program's */
    uint32_t max_age_csec, hello_time_csec, forward_delay_csec, ageing_time_csec;
    bool topology_change, topology_change_detected;
    /** Until each timer fires; 0 when it does not run. */
    uint64_t hello_timer_csec, tcn_timer_csec, topology_change_timer_csec, gc_timer_csec;
};

/** What a port does with frames (802.1D, 8.4); the kernel's numbers. */
enum tapnet_bridge_port_state {
    TAPNET_BRIDGE_PORT_DISABLED,
    TAPNET_BRIDGE_PORT_LISTENING,
    TAPNET_BRIDGE_PORT_LEARNING,
    TAPNET_BRIDGE_PORT_FORWARDING,
    TAPNET_BRIDGE_PORT_BLOCKING,
};

/** One port: IFLA_BRPORT_* of rtnetlink. */
struct tapnet_bridge_port {
    char name[TAPNET_BRIDGE_NAME_MAX];
    int index;
    uint16_t number; /**< from 1 */
    uint16_t id;     /**< priority and number in one */
    enum tapnet_bridge_port_state state;
    uint32_t path_cost;
    struct tapnet_bridge_id designated_root, designated_bridge;
    uint16_t designated_port, designated_cost;
    bool topology_change_ack, config_pending, hairpin;
    uint64_t message_age_timer_csec, forward_delay_timer_csec, hold_timer_csec;
};

/** One entry of the forwarding database: behind which port a MAC is. */
struct tapnet_bridge_mac {
    uint8_t mac[6];
    uint16_t port; /**< tapnet_bridge_port.number */
    bool local;    /**< the port's own MAC */
    uint64_t age_csec;
};

/**
 * All bridges, sorted by name (one RTM_GETLINK dump).
 *
 * @param ret  the array; the caller frees it with free()
 */
int tapnet_bridge_list(struct tapnet_bridge **ret, size_t *ret_count, struct tapnet_error *error);

/**
 * One bridge.
 *
 * @return -ENODEV when there is no interface @name, -EOPNOTSUPP when it is no bridge
 */
int tapnet_bridge_get(const char *name, struct tapnet_bridge *ret, struct tapnet_error *error);

/**
 * The ports of @bridge, sorted by name.
 *
 * @param ret  the array; the caller frees it with free()
 * @return as tapnet_bridge_get()
 */
int tapnet_bridge_ports(const char *bridge, struct tapnet_bridge_port **ret, size_t *ret_count,
                        struct tapnet_error *error);

/**
 * The forwarding database of @bridge, sorted by MAC, without the bridge's own entries that belong to no port
 * (RTM_GETNEIGH of family AF_BRIDGE).
 *
 * @param ret  the array; the caller frees it with free()
 * @return as tapnet_bridge_get()
 */
int tapnet_bridge_macs(const char *bridge, struct tapnet_bridge_mac **ret, size_t *ret_count,
                       struct tapnet_error *error);

/**
 * Makes a bridge with the kernel's defaults, down (SIOCBRADDBR). It has no mark of tapnet's: what is made so is the
 * caller's, and `tapnet down` does not touch it.
 *
 * @param name  cut to 15 characters, as the kernel does it
 * @return -EEXIST when an interface has that name
 */
int tapnet_bridge_create(const char *name, struct tapnet_error *error);

/**
 * Deletes a bridge, which lets its ports go (SIOCBRDELBR).
 *
 * @return -ENXIO when there is no interface @name, -EPERM when it is no bridge, -EBUSY while it is up
 */
int tapnet_bridge_delete(const char *name, struct tapnet_error *error);

/**
 * Plugs the interface @port into @bridge (SIOCBRADDIF).
 *
 * @return -ENODEV when either is missing, -EBUSY when @port is in a bridge, -ELOOP when it is one, -EINVAL when it is
 *         no Ethernet interface, -EOPNOTSUPP when @bridge is no bridge
 */
int tapnet_bridge_add_port(const char *bridge, const char *port, struct tapnet_error *error);

/**
 * Takes the interface @port out of @bridge (SIOCBRDELIF).
 *
 * @return -ENODEV when either is missing, -EINVAL when @port is not in @bridge
 */
int tapnet_bridge_remove_port(const char *bridge, const char *port, struct tapnet_error *error);

/** What tapnet_bridge_set() sets. */
enum tapnet_bridge_option {
    TAPNET_BRIDGE_STP,           /**< 0 or 1 */
    TAPNET_BRIDGE_PRIORITY,      /**< 0 to 65535 */
    TAPNET_BRIDGE_FORWARD_DELAY, /**< csec; 200 to 3000 while STP is on */
    TAPNET_BRIDGE_HELLO_TIME,    /**< csec, 100 to 1000 */
    TAPNET_BRIDGE_MAX_AGE,       /**< csec, 600 to 4000 */
    TAPNET_BRIDGE_AGEING_TIME,   /**< csec; 0: every frame is flooded */
};

/**
 * Sets one option of a bridge (IFLA_BR_*).
 *
 * @return -ENODEV, -EOPNOTSUPP when @bridge is none, -ERANGE
 */
int tapnet_bridge_set(const char *bridge, enum tapnet_bridge_option option, uint32_t value, struct tapnet_error *error);

/** What tapnet_bridge_port_set() sets. */
enum tapnet_bridge_port_option {
    TAPNET_BRIDGE_PORT_PATH_COST, /**< 1 to 65535 */
    TAPNET_BRIDGE_PORT_PRIORITY,  /**< 0 to 63 */
    TAPNET_BRIDGE_PORT_HAIRPIN,   /**< 0 or 1: may a frame leave by the port that it came in on? */
};

/**
 * Sets one option of a port (IFLA_BRPORT_*).
 *
 * @return -ENODEV when there is no interface @port, -ENOENT when it is in no bridge, -ERANGE
 */
int tapnet_bridge_port_set(const char *port, enum tapnet_bridge_port_option option, uint32_t value,
                           struct tapnet_error *error);

#ifdef __cplusplus
}
#endif
#endif
