/* SPDX-License-Identifier: MIT */
/* What the tests of our tables in a real kernel share. */
#ifndef TESTS_NFT_KERNEL_H
#define TESTS_NFT_KERNEL_H

#include "nft/nft.h"

#define KERNEL_SKIP 77 /* exit code of a test that the kernel refuses */

/* Enters a network of its own, as root or as root of a user namespace; false, with the reason printed, if it can't. */
bool kernel_enter(void);

/* The socket that the tests use. */
extern struct netlink *kernel_netlink;

/* For cmocka: every test starts with intact and empty tables, and leaves nothing. */
int kernel_setup(void **state);
int kernel_teardown(void **state);
#define WITH_TABLES(test) cmocka_unit_test_setup_teardown(test, kernel_setup, kernel_teardown)
#define WITHOUT_TABLES(test) cmocka_unit_test_teardown(test, kernel_teardown)

/* Runs a command as others would; its exit code. */
int kernel_shell(const char *command);
/* The first line that it prints, without its end. */
void kernel_shell_line(const char *command, char *line, size_t size);

struct ip_address kernel_address(const char *text);

/* These fail the test when the kernel refuses. */
enum nft_table_state kernel_observe(enum guard_family family);
void kernel_commit_well(struct nft_transaction *transaction);
void kernel_change(const struct guard_element *add, size_t add_count, const struct guard_element *delete,
                   size_t delete_count);
void kernel_add_tables(void);
/* All elements of a family's table, sorted, go to kernel_found. */
void kernel_observe_elements(enum guard_family family);
/* The ruleset's generation: one more with each transaction that was committed. */
uint32_t kernel_generation(void);

/* Commits and ends the transaction; what the kernel said. */
int kernel_commit(struct nft_transaction *transaction, struct tapnet_error *error);

#define KERNEL_FOUND_MAX 8192
struct kernel_found {
    struct guard_element items[KERNEL_FOUND_MAX];
    char labels[KERNEL_FOUND_MAX][GUARD_LABEL_MAX];
    size_t count;
};
extern struct kernel_found kernel_found;

int kernel_collect(const struct guard_element *element, void *data);
void kernel_forget(void *data);
int kernel_compare(const void *a, const void *b);

#endif
