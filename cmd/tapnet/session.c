/* SPDX-License-Identifier: MIT */
/* What every command needs: the context opened for this environment, the file found, errors shown. */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "environment.h"

int session_open(struct tapnet **ret)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;

    return environment_open(ret, &error) < 0 ? session_fail(&error, EXIT_FAILED) : 0;
}

int session_fail(const struct tapnet_error *error, int exit_code)
{
    const char *line = error->text;

    while (*line) {
        size_t length = strcspn(line, "\n");

        fprintf(stderr, "tapnet: %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    return exit_code;
}

static int word_count;
static char **typed_words;

void session_remember(int count, char **words)
{
    word_count = count;
    typed_words = words;
}

/* As a shell reads it back. */
static void print_word(const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:,=+@%";

    if (*word && !word[strspn(word, plain)]) {
        fprintf(stderr, " %s", word);
        return;
    }
    fputs(" '", stderr);
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\'", stderr);
        fputc(*word, stderr);
    }
    fputc('\'', stderr);
}

int session_refuse(const struct tapnet_error *error, int result)
{
    if (result == -EEXIST) /* what the file wants is another's: nothing was touched */
        return session_fail(error, EXIT_USAGE);
    if (result != -EACCES || geteuid() == 0)
        return session_fail(error, session_exit_code(result));
    fprintf(stderr, "tapnet: %s: sudo", error->text);
    for (int i = 0; i < word_count; i++)
        print_word(typed_words[i]);
    fputc('\n', stderr);
    return EXIT_FAILED;
}

void session_notes(const struct tapnet *tapnet)
{
    const char *note;

    for (size_t i = 0; (note = tapnet_note(tapnet, i)); i++)
        fprintf(stderr, "tapnet: %s\n", note);
}

int session_exit_code(int result)
{
    return result == -EINVAL || result == -EALREADY ? EXIT_USAGE : EXIT_FAILED;
}

const char *session_file(const char *operand, char path[PATH_MAX])
{
    if (!operand)
        return "tapnet.yaml";
    if (!strpbrk(operand, "/.") && access(operand, F_OK) < 0 &&
        snprintf(path, PATH_MAX, "/etc/tapnet/%s.yaml", operand) < PATH_MAX && access(path, F_OK) == 0)
        return path;
    return operand;
}

bool session_has_file(const char *operand)
{
    char path[PATH_MAX];

    return access(session_file(operand, path), F_OK) == 0;
}

void session_set(const char *operand, char set[64])
{
    struct tapnet_spec *spec;
    char path[PATH_MAX];
    const char *file = session_file(operand, path);
    const char *base = strrchr(file, '/');

    if (tapnet_spec_load(file, &spec, NULL) == 0) {
        snprintf(set, 64, "%s", tapnet_spec_set(spec));
        tapnet_spec_free(spec);
        return;
    }
    base = base ? base + 1 : file;
    snprintf(set, 64, "%.*s", (int)strcspn(base, "."), base);
}

int session_look(struct tapnet *tapnet, const char *operand, struct tapnet_status **ret, struct tapnet_error *error)
{
    const char *name = operand;
    char set[64];

    if (name && strpbrk(name, "/.")) { /* no name has these: a file */
        session_set(name, set);
        name = set;
    }
    return tapnet_status_get(tapnet, name, ret, error);
}

int session_refuse_look(const struct tapnet_error *error, int result, const char *operand)
{
    if (result == -ENOENT && operand && !session_has_file(operand))
        return session_fail(error, EXIT_USAGE);
    return session_refuse(error, result);
}

/* Says what might have been meant. */
static int file_is_missing(const char *operand)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s.yaml", operand) < (int)sizeof(path) && access(path, F_OK) == 0)
        fprintf(stderr, "tapnet: there is no file %s; did you mean %s?\n", operand, path);
    else if (strcmp(operand, "-") == 0)
        fputs("tapnet: standard input is not read: name a file\n", stderr);
    else if (!*operand)
        fputs("tapnet: '' names no file\n", stderr);
    else
        fprintf(stderr, "tapnet: there is no file %s%s\n", operand,
                strpbrk(operand, "/.") ? "" : ", here or as NAME.yaml in /etc/tapnet");
    return EXIT_USAGE;
}

int session_load(const char *operand, struct tapnet_spec **ret)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    char path[PATH_MAX];
    int result = tapnet_spec_load(session_file(operand, path), ret, &error);

    if (result == -ENOENT && !operand) {
        fputs("tapnet: there is no tapnet.yaml here: name a file, as in `tapnet up lab.yaml`\n", stderr);
        return EXIT_USAGE;
    }
    if (result == -ENOENT)
        return file_is_missing(operand);
    return result < 0 ? session_fail(&error, EXIT_USAGE) : 0;
}
