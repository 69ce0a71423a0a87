/* SPDX-License-Identifier: MIT */
/*
 * Plugs a guest into a network that is up, and starts it: usage: plug NETWORK PROGRAM [ARGUMENT...]
 *
 * The program finds the TAP as descriptor 3, and the MAC that its guest shall have in the environment (GUEST_MAC). The
 * port goes when the program has ended, also when somebody kills it, or us.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tapnet/attach.h>

#define TAP_FD 3

static _Noreturn void become(char **words, const struct tapnet_attached *port)
{
    int fd = tapnet_device_fd(tapnet_attached_device(port), 0);

    setenv("GUEST_MAC", tapnet_attached_info(port)->mac, 1);
    /* The library's descriptors are closed in another program; a duplicate is not. */
    if (fd == TAP_FD ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, TAP_FD) < 0)
        err(126, "descriptor %d", fd);
    execvp(words[0], words);
    err(127, "%s", words[0]);
}

int main(int count, char **words)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_attach_options options = {.flags = TAPNET_ATTACH_OPEN | TAPNET_ATTACH_HELD};
    struct tapnet_attached *port;
    struct tapnet *tapnet;
    int status = 0;

    if (count < 3)
        errx(2, "usage: plug NETWORK PROGRAM [ARGUMENT...]");
    options.network = words[1];
    if (tapnet_new(getenv("TAPNET_RUN_DIR"), getenv("TAPNET_SERVICE"), &tapnet, &error) < 0)
        errx(1, "%s", error.text);
    tapnet_with_keeper(tapnet, false); /* who has brought the network up has started one */
    if (tapnet_attach(tapnet, &options, &port, &error) < 0)
        errx(1, "%s", error.text);
    printf("%s: %s\n", tapnet_attached_info(port)->device, tapnet_attached_info(port)->address);
    fflush(stdout);
    if (fork() == 0)
        become(words + 2, port);
    tapnet_attached_close(port); /* the program alone holds it now */
    wait(&status);
    if (tapnet_detach(tapnet, tapnet_attached_info(port)->network, tapnet_attached_info(port)->port, 0, &error) < 0)
        warnx("%s", error.text);
    tapnet_attached_free(port);
    tapnet_free(tapnet);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
