/* SPDX-License-Identifier: MIT */
/* What a tapnet command says to the service: JSON datagrams with descriptors attached, over a Unix socket. */
#ifndef SERVICE_CONTROL_H
#define SERVICE_CONTROL_H

#include <sys/types.h>

#include "base/error.h"

/*
 * How it works: apply/ starts `tapnet-service --control FD [--log FD]` with the listening SOCK_SEQPACKET Unix socket as
 * FD (bound by apply/ at RUN_DIR/service.sock in a directory that only root may enter). All other descriptors that the
 * service inherits it closes. A client connects, sends a request as one datagram with message_send() (base/message.h),
 * and receives one datagram with message_receive(); it may go on with the next request on the same connection, one at
 * a time. A connection that is silent for SERVICE_CONTROL_SILENCE seconds is closed, and earlier for a new one, when
 * there are many, if all its requests have been answered.
 *
 *   {"do":"sockets"}                 first of all: the sockets for DHCP of all networks, by SCM_RIGHTS, in this order:
 *        0  "log": netlink socket (NETLINK_NETFILTER) that holds netfilter's log group GUARD_LOG_GROUP and gets, at
 *           once, the first GUARD_LOG_BYTES_MAX bytes of each packet (guard/guard.h): DHCP requests come by it
 *        1  "reply": packet socket (AF_PACKET, SOCK_RAW) that receives nothing (protocol 0): DHCP replies leave by it,
 *           to the port's TAP by ifindex
 *        They belong to no network and to no process: they may be handed on to the next service, and are in place of
 *        the ones before when they are sent again. Without descriptors it asks for them.
 *   {"do":"serve"}                   descriptors:
 *        0  a memfd that holds the JSON text of model_network_to_json(), from offset 0 (the descriptor's own offset
 *           does not matter), SERVICE_NETWORK_MAX bytes at most; the service keeps it, so it must not be written any
 *           more (seal it)
 *        1  UDP socket bound to gateway:dns_port and to the bridge   }
 *        2  TCP socket, listening, bound the same                    } nat mode only;
 *        3  UDP socket bound to gateway:dns_port and to lo           } isolated mode: the memfd alone
 *        4  TCP socket, listening, bound the same                    }
 *        In routed mode 1 and 2 alone, bound to no device, with a filter that passes sources in the subnet.
 *        5  UDP socket bound to the IPv6 gateway and to the bridge   } with an IPv6 subnet only
 *        6  TCP socket, listening, bound the same                    }
 *        Guests come by the bridge, programs of the host by the loopback; nobody comes by any other link.
 *        A network that is served already (same name) is an error: -EEXIST; so that a restarted `up` can't steal it.
 *        A service that has no sockets for DHCP yet says -ENOTCONN: "sockets" comes first, then the same again.
 *   {"do":"update"}                  with the memfd alone: new ports and options for a network that is being served,
 *        same name, mode and subnets; its sockets stay, and nothing that is in flight is lost. After an error the
 *        network is served as before.
 *   {"do":"plug","network":"lab","port":{...}}   one port more, as model_port_to_json() has it. -EEXIST when there is
 *        one of that name or device
 *   {"do":"unplug","network":"lab","port":"web"}   one less. -ENOENT
 *   {"do":"stop","network":"lab"}    closes its sockets. The service exits, after its reply, when it was the last one.
 *   {"do":"show","network":"lab"}    the reply carries the memfd of the last serve or update, so that the state of the
 *        service can be compared with what is wanted; what was plugged in or out since is not told there. Read it with
 *        pread(): the offset is shared.
 *   {"do":"status"}                  what is served, and what the service gave up at its start.
 *   {"do":"mailbox"}                 the reply carries a socket, the same for all who ask: what is sent there is not
 *        answered and wakes nobody (that would be most of what one port more costs), and is done, in the order in which
 *        it came, before the service acts on anything that it hears later from a guest or a client. Requests "plug" and
 *        "unplug" of SERVICE_MAIL_MAX bytes at most. Whoever sends does so without waiting (MSG_DONTWAIT): EAGAIN says
 *        that nobody has read it for long, and then the same is said on a connection. A service that can't do what it
 *        finds there exits, since nobody hears its refusal, and cuts off who has just asked for something: the next one
 *        is told of whole networks, as the ledgers have them. A service that was taken over may hand out anything, also
 *        what outlives it: so who sends looks whether the process is there.
 *   {"do":"watch"}                   the reply carries two descriptors:
 *        0  one that is readable while something waits that the service has not dealt with: whoever polls it learns of
 *           a service that hangs without asking it all the time. It is the service's epoll, which keeps no socket open
 *           when the service ends
 *        1  the end of a pipe: whoever writes to it has the kernel kill the service, without the right to signal it
 *   {"do":"leases","from":0}         who has taken a lease, and when, from number 0 on of the ports of all networks;
 *        the reply says with which number to go on, as long as there are more
 *   {"do":"tell"}                    from the reply on this connection, for as long as it is there, gets a datagram
 *        when a guest has taken a lease, and is not closed for its silence. Nobody waits until it is read. -EUSERS when
 *        SERVICE_CONTROL_TOLD connections are told already
 *
 * Replies:
 *   {"ok":true,"pid":123,"networks":["lab",...]}           to sockets, serve, update, stop; "networks" in the order
 *                                                          of serving; to sockets without descriptors + the two
 *   {"ok":true,"pid":123}                                  to plug, unplug
 *   {"ok":true,"pid":123,"network":"lab"} + the memfd      to show
 *   {"ok":true,"pid":123} + the socket                     to mailbox
 *   {"ok":true,"pid":123,"networks":["lab",...]} + both    to watch
 *   {"ok":true,"pid":123,"leases":[["lab","web",1764000000123,0],...],"next":700}
 *                                                          to leases: milliseconds since 1970, of IPv4 and of IPv6, 0:
 *                                                          no such lease since the service started. "next" is 0 when
 *                                                          these were the last
 *   {"ok":true,"pid":123}, then {"lease":true} each time   to tell
 *   {"ok":true,"pid":123,"networks":[...],"version":"0.1.0","isolation":{"uid":65534,"gid":65534,
 *      "capabilities":0,"no_new_privs":true,"dumpable":false,"seccomp":true,"landlock":7,"sanitizer":false,
 *      "not_dropped":["..."]}}
 *                                                          to status
 *   {"ok":false,"code":-2,"error":"no network lab is served"}   negative errno and one sentence
 *
 * `ok` to serve means served: whatever a guest sends from then on is answered.
 *
 * Only root and the user who started the service may speak; anybody else is cut off at once. Datagrams that are longer
 * than SERVICE_CONTROL_MAX, carry another number of descriptors or are no such request are answered with an error and
 * their descriptors closed. A service that nobody has asked to serve anything for SERVICE_CONTROL_IDLE seconds after
 * its start exits.
 *
 * The service calls listen() on the control socket once more when it has given up its rights: so SO_PEERCRED of whoever
 * connects names the service's process, told by the kernel. Nobody is to be signalled for a "pid" of a reply: a service
 * that a guest took over may say any.
 *
 * When the service was killed, connect() fails with ECONNREFUSED: start another one and serve again; nothing else is
 * lost, since it keeps no state.
 *
 * Which port a DHCP frame came in by: the rules of the bridge table log it, and drop it, before the bridge has done
 * anything with it, and the log names the device by its index. The service asks the kernel for that device's name and
 * looks it up in its models; nothing of the frame says who it is. A frame of a device that no network has is ignored.
 */
