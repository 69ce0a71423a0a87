/* SPDX-License-Identifier: MIT */
/* What the tests of our tables in a real kernel share: a namespace, `nft` as the hand of others, what was found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nf_tables.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel.h"
#include "nft/message.h"

struct netlink *kernel_netlink;

/* ---- helpers ---- */

int kernel_shell(const char *command)
{
    int status = system(command);

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The first line that @command prints, without its end. */
void kernel_shell_line(const char *command, char *line, size_t size)
{
    FILE *pipe = popen(command, "r");

    assert_non_null(pipe);
    if (!fgets(line, (int)size, pipe))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    pclose(pipe);
}

struct ip_address kernel_address(const char *text)
{
    struct ip_address parsed;

    assert_int_equal(ip_address_parse(text, &parsed), 0);
    return parsed;
}

enum nft_table_state kernel_observe(enum guard_family family)
{
    struct tapnet_error error = {0};
    enum nft_table_state state;

    if (nft_table_observe(kernel_netlink, family, &state, &error) < 0)
        fail_msg("%s", error.text);
    return state;
}

int kernel_commit(struct nft_transaction *transaction, struct tapnet_error *error)
{
    int r = nft_commit(kernel_netlink, transaction, error);

    nft_transaction_fini(transaction);
    return r;
}

void kernel_commit_well(struct nft_transaction *transaction)
{
    struct tapnet_error error = {0};

    if (kernel_commit(transaction, &error) < 0)
        fail_msg("%s", error.text);
}

void kernel_add_tables(void)
{
    struct nft_transaction transaction;

    nft_transaction_init(&transaction);
    nft_table_add(&transaction, GUARD_INET);
    nft_table_add(&transaction, GUARD_BRIDGE);
    nft_table_add(&transaction, GUARD_ARP);
    nft_table_add(&transaction, GUARD_CLONES);
    nft_table_add(&transaction, GUARD_CLONES6);
    kernel_commit_well(&transaction);
}

void kernel_change(const struct guard_element *add, size_t add_count, const struct guard_element *delete,
                   size_t delete_count)
{
    struct nft_transaction transaction;

    nft_transaction_init(&transaction);
    nft_elements_delete(&transaction, delete, delete_count);
    nft_elements_add(&transaction, add, add_count);
    kernel_commit_well(&transaction);
}

/* Every test starts with intact, empty tables, and leaves nothing. */
int kernel_setup(void **state)
{
    (void)state;
    kernel_add_tables();
    return 0;
}

int kernel_teardown(void **state)
{
    (void)state;
    return kernel_shell("nft flush ruleset");
}

/* ---- what is in the kernel ---- */

struct kernel_found kernel_found;

int kernel_collect(const struct guard_element *element, void *data)
{
    (void)data;
    assert_true(kernel_found.count < KERNEL_FOUND_MAX);
    snprintf(kernel_found.labels[kernel_found.count], GUARD_LABEL_MAX, "%s", element->label);
    kernel_found.items[kernel_found.count] = *element;
    kernel_found.items[kernel_found.count].label = kernel_found.labels[kernel_found.count];
    kernel_found.count++;
    return 0;
}

void kernel_forget(void *data)
{
    (void)data;
    kernel_found.count = 0;
}

int kernel_compare(const void *a, const void *b)
{
    return guard_element_compare(a, b);
}

/* All elements of a family's table, sorted, in `found`. */
void kernel_observe_elements(enum guard_family family)
{
    struct tapnet_error error = {0};

    kernel_forget(NULL);
    if (nft_elements_observe(kernel_netlink, family, kernel_collect, kernel_forget, NULL, &error) < 0)
        fail_msg("%s", error.text);
    if (kernel_found.count)
        qsort(kernel_found.items, kernel_found.count, sizeof(*kernel_found.items), kernel_compare);
}

static int read_generation(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *table[NFTA_GEN_MAX + 1];

    assert_int_equal(nft_message_parse(message, table, NFTA_GEN_MAX), 0);
    *(uint32_t *)data = be32toh(netlink_get_u32(table[NFTA_GEN_ID]));
    return 0;
}

/* The ruleset's kernel_generation: one more with each transaction that was committed. */
uint32_t kernel_generation(void)
{
    cleanup(netlink_message_fini) struct netlink_message message = {0};
    uint32_t id = 0;

    nft_message_begin(&message, NFT_MSG_GETGEN, 0, 0);
    assert_int_equal(netlink_query(kernel_netlink, &message, read_generation, &id, NULL), 0);
    return id;
}

static void write_file(const char *path, const char *text)
{
    _cleanup_fclose_ FILE *file = fopen(path, "w");

    if (file)
        fputs(text, file);
}

/* Root of a user namespace, who stays root across an exec of `nft`. */
static int become_root(void)
{
    char map[32];

    snprintf(map, sizeof(map), "0 %u 1", (unsigned)geteuid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return -1;
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", map);
    return 0;
}

/* A network of our own where we may change nf_tables; false where the kernel refuses. */
bool kernel_enter(void)
{
    struct tapnet_error error = {0};
    struct nft_transaction transaction;

    if (unshare(CLONE_NEWNET) < 0 && become_root() < 0) {
        printf("skipped: no network namespace: %s\n", strerror(errno));
        return false;
    }
    nft_transaction_init(&transaction);
    nft_table_delete(&transaction, GUARD_INET);
    nft_table_delete(&transaction, GUARD_BRIDGE);
    nft_table_delete(&transaction, GUARD_ARP);
    nft_table_delete(&transaction, GUARD_CLONES);
    nft_table_delete(&transaction, GUARD_CLONES6);
    if (netlink_open(NETLINK_NETFILTER, &kernel_netlink, &error) < 0 || kernel_commit(&transaction, &error) < 0) {
        printf("skipped: no nf_tables: %s\n", error.text);
        return false;
    }
    if (kernel_shell("nft list ruleset && jq --version >/dev/null") != 0) {
        printf("skipped: nft and jq are needed\n");
        return false;
    }
    return true;
}
