/* SPDX-License-Identifier: MIT */
/* `tapnet status --guest` and `--libvirt`: what to tell a guest that needs no DHCP, and who starts it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "session.h"
#include "style.h"

/* What stands above each form when all are printed. */
static const char *const titles[] = {
    [TAPNET_GUEST_COMMANDS] = "To type in the guest:",
    [TAPNET_GUEST_CLOUD_INIT] = "cloud-init's network-config:",
    [TAPNET_GUEST_NETWORKD] = "A file of systemd-networkd:",
    [TAPNET_GUEST_KERNEL] = "On the kernel's command line:",
};

/* False with the mistake told. */
static bool find_form(const char *word, enum tapnet_guest_form *ret)
{
    const char *name;

    for (int form = 0; (name = tapnet_guest_form_name((enum tapnet_guest_form)form)); form++) {
        if (strcmp(name, word) != 0)
            continue;
        *ret = (enum tapnet_guest_form)form;
        return true;
    }
    fprintf(stderr, "tapnet status: --as %s is none of", word);
    for (int form = 0; (name = tapnet_guest_form_name((enum tapnet_guest_form)form)); form++)
        fprintf(stderr, "%s %s", form ? "," : "", name);
    fputc('\n', stderr);
    return false;
}

/* Who names a port that is not there, or is there twice, has mistyped it. */
static int refuse(const struct tapnet_error *error, int result)
{
    bool asked_for_nothing = result == -ENOENT || result == -ENOTUNIQ || result == -ENODATA;

    return session_fail(error, asked_for_nothing ? EXIT_USAGE : EXIT_FAILED);
}

/* Each under its title, indented, so that one can be told from the next. */
static int print_all(const struct tapnet_status *status, const char *port)
{
    for (size_t form = 0; form < sizeof(titles) / sizeof(titles[0]); form++) {
        struct tapnet_error error = TAPNET_ERROR_INIT;
        char *text, *rest;
        int result = tapnet_status_guest(status, port, (enum tapnet_guest_form)form, &text, &error);

        if (result < 0)
            return refuse(&error, result);
        printf("%s%s%s%s\n\n", form ? "\n" : "", style(STYLE_BOLD), titles[form], style(STYLE_PLAIN));
        rest = text;
        for (char *line; (line = strsep(&rest, "\n")) && rest;)
            printf("%s%s\n", *line ? "  " : "", line);
        free(text);
    }
    return EXIT_DONE;
}

int print_guest(const struct tapnet_status *status, const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    enum tapnet_guest_form form = TAPNET_GUEST_COMMANDS;
    char *text = NULL;
    int result;

    if (arguments->as && !find_form(arguments->as, &form))
        return EXIT_USAGE;
    if (!arguments->as && !arguments->json)
        return print_all(status, arguments->guest);
    if (arguments->json)
        result = tapnet_status_guest_json(status, arguments->guest, &text, &error);
    else
        result = tapnet_status_guest(status, arguments->guest, form, &text, &error);
    if (result < 0)
        return refuse(&error, result);
    printf("%s%s", text, arguments->json ? "\n" : "");
    free(text);
    return EXIT_DONE;
}

int print_libvirt(const struct tapnet_status *status, const struct arguments *arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    char *text = NULL;
    int result = tapnet_status_libvirt(status, arguments->libvirt, &text, &error);

    if (result < 0)
        return refuse(&error, result);
    fputs(text, stdout);
    free(text);
    return EXIT_DONE;
}
