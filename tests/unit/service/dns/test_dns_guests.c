/* SPDX-License-Identifier: MIT */
/* What guests may take: shares that are fair, and a table that can't be filled by one. */
#include "service/dns_guests.h"

#include "wire.h"

#define TOTAL 1000

static struct dns_guests guests;
/* Only told apart by their addresses. */
static const char lab_place, office_place;
static const struct dns_network *const lab = (const void *)&lab_place, *const office = (const void *)&office_place;

static int set_up(void **state)
{
    (void)state;
    memset(&guests, 0, sizeof(guests));
    return 0;
}

/* @count guests take in turns until none may take more. How much each has then; *ret: all of them. */
static size_t take_all(size_t count, size_t *ret)
{
    size_t have[TOTAL] = {0}, used = 0;
    int taken;

    do {
        taken = 0;
        for (size_t i = 0; i < count; i++) {
            if (dns_share(have[i], 1, used, TOTAL)) {
                have[i]++;
                used++;
                taken = 1;
            }
        }
    } while (taken);
    *ret = used;
    return have[count - 1];
}

static void greed_leaves_room(void **state)
{
    size_t used;

    (void)state;
    assert_in_range(take_all(1, &used), 332, 334);
    assert_in_range(take_all(10, &used), 80, 84);
    assert_in_range(used, 800, 840);
    assert_true(dns_share(0, 80, used, TOTAL)); /* a newcomer gets as much as they have, at once */
    assert_in_range(take_all(100, &used), 9, 10);
    assert_true(dns_share(0, 9, used, TOTAL));
    assert_int_equal(take_all(TOTAL, &used), 1);
    assert_int_equal(used, TOTAL);
    assert_false(dns_share(0, 1, used, TOTAL));
}

static void a_share_is_never_more_than_all(void **state)
{
    (void)state;
    assert_false(dns_share(0, TOTAL + 1, 0, TOTAL));
    assert_false(dns_share(0, TOTAL, 0, TOTAL));
    assert_true(dns_share(0, TOTAL / 2, 0, TOTAL));
    assert_true(dns_share(0, 0, TOTAL, TOTAL));
}

static void guests_are_told_apart(void **state)
{
    struct dns_guest *web = dns_guests_find(&guests, lab, 0x0a140007, 1);
    struct dns_guest *db = dns_guests_find(&guests, lab, 0x0a140008, 1);
    struct dns_guest *other = dns_guests_find(&guests, office, 0x0a140007, 1);

    (void)state;
    assert_non_null(web);
    assert_true(web != db && web != other && db != other);
    web->queries = 5;
    assert_ptr_equal(dns_guests_find(&guests, lab, 0x0a140007, 1), web);
    assert_int_equal(web->queries, 5);
    web->queries = 0;
    dns_guests_forget(&guests, lab);
    assert_ptr_equal(dns_guests_find(&guests, office, 0x0a140007, 1), other);
    assert_null(web->network);
}

static void idle_entries_are_given_away(void **state)
{
    struct dns_guest *busy = dns_guests_find(&guests, lab, 1, 1);

    (void)state;
    busy->connections = 1;
    for (uint32_t i = 2; i < 3 * DNS_GUESTS_MAX; i++)
        assert_non_null(dns_guests_find(&guests, lab, i, 1));
    assert_ptr_equal(dns_guests_find(&guests, lab, 1, 1), busy);
    assert_int_equal(busy->connections, 1);
}

static void busy_entries_are_kept(void **state)
{
    uint64_t now = 1000000;

    (void)state;
    for (uint32_t i = 0; i < DNS_GUESTS_MAX; i++) {
        struct dns_guest *guest = dns_guests_find(&guests, lab, i, now);

        assert_true(bucket_take(&guest->bucket, now, DNS_RATE, DNS_BURST));
    }
    assert_null(dns_guests_find(&guests, lab, DNS_GUESTS_MAX, now));
    assert_non_null(dns_guests_find(&guests, lab, 5, now));
    assert_non_null(dns_guests_find(&guests, lab, DNS_GUESTS_MAX, now + 1000000 / DNS_RATE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(greed_leaves_room, set_up),
        cmocka_unit_test_setup(a_share_is_never_more_than_all, set_up),
        cmocka_unit_test_setup(guests_are_told_apart, set_up),
        cmocka_unit_test_setup(idle_entries_are_given_away, set_up),
        cmocka_unit_test_setup(busy_entries_are_kept, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
