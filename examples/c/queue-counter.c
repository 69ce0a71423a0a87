/* SPDX-License-Identifier: MIT */
/*
 * Counts what arrives at each queue of a TUN of several: a thread a queue, and a line a queue at the end, which is the
 * end of standard input. As root:
 *
 *     ./queue-counter 4 10.9.0.1/24
 *     10.9.0.1/24 on tun0, 4 queues
 *     queue 0: 12 packets, 1008 bytes
 *
 * cc -pthread -o queue-counter queue-counter.c $(pkg-config --cflags --libs tapnet)
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <tapnet/device.h>

struct queue {
    pthread_t thread;
    int fd, end; /* the queue's descriptor; an eventfd that says that it is over */
    unsigned long packets, bytes;
};

static void *count_packets(void *data)
{
    struct queue *queue = data;
    struct pollfd pollers[] = {{.fd = queue->fd, .events = POLLIN}, {.fd = queue->end, .events = POLLIN}};
    unsigned char packet[65536];

    while (poll(pollers, 2, -1) > 0) {
        ssize_t length = read(queue->fd, packet, sizeof(packet)); /* does not wait: the end may be what woke us */

        if (length > 0) {
            queue->packets++;
            queue->bytes += (unsigned long)length;
        } else if (pollers[1].revents) {
            break; /* what had arrived is counted */
        }
    }
    return NULL;
}

/* Starts a thread for each queue, waits until standard input ends, and prints what each has seen. */
static int run(struct tapnet_device *device)
{
    struct queue queues[TAPNET_DEVICE_QUEUES_MAX] = {0};
    size_t count = tapnet_device_queue_count(device);
    int end = eventfd(0, EFD_CLOEXEC);

    for (size_t i = 0; i < count; i++) {
        queues[i].fd = tapnet_device_fd(device, i);
        queues[i].end = end;
        if (end < 0 || pthread_create(&queues[i].thread, NULL, count_packets, &queues[i]) != 0)
            return 1;
    }
    while (getchar() != EOF)
        ;
    if (eventfd_write(end, 1) < 0)
        return 1;
    for (size_t i = 0; i < count; i++) {
        pthread_join(queues[i].thread, NULL);
        printf("queue %zu: %lu packets, %lu bytes\n", i, queues[i].packets, queues[i].bytes);
    }
    close(end);
    return 0;
}

int main(int count, char **words)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    const char *const addresses[] = {count > 2 ? words[2] : "10.9.0.1/24"};
    const struct tapnet_device_change change = {.addresses = addresses, .address_count = 1};
    struct tapnet_device_options options = TAPNET_DEVICE_OPTIONS_INIT;
    struct tapnet_device *device;
    int result;

    options.kind = TAPNET_TUN;
    options.queues = count > 1 ? (unsigned)atoi(words[1]) : 2;
    options.flags = TAPNET_DEVICE_UP | TAPNET_DEVICE_MULTI_QUEUE | TAPNET_DEVICE_NONBLOCKING;
    options.change = &change;
    if (tapnet_device_open(&options, &device, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    printf("%s on %s, %zu queues\n", addresses[0], tapnet_device_name(device), tapnet_device_queue_count(device));
    fflush(stdout);
    result = run(device);
    tapnet_device_close(device);
    return result;
}
