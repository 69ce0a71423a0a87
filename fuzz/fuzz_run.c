/* SPDX-License-Identifier: MIT */
/* The files of the run directory as they are read back after a crash: journal, ledgers, records; plans from them. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answering.h"
#include "api/sets.h"
#include "apply/apply.h"
#include "keeper/memory.h"
#include "observe/links.h"

/*
 * How it works: the input is a row of lines. The first byte of each says where the rest goes: "j" is a line of the
 * journal, "n" a ledger in networks/, "y" one in sysctl/, "s" a record in sets/, under its set's name; "k" is an object
 * that the kernel has, as a line of the journal has it. Then the directory is read as the next tapnet and the keeper
 * do, and a plan is made for each set that is found.
 */

#define INPUT_MAX 65536
#define LINES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *run_dir;
static char written[LINES_MAX][96]; /* names of files, to be removed */
static size_t written_count;

/* ---- writing ---- */

static void write_ledger(const char *folder, const char *name, const uint8_t *bytes, size_t len)
{
    snprintf(written[written_count], sizeof(written[0]), "%s/%s.json", folder, name);
    write_file(run_dir, written[written_count++], bytes, len);
}

static void write_record(const uint8_t *bytes, size_t len)
{
    json_t *json = json_loadb((const char *)bytes, len, 0, NULL);
    const char *set = json_string_value(json_object_get(json, "set"));

    write_ledger("sets", set && strlen(set) < MODEL_NAME_MAX && model_name_valid(set) ? set : "lab", bytes, len);
    json_decref(json);
}

static void add_object(struct observe_found *found, const uint8_t *bytes, size_t len)
{
    json_t *json = json_loadb((const char *)bytes, len, 0, NULL);
    struct model_object object;

    if (json && model_object_from_json(json, &found->objects.arena, &object, NULL) == 0)
        require(model_objects_add(&found->objects, &object) == 0);
    json_decref(json);
}

/* Puts one line where it belongs; those of the journal into @journal. */
static void put_line(const uint8_t *line, size_t len, FILE *journal, struct observe_found *found)
{
    char name[16];

    snprintf(name, sizeof(name), "n%zu", written_count);
    switch (len ? line[0] : 0) {
    case 'j':
        require(fwrite(line + 1, 1, len - 1, journal) == len - 1 && fputc('\n', journal) == '\n');
        break;
    case 'n':
        write_ledger("networks", name, line + 1, len - 1);
        break;
    case 'y':
        write_ledger("sysctl", name, line + 1, len - 1);
        break;
    case 's':
        write_record(line + 1, len - 1);
        break;
    case 'k':
        add_object(found, line + 1, len - 1);
        break;
    default:
        break;
    }
}

static void put_lines(const uint8_t *data, size_t size, struct observe_found *found)
{
    char *journal = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&journal, &len);

    require(file != NULL);
    for (size_t i = 0; i < LINES_MAX && size; i++) {
        const uint8_t *newline = memchr(data, '\n', size);
        size_t line = newline ? (size_t)(newline - data) : size;

        put_line(data, line, file, found);
        data += newline ? line + 1 : line;
        size -= newline ? line + 1 : line;
    }
    require(fclose(file) == 0);
    if (len)
        write_file(run_dir, "journal", (const uint8_t *)journal, len);
    free(journal);
}

/* ---- reading ---- */

static void print_objects(const struct model_objects *objects)
{
    char text[MODEL_OBJECT_TEXT_MAX];

    for (size_t i = 0; i < objects->count; i++) {
        model_object_print(&objects->items[i], text);
        require(strlen(text) < sizeof(text));
        for (const char *at = text; *at; at++)
            require((unsigned char)*at >= ' ' && *at != 0x7f);
    }
}

/* What a killed tapnet left, and the way back from where it may have come to. */
static void read_journal(void)
{
    struct model_objects wanted = {0}, touched = {0};
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct plan *plan = NULL;
    bool found;
    int result = apply_journal_read(run_dir, &found, &wanted, &touched, &error);

    require_failure(result, &error);
    if (result < 0 || !found)
        return;
    print_objects(&wanted);
    print_objects(&touched);
    require(plan_make(&wanted, &touched, &plan) == 0);
    plan_free(plan);
    model_objects_fini(&wanted);
    model_objects_fini(&touched);
}

static void plan_sets(const struct observe_found *found)
{
    struct arena arena = {0};
    const char **names;
    size_t count;

    require(sets_names(found, &arena, &names, &count) == 0);
    for (size_t i = 0; i < count; i++) {
        struct tapnet_error error = TAPNET_ERROR_INIT;
        struct sets_plan plan;
        int result = sets_plan_make(found, names[i], &plan, &error);

        require_failure(result, &error);
        if (result == 0)
            sets_plan_fini(&plan);
    }
    free(names);
    arena_fini(&arena);
}

static void read_ledgers(struct observe_found *found)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct memory memory = {0};
    int result = observe_ledgers(run_dir, found, &error);

    require_failure(result, &error);
    if (result < 0)
        return;
    model_objects_sort(&found->objects);
    observe_recorded_settings(found);
    print_objects(&found->objects);
    memory_learn(&memory, run_dir, found);
    memory_fini(&memory);
    plan_sets(found);
}

static void make_folders(void)
{
    static const char *const folders[] = {"networks", "sysctl", "sets"};
    char path[64];

    run_dir = answering_folder();
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", run_dir, folders[i]);
        require(mkdir(path, 0700) == 0 || errno == EEXIST);
    }
}

static void remove_files(void)
{
    char path[160];

    for (size_t i = 0; i < written_count; i++) {
        snprintf(path, sizeof(path), "%s/%s", run_dir, written[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/journal", run_dir);
    unlink(path);
    written_count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct observe_found found = {0};
    int before;

    if (size > INPUT_MAX)
        return 0;
    if (!run_dir)
        make_folders();
    before = lowest_free();
    put_lines(data, size, &found);
    read_journal();
    read_ledgers(&found);
    model_objects_fini(&found.objects);
    remove_files();
    require(lowest_free() == before);
    return 0;
}
