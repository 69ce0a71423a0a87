/* SPDX-License-Identifier: MIT */
/* The half of tapnet-lease that talks to DHCP servers: it has no right at all. */
#include "lease/talker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "base/message.h"
#include "service/dhcp_message.h"

/*
 * How it works: who gave the address is not known, nor until when, so all servers are asked at once (REBINDING), until
 * one answers. From then on: at its time that server is asked (RENEWING); behind its next time all are; each again when
 * half of what is left is over, but not within a minute. What was never answered, or has ended, is asked for every four
 * seconds at first, every five minutes at last: the address may have been given for good.
 */

#define RETRY_MSEC 4000
#define RETRY_MSEC_MAX 300000
#define REPEAT_MSEC_MIN 60000 /* RFC 2131, 4.4.5 */
#define DATAGRAM_MAX 1500

struct talker {
    int socket_fd, parent_fd;
    struct lease_question question;
    uint32_t server;     /* host order, 0: not known */
    int64_t next;        /* when to ask again */
    int64_t rebind, end; /* of the lease: ask all, and its end; 0: there is none */
    int64_t retry;       /* how long to wait while there is none */
};

/* Time goes on while the host sleeps. */
static int64_t now_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void send_question(const struct talker *talker, bool all)
{
    uint8_t bytes[LEASE_MESSAGE_MAX];
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(DHCP_SERVER_PORT),
                                   .sin_addr.s_addr = htonl(all ? INADDR_BROADCAST : talker->server)};
    size_t length = lease_question_write(&talker->question, bytes);

    sendto(talker->socket_fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof(to));
}

/* When to ask once more, should nobody answer. */
static int64_t repeat_at(struct talker *talker, int64_t now)
{
    int64_t until = now < talker->rebind ? talker->rebind : talker->end, wait;

    if (now < until) {
        wait = (until - now) / 2;
        wait = wait < REPEAT_MSEC_MIN ? REPEAT_MSEC_MIN : wait;
        return now + wait < until ? now + wait : until;
    }
    wait = talker->retry;
    talker->retry = wait * 2 < RETRY_MSEC_MAX ? wait * 2 : RETRY_MSEC_MAX;
    return now + wait;
}

static void ask(struct talker *talker)
{
    int64_t now = now_msec();

    if (getrandom(&talker->question.xid, sizeof(talker->question.xid), 0) != sizeof(talker->question.xid))
        talker->question.xid++;
    send_question(talker, !talker->server || now >= talker->rebind);
    talker->next = repeat_at(talker, now);
}

static int take(struct talker *talker, const struct lease_answer *answer)
{
    const struct lease_news news = {answer->seconds};
    int64_t now = now_msec();

    talker->server = answer->server;
    talker->next = now + answer->renew * INT64_C(1000);
    talker->rebind = now + answer->rebind * INT64_C(1000);
    talker->end = now + answer->seconds * INT64_C(1000);
    talker->retry = RETRY_MSEC;
    talker->question.xid = 0; /* a second answer to the same question is none */
    return message_send(talker->parent_fd, &news, sizeof(news), NULL, 0, 0);
}

/* 0, or that it is over: -ECONNREFUSED when a server refuses. */
static int hear(struct talker *talker)
{
    uint8_t bytes[DATAGRAM_MAX];
    struct lease_answer answer;
    ssize_t length = recv(talker->socket_fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (length < 0 || !talker->question.xid ||
        lease_answer_parse(bytes, (size_t)length, &talker->question, &answer) < 0)
        return 0;
    return answer.granted ? take(talker, &answer) : -ECONNREFUSED;
}

void talker_run(int socket_fd, int parent_fd, const struct lease_question *question)
{
    struct talker talker = {.socket_fd = socket_fd, .parent_fd = parent_fd, .question = *question, .retry = RETRY_MSEC};
    int result = 0;

    ask(&talker);
    while (result == 0) {
        struct pollfd fds[] = {{.fd = socket_fd, .events = POLLIN}, {.fd = parent_fd}};
        int64_t left = talker.next - now_msec();
        int count = poll(fds, 2, left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);

        if (count < 0 && errno != EINTR)
            return;
        if (count > 0 && fds[1].revents)
            return;
        if (count > 0 && fds[0].revents)
            result = hear(&talker);
        if (now_msec() >= talker.next)
            ask(&talker);
    }
}
