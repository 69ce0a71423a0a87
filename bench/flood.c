/* SPDX-License-Identifier: MIT */
/* Sends small UDP datagrams as fast as it can, some hundred a system call: `flood ADDRESS SECONDS FLOWS`. */

/*
 * How it works: each flow has a socket and a port of its own, so that a device spreads them over its queues. IP packets
 * are of 64 bytes. It prints how many were sent.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PAYLOAD_LEN 36 /* 64 with the headers of IPv4 and UDP */
#define BATCH 256
#define FLOWS_MAX 64

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

int main(int count, char **words)
{
    static char payload[PAYLOAD_LEN];
    struct iovec vector = {payload, sizeof(payload)};
    struct mmsghdr messages[BATCH];
    struct sockaddr_in target = {.sin_family = AF_INET};
    int sockets[FLOWS_MAX], flows = count == 4 ? atoi(words[3]) : 0;
    unsigned long sent = 0;
    double end;

    if (flows < 1 || flows > FLOWS_MAX || inet_pton(AF_INET, words[1], &target.sin_addr) != 1) {
        fputs("usage: flood ADDRESS SECONDS FLOWS\n", stderr);
        return 2;
    }
    memset(messages, 0, sizeof(messages));
    for (int i = 0; i < BATCH; i++) {
        messages[i].msg_hdr.msg_iov = &vector;
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (int i = 0; i < flows; i++) {
        target.sin_port = htons((uint16_t)(9000 + i));
        sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (sockets[i] < 0 || connect(sockets[i], (struct sockaddr *)&target, sizeof(target)) < 0)
            return 1;
    }
    end = now() + atof(words[2]);
    for (int i = 0; now() < end; i = (i + 1) % flows) {
        int done = sendmmsg(sockets[i], messages, BATCH, 0);

        sent += done > 0 ? (unsigned long)done : 0;
    }
    printf("%lu\n", sent);
    return 0;
}
