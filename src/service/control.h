/* SPDX-License-Identifier: MIT */
/* What a tapnet command says to the service: JSON datagrams with sockets attached, over a Unix socket. */
#ifndef SERVICE_CONTROL_H
#define SERVICE_CONTROL_H

/*
 * How it works: apply/ starts `tapnet-service --control FD` with the listening SOCK_SEQPACKET Unix socket as FD
 * (bound by apply/ at RUN_DIR/service.sock in a directory that only root may enter). One request per connection:
 *
 *   {"do":"serve","network":<model_network_to_json()>}   with five descriptors by SCM_RIGHTS, in this order:
 *        0  a memfd that holds the JSON text of the network, when the datagram says "network":null because it is long
 *        1  packet socket (AF_PACKET, SOCK_RAW, ETH_P_IP) bound to the bridge, with the DHCP filter attached
 *        2  packet socket that receives nothing (protocol 0): DHCP replies leave by it, to the port's TAP by ifindex
 *        3  UDP socket bound to gateway:dns_port and to the bridge   } nat mode only; in isolated mode three descriptors
 *        4  TCP socket, listening, bound the same                    }
 *   {"do":"update","network":...}   with the memfd alone: new ports and options for a network that is being served;
 *        its sockets stay. Nothing that is in flight is lost.
 *   {"do":"stop","network":"lab"}   closes its sockets.
 *   {"do":"status"}
 *
 * Replies, one datagram: {"ok":true,"networks":["lab",...],"pid":123} once served, or {"ok":false,"error":"..."}.
 * The service exits when its last network is stopped.
 *
 * Which port a DHCP frame came in on: the rules of the bridge table have replaced the frame's IPv4 source address by
 * the address of the port (map port_address, by input device) before the bridge passes it up. Frames from devices that
 * are not in the map never come up. So the service looks the source address up in its model; nothing else of the frame
 * says who it is.
 */
#define SERVICE_CONTROL_MAX 65536 /* bytes of one datagram */
#define SERVICE_CONTROL_FDS 5

#endif
