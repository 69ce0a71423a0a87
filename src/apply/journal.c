/* SPDX-License-Identifier: MIT */
/* The plan in the run directory before its first step, so that a tapnet that was killed can be undone by the next. */
#include "apply/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply/run.h"
#include "base/cleanup.h"
#include "model/json.h"
#include "model/json_cleanup.h"

#define JOURNAL_NAME "journal"
#define JOURNAL_MAX (256u << 20) /* a plan of 100,000 ports is a tenth of that */

/* ---- writing ---- */

/* What is to be written, in large pieces: JSON comes in pieces of a few bytes. */
struct writer {
    int fd;
    size_t len;
    char bytes[65536];
};

static int write_out(struct writer *writer)
{
    int result = run_write(writer->fd, writer->bytes, writer->len);

    writer->len = 0;
    return result;
}

/* A json_dump_callback_t. */
static int put(const char *bytes, size_t len, void *data)
{
    struct writer *writer = data;

    while (len) {
        size_t room = sizeof(writer->bytes) - writer->len, part = len < room ? len : room;
        int result;

        memcpy(writer->bytes + writer->len, bytes, part);
        writer->len += part;
        bytes += part;
        len -= part;
        result = writer->len == sizeof(writer->bytes) ? write_out(writer) : 0;
        if (result < 0)
            return result;
    }
    return 0;
}

static int put_text(struct writer *writer, const char *text)
{
    return put(text, strlen(text), writer);
}

/* null for "not there" */
static int put_object(struct writer *writer, const struct model_object *object)
{
    _cleanup_json_ json_t *json = object ? model_object_to_json(object) : json_null();

    if (!json)
        return -ENOMEM;
    errno = 0;
    if (json_dump_callback(json, put, writer, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
        return errno ? -errno : -ENOMEM;
    return 0;
}

/* One line: the pair as JSON. */
static int put_step(struct writer *writer, const struct plan_step *step)
{
    int result = put_text(writer, "{\"before\":");

    if (result == 0)
        result = put_object(writer, step->before);
    if (result == 0)
        result = put_text(writer, ",\"after\":");
    if (result == 0)
        result = put_object(writer, step->after);
    return result == 0 ? put_text(writer, "}\n") : result;
}

static int write_steps(const char *path, const struct plan *plan)
{
    /* As the other files of the run directory: never through a link. */
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    _cleanup_free_ struct writer *writer = fd >= 0 ? malloc(sizeof(*writer)) : NULL;
    char end[64];
    int result = 0;

    if (!writer)
        return -errno;
    writer->fd = fd;
    writer->len = 0;
    for (size_t i = 0; i < plan->step_count && result == 0; i++)
        if (!plan_step_forgets(&plan->steps[i]))
            result = put_step(writer, &plan->steps[i]);
    snprintf(end, sizeof(end), "{\"end\":%zu}\n", plan->step_count);
    if (result == 0)
        result = put_text(writer, end);
    return result == 0 ? write_out(writer) : result;
}

int apply_journal_write(const char *run_dir, const struct plan *plan, struct tapnet_error *error)
{
    char path[RUN_PATH_MAX], fresh[RUN_PATH_MAX + 4];
    int result;

    if (run_path(run_dir, JOURNAL_NAME, path) < 0)
        return error_set(error, -ENAMETOOLONG, "the run directory's name is too long");
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    result = write_steps(fresh, plan);
    if (result == 0 && rename(fresh, path) < 0)
        result = -errno;
    if (result < 0) {
        unlink(fresh);
        return run_remedy(error_set_errno(error, result, "cannot write the journal %s", path), error);
    }
    return 0;
}

int apply_journal_remove(const char *run_dir, struct tapnet_error *error)
{
    int result = run_file_remove(run_dir, JOURNAL_NAME ".new", error);

    return result < 0 ? result : run_file_remove(run_dir, JOURNAL_NAME, error);
}

/* ---- reading ---- */

/* What stands before a step was found; what stands behind one is only looked for by its name. */
static int read_object(const json_t *json, struct model_objects *list, struct tapnet_error *error)
{
    struct model_object object;
    int result;

    if (!json || json_is_null(json))
        return 0;
    result = model_object_from_json(json, &list->arena, &object, error);
    if (result == 0 && object.kind == MODEL_OBJECT_LINK)
        object.link.was_found = true;
    return result < 0 ? result : model_objects_add(list, &object);
}

/* One line into both lists; *ret_end is set by the last one. */
static int read_line(const char *line, struct model_objects *wanted, struct model_objects *touched, bool *ret_end,
                     struct tapnet_error *error)
{
    json_error_t reason;
    _cleanup_json_ json_t *json = json_loads(line, 0, &reason);
    const json_t *before, *after;
    int result;

    if (!json) /* the reason quotes the file, and we are printed on root's terminal */
        return error_set(error, -EINVAL, "the journal is damaged: %s",
                         json_text_printable(reason.text) ? reason.text : "a line is no JSON");
    if (json_object_get(json, "end")) {
        *ret_end = true;
        return 0;
    }
    before = json_object_get(json, "before");
    after = json_object_get(json, "after");
    result = read_object(before, wanted, error);
    if (result == 0)
        result = read_object(json_is_null(before) ? after : before, touched, error);
    return result;
}

/* What it would have undone is not known any more. */
static int explain_damage(const char *run_dir, struct tapnet_error *error)
{
    error_prefix(error, -EBADMSG, "%s/" JOURNAL_NAME, run_dir);
    return error_add_line(error, -EBADMSG,
                          "a tapnet was killed and what it wrote to be undone is damaged: remove that file, then run "
                          "`tapnet up FILE` or `tapnet down --all`");
}

int apply_journal_read(const char *run_dir, bool *ret_found, struct model_objects *ret_wanted,
                       struct model_objects *ret_touched, struct tapnet_error *error)
{
    struct model_objects wanted = {0}, touched = {0};
    _cleanup_free_ char *text = NULL;
    char *rest, *line;
    bool end = false;
    int result = run_file_read(run_dir, JOURNAL_NAME, JOURNAL_MAX, &text);

    *ret_found = false;
    if (result == -ENOENT)
        return 0;
    if (result < 0)
        return error_set_errno(error, result, "cannot read the journal %s/" JOURNAL_NAME, run_dir);
    for (rest = text; result == 0 && !end && (line = strsep(&rest, "\n"));)
        if (*line)
            result = read_line(line, &wanted, &touched, &end, error);
    if (result < 0 || !end) {
        model_objects_fini(&wanted);
        model_objects_fini(&touched);
        return result == 0 || result == -ENOMEM ? result : explain_damage(run_dir, error);
    }
    model_objects_sort(&wanted);
    model_objects_sort(&touched);
    *ret_found = true;
    *ret_wanted = wanted;
    *ret_touched = touched;
    return 0;
}
