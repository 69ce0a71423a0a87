/* SPDX-License-Identifier: MIT */
/* What a path may lead to: files, and things that are none. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "spec/spec.h"

static char directory[] = "/tmp/tapnet-test-load-XXXXXX";

static int enter_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int leave_directory(void **state)
{
    (void)state;
    return chdir("/") == 0 && rmdir(directory) == 0 ? 0 : -1;
}

static void write_file(const char *path, const char *text)
{
    _cleanup_fclose_ FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
}

static void load_bad(const char *path, int code, const char *message)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct model_set *set = NULL;

    assert_int_equal(spec_load(path, &set, &error), code);
    assert_string_equal(error.text, message);
    assert_null(set);
    assert_int_equal(spec_load(path, &set, NULL), code);
}

static void a_file(void **state)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct model_set *set = NULL;

    (void)state;
    write_file("lab.yaml", "networks: { lab: { ports: { vm1: {} } } }\n");
    assert_int_equal(spec_load("./lab.yaml", &set, &error), 0);
    assert_string_equal(set->name, "lab");
    assert_string_equal(set->file, "./lab.yaml");
    assert_string_equal(set->networks[0].ports[0].name, "vm1");
    model_set_free(set);
    write_file("lab.yaml", "network: {}\n");
    load_bad("lab.yaml", -EINVAL, "lab.yaml:1:1: unknown key `network`; did you mean `networks`?");
    write_file("lab.yaml", "");
    load_bad("lab.yaml", -EINVAL,
             "lab.yaml:1:1: the file is empty; the smallest one is `networks: { lab: { ports: { vm1: {} } } }`");
    unlink("lab.yaml");
}

static void nothing_there(void **state)
{
    (void)state;
    load_bad("none.yaml", -ENOENT, "none.yaml: can't be read: No such file or directory");
    load_bad("", -ENOENT, ": can't be read: No such file or directory");
}

static void a_directory(void **state)
{
    (void)state;
    load_bad("/tmp/", -EISDIR, "/tmp/: is a directory; name a file in it");
}

/* Nobody writes into it, and nobody waits for that. */
static void a_pipe(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("pipe.yaml", 0600), 0);
    load_bad("pipe.yaml", -EINVAL, "pipe.yaml: is a pipe, not a file; write its text to a file first");
    unlink("pipe.yaml");
}

static void a_device(void **state)
{
    (void)state;
    load_bad("/dev/zero", -EINVAL, "/dev/zero: is a device, not a file; write its text to a file first");
}

static void a_socket(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket.yaml"};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    load_bad("socket.yaml", -EINVAL,
             "socket.yaml: is a socket or a device without a driver, not a file; write its text to a file first");
    unlink("socket.yaml");
}

static void links_that_lead_to_each_other(void **state)
{
    (void)state;
    assert_int_equal(symlink("one.yaml", "other.yaml"), 0);
    assert_int_equal(symlink("other.yaml", "one.yaml"), 0);
    load_bad("one.yaml", -ELOOP, "one.yaml: is a symbolic link that leads back to itself; name the file that is meant");
    unlink("one.yaml");
    unlink("other.yaml");
}

/* It looks like an empty file; its first byte is the one at address 0. */
static void a_file_of_the_kernels(void **state)
{
    (void)state;
    load_bad("/proc/self/mem", -EIO,
             "/proc/self/mem: is a file of the kernel's, which gives no text; write its text to a file first");
}

/* 100 MB of anchors are refused by their size: at once, and without reading them. */
static void a_hundred_megabytes(void **state)
{
    static char block[1 << 20];
    _cleanup_close_ int fd = open("big.yaml", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    struct timespec start, end;
    struct rusage before, after;

    (void)state;
    assert_true(fd >= 0);
    for (size_t i = 0; i + 8 <= sizeof(block); i += 8)
        memcpy(block + i, "a: &a b\n", 8);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
    getrusage(RUSAGE_SELF, &before);
    clock_gettime(CLOCK_MONOTONIC, &start);
    load_bad("big.yaml", -EFBIG, "big.yaml: 104857600 bytes are more than a file may have: 4194304");
    clock_gettime(CLOCK_MONOTONIC, &end);
    getrusage(RUSAGE_SELF, &after);
    unlink("big.yaml");
    assert_true((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000 < 100);
    assert_true(after.ru_maxrss - before.ru_maxrss < 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file),
        cmocka_unit_test(nothing_there),
        cmocka_unit_test(a_directory),
        cmocka_unit_test(a_pipe),
        cmocka_unit_test(a_device),
        cmocka_unit_test(a_socket),
        cmocka_unit_test(links_that_lead_to_each_other),
        cmocka_unit_test(a_file_of_the_kernels),
        cmocka_unit_test(a_hundred_megabytes),
    };

    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
