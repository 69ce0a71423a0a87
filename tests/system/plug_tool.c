/* SPDX-License-Identifier: MIT */
/* Plugs in and lets go, again and again; prints how many microseconds each took: "plug 1234", "unplug 1234". */

/*
 * usage: plug_tool NETWORK COUNT [MODE]
 *
 *   let-go     each goes before the next one comes, with its descriptor
 *   detached   the same, of ports that go when they are told to
 *   hold       nobody lets go before the last one is in and our standard input has come to its end
 *   detach     neither, of ports that go when they are told to
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tapnet/attach.h>

static uint64_t now_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The port is whole. One that is held goes with its descriptor: nobody says that it may. */
static struct tapnet_attached *plug(struct tapnet *tapnet, const char *network, unsigned held)
{
    const struct tapnet_attach_options options = {.network = network, .flags = TAPNET_ATTACH_OPEN | held};
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_attached *port;
    uint64_t begin = now_usec();

    if (tapnet_attach(tapnet, &options, &port, &error) < 0)
        errx(1, "%s", error.text);
    printf("plug %" PRIu64 "\n", now_usec() - begin);
    if (!tapnet_attached_info(port)->address[0] || tapnet_device_fd(tapnet_attached_device(port), 0) < 0)
        errx(1, "%s is not whole", tapnet_attached_info(port)->port);
    return port;
}

static void unplug(struct tapnet *tapnet, struct tapnet_attached *port, bool told)
{
    const struct tapnet_attached_info *info = tapnet_attached_info(port);
    struct tapnet_error error = TAPNET_ERROR_INIT;
    uint64_t begin = now_usec();

    if (told && tapnet_detach(tapnet, info->network, info->port, 0, &error) < 0)
        errx(1, "%s", error.text);
    if (told)
        printf("unplug %" PRIu64 "\n", now_usec() - begin);
    tapnet_attached_free(port);
}

static const struct mode {
    const char *name;
    bool told, hold;
} modes[] = {{"let-go", false, false}, {"detached", true, false}, {"hold", false, true}, {"detach", true, true}};

static const struct mode *find_mode(const char *name)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

int main(int count, char **words)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    size_t rounds = count < 3 ? 0 : strtoul(words[2], NULL, 10), held = 0;
    struct tapnet_attached **ports = calloc(rounds + 1, sizeof(*ports));
    const struct mode *mode = find_mode(count == 4 ? words[3] : "let-go");
    struct tapnet *tapnet;

    if (count < 3 || count > 4 || !mode || !ports)
        errx(2, "usage: plug_tool NETWORK COUNT [let-go | detached | hold | detach]");
    if (tapnet_new(getenv("TAPNET_RUN_DIR"), getenv("TAPNET_SERVICE"), &tapnet, &error) < 0)
        errx(1, "%s", error.text);
    tapnet_with_keeper(tapnet, false); /* who has brought the network up has started one */
    for (size_t i = 0; i < rounds; i++) {
        ports[held++] = plug(tapnet, words[1], mode->told ? 0 : TAPNET_ATTACH_HELD);
        if (!mode->hold)
            unplug(tapnet, ports[--held], mode->told);
    }
    fflush(stdout);
    while (mode->hold && getchar() != EOF)
        continue;
    while (held)
        unplug(tapnet, ports[--held], mode->told);
    free(ports);
    tapnet_free(tapnet);
    return 0;
}