#define SERVICE_CONTROL_MAX 65536              /* bytes of one datagram, requests and replies */
#define SERVICE_MAIL_MAX 4096                  /* of one in the mailbox */
#define SERVICE_CONTROL_BACKLOG 8              /* connections that wait to be accepted */
#define SERVICE_CONTROL_FDS 7                  /* descriptors of one request */
#define SERVICE_CONTROL_TOLD 8                 /* connections that are told of leases */
#define SERVICE_CONTROL_SILENCE 30             /* seconds */
#define SERVICE_CONTROL_IDLE 60                /* seconds */
#define SERVICE_NETWORK_MAX (32 * 1024 * 1024) /* bytes of one network's JSON text: 8,191 ports with long options */

/* ---- the service's own half ---- */

struct loop;
struct dhcp;
struct dns;
struct isolation;
struct control;

/* By which it is spoken to. */
struct control_sockets {
    int listening;
    int mailbox[2]; /* SOCK_SEQPACKET, connected and non-blocking: what is read here, what is handed out */
};

/*
 * Answers requests that arrive on @sockets, for root and @uid. @isolation is what status reports; it, @sockets, @loop,
 * @dhcp and @dns stay the caller's and outlive the control.
 */
int control_new(struct loop *loop, struct dhcp *dhcp, struct dns *dns, const struct control_sockets *sockets, uid_t uid,
                const struct isolation *isolation, struct control **ret);
/* Takes NULL. Stops serving everything. */
void control_free(struct control *control);

#endif
