/* SPDX-License-Identifier: MIT */
/* The classic BPF program that lets DHCP requests through to the service, and nothing else. Pure data. */
#include "packet/dhcp_filter.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdint.h>

/* Each load that would read outside the frame ends the program with "drop". Jumps count from the next instruction. */
const struct sock_filter packet_dhcp_filter[PACKET_DHCP_FILTER_LENGTH] = {
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),                 /* EtherType */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 8),    /* else drop */
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),                 /* IPv4 protocol */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6), /* else drop */
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),                 /* flags and fragment offset */
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 4, 0),     /* more fragments, or not the first one: drop */
    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),                /* X = length of the IPv4 header */
    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),                 /* UDP destination port */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 67, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX), /* the whole frame */
    BPF_STMT(BPF_RET | BPF_K, 0),          /* drop */
};
