/* SPDX-License-Identifier: MIT */
/* What a service that a guest took over may say to those who have more rights: apply, observe, the keeper. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answering.h"
#include "apply/kernel.h"
#include "observe/links.h"
#include "observe/service.h"

/*
 * How it works: the first byte, modulo 8, says what the service is asked for; the rest is its answers, over a real
 * socket. Nothing is changed on the host: the service's program can't be started, and DHCP's sockets are lent.
 */
enum question { OBSERVE, PREPARE, RELEASE, SERVE, UPDATE, STOP, TRIM, LEND, QUESTIONS };

static const char network_text[] =
    "{\"name\":\"lab\",\"bridge\":\"br-lab\",\"mode\":\"isolated\",\"subnet\":\"10.20.0.1/24\",\"mtu\":1500,"
    "\"dns_port\":10053,\"ports\":[]}";
static const char ledger_text[] =
    "{\"set\":\"lab\",\"bridge_index\":1,\"network\":{\"name\":\"lab\",\"bridge\":\"br-lab\",\"mode\":\"isolated\","
    "\"subnet\":\"10.20.0.1/24\",\"mtu\":1500,\"dns_port\":10053,\"ports\":[]}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct model_network *the_network(void)
{
    static struct model_network *network;
    static struct arena arena;
    json_t *json;

    if (network)
        return network;
    json = json_loads(network_text, 0, NULL);
    require(json && model_network_from_json(json, &arena, &network, NULL) == 0);
    json_decref(json);
    return network;
}

/* The service's own words must be good enough for a terminal; which service it is nobody has to say. */
static void require_answer(int result, const struct tapnet_error *error)
{
    if (error->text[0] || result != -ECONNREFUSED)
        require_failure(result, error);
}

/* Leases in as many parts as it says, and news. What it tells later is not waited for. */
static void ask_leases(const char *run_dir)
{
    struct observe_lease *leases = NULL;
    size_t count = 0;
    int fd;

    require(observe_leases(run_dir, &leases, &count) == 0);
    for (size_t i = 0; i < count; i++)
        require(observe_find_lease(leases, count, leases[i].network, leases[i].port) != NULL);
    free(leases);
    fd = observe_service_listen(run_dir);
    if (fd < 0)
        return;
    for (int i = 0; i < 3; i++)
        observe_service_told(fd);
    close(fd);
}

static void ask_observe(const char *run_dir)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct observe_found found = {0};
    int result = observe_ledgers(run_dir, &found, &error);

    require_failure(result, &error);
    require(result == 0 && found.objects.count == 1 && !found.objects.items[0].service.running);
    model_objects_fini(&found.objects);
    ask_leases(run_dir);
}

static void take(int result, const struct tapnet_error *error, const int *fds, size_t count)
{
    require_failure(result, error);
    for (size_t i = 0; result == 0 && i < count; i++)
        require(close(fds[i]) == 0);
}

static void ask_lend(const char *run_dir)
{
    struct tapnet_error lend_error = TAPNET_ERROR_INIT, watch_error = TAPNET_ERROR_INIT;
    int fds[3], result = apply_lend(run_dir, fds, &fds[2], &lend_error);

    take(result, &lend_error, fds, 3);
    result = apply_watch(run_dir, fds, &watch_error);
    take(result, &watch_error, fds, 2);
}

static bool is_needed(const void *context, const char *network)
{
    return strcmp(context, network) == 0;
}

static int ask_kernel(const struct apply_ops *ops, enum question question, struct tapnet_error *error)
{
    switch (question) {
    case PREPARE:
        return ops->service_prepare(ops->data, error);
    case RELEASE:
        return ops->service_release(ops->data, error);
    case SERVE:
        return ops->service_serve(ops->data, the_network(), error);
    case UPDATE:
        return ops->service_update(ops->data, the_network(), error);
    case STOP:
        return ops->service_stop(ops->data, "lab", error);
    default:
        return apply_service_trim(ops->data, is_needed, "lab", error);
    }
}

static void ask_apply(const char *run_dir, enum question question)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct apply_kernel *kernel = NULL;
    struct apply_ops ops;
    int ends[2];

    require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    close(ends[1]); /* a starter that is gone: nothing can be started */
    require(apply_kernel_new(run_dir, "/nonexistent/tapnet-service", &kernel, &ops, NULL) == 0);
    apply_kernel_lend(kernel, (struct apply_loan){.starter_fd = ends[0], .reply_fd = ends[0], .log_fd = ends[0]});
    require_answer(ask_kernel(&ops, question, &error), &error);
    apply_kernel_free(kernel);
    close(ends[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool prepared;
    const char *run_dir = answering_folder();
    struct answering *answering;
    char path[64];
    int before;

    if (size < 1 || size > 65536)
        return 0;
    if (!prepared) {
        snprintf(path, sizeof(path), "%s/networks", run_dir);
        require(mkdir(path, 0700) == 0);
        write_file(path, "lab.json", (const uint8_t *)ledger_text, strlen(ledger_text));
        prepared = true;
    }
    the_network();
    before = lowest_free();
    snprintf(path, sizeof(path), "%s/service.sock", run_dir);
    answering = answering_begin(path, data + 1, size - 1);
    if (data[0] % QUESTIONS == OBSERVE)
        ask_observe(run_dir);
    else if (data[0] % QUESTIONS == LEND)
        ask_lend(run_dir);
    else
        ask_apply(run_dir, data[0] % QUESTIONS);
    answering_end(answering);
    require(lowest_free() == before);
    return 0;
}
