/* SPDX-License-Identifier: MIT */
/* Who listens at a control socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "apply/kernel.h"

static char directory[] = "/tmp/tapnet-sockets-XXXXXX";
static char path[sizeof(directory) + sizeof("/socket")];

static int make_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/socket", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

/* A keeper that waits for the lock accepts nobody: whoever has the lock must neither wait for it nor start another. */
static void one_that_accepts_nobody_listens(void **state)
{
    int fd;

    (void)state;
    assert_int_equal(apply_socket_listen(path, &fd, NULL), 0);
    for (int i = 0; i < 1000; i++)
        assert_true(apply_socket_listens(path));
    close(fd);
    assert_false(apply_socket_listens(path));
    unlink(path);
    assert_false(apply_socket_listens(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_accepts_nobody_listens),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
