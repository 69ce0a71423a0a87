/* SPDX-License-Identifier: MIT */
/* The journal: what is written is read back; what was written half counts as never begun. */
#include "../plan/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "apply/apply.h"
#include "apply/run.h"

static char directory[] = "/tmp/tapnet-journal-XXXXXX";

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static void write_lab(struct model_objects *wanted, struct model_objects *found)
{
    struct plan *plan;

    assert_int_equal(plan_make(wanted, found, &plan), 0);
    assert_int_equal(apply_journal_write(directory, plan, NULL), 0);
    plan_free(plan);
}

/* An up from nothing: before it nothing was there, and everything was touched. */
static void an_up_is_remembered(void **state)
{
    struct model_objects wanted, nothing = {0}, before, touched;
    struct lab lab;
    bool found;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    write_lab(&wanted, &nothing);
    assert_int_equal(apply_journal_read(directory, &found, &before, &touched, NULL), 0);
    assert_true(found);
    assert_int_equal(before.count, 0);
    assert_int_equal(touched.count, wanted.count);
    for (size_t i = 0; i < wanted.count; i++)
        assert_int_equal(model_object_compare(&wanted.items[i], &touched.items[i]), 0);
    model_objects_fini(&before);
    model_objects_fini(&touched);
    model_objects_fini(&wanted);
    assert_int_equal(apply_journal_remove(directory, NULL), 0);
}

/* A down: all that was there is remembered whole, so that it could be made again. */
static void a_down_remembers_what_was_there(void **state)
{
    struct model_objects found_objects, nothing = {0}, before, touched;
    struct lab lab;
    bool found;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &found_objects);
    write_lab(&nothing, &found_objects);
    assert_int_equal(apply_journal_read(directory, &found, &before, &touched, NULL), 0);
    assert_true(found);
    assert_int_equal(before.count, found_objects.count);
    for (size_t i = 0; i < before.count; i++)
        assert_true(model_object_equal(&before.items[i], &found_objects.items[i]) ||
                    before.items[i].kind == MODEL_OBJECT_TABLE);
    model_objects_fini(&before);
    model_objects_fini(&touched);
    model_objects_fini(&found_objects);
    assert_int_equal(apply_journal_remove(directory, NULL), 0);
}

static void no_journal_is_no_error(void **state)
{
    struct model_objects before, touched;
    bool found = true;

    (void)state;
    assert_int_equal(apply_journal_read(directory, &found, &before, &touched, NULL), 0);
    assert_false(found);
}

/* Cut before its end: the writer was killed before the first step, so there is nothing to undo. */
static void a_journal_that_is_cut_was_never_begun(void **state)
{
    struct model_objects before, touched;
    bool found = true;

    (void)state;
    assert_int_equal(run_file_write(directory, "journal", "{\"before\":null,\"after\":null}\n", NULL), 0);
    assert_int_equal(apply_journal_read(directory, &found, &before, &touched, NULL), 0);
    assert_false(found);
    assert_int_equal(apply_journal_remove(directory, NULL), 0);
}

static void a_damaged_journal_is_an_error(void **state)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct model_objects before, touched;
    bool found;

    (void)state;
    assert_int_equal(run_file_write(directory, "journal", "}{\n{\"end\":1}\n", NULL), 0);
    assert_int_equal(apply_journal_read(directory, &found, &before, &touched, &error), -EBADMSG);
    assert_non_null(strstr(error.text, "remove that file"));
    assert_non_null(strstr(error.text, "journal"));
    assert_int_equal(apply_journal_remove(directory, NULL), 0);
}

/* The sentence is printed on a terminal: nothing of the file that plays tricks with one is in it. */
static void what_is_damaged_is_not_quoted_raw(void **state)
{
    struct model_objects before = {0}, touched = {0};
    struct tapnet_error error = TAPNET_ERROR_INIT;
    bool found;

    (void)state;
    assert_int_equal(run_file_write(directory, "journal", "{\"before\":\033[2J\007}\n{\"end\":1}\n", NULL), 0);
    assert_int_equal(apply_journal_read(directory, &found, &before, &touched, &error), -EBADMSG);
    assert_non_null(strstr(error.text, "a line is no JSON"));
    assert_null(strpbrk(error.text, "\033\007"));
    assert_int_equal(apply_journal_remove(directory, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_up_is_remembered),           cmocka_unit_test(a_down_remembers_what_was_there),
        cmocka_unit_test(no_journal_is_no_error),        cmocka_unit_test(a_journal_that_is_cut_was_never_begun),
        cmocka_unit_test(a_damaged_journal_is_an_error), cmocka_unit_test(what_is_damaged_is_not_quoted_raw),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
