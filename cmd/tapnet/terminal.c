/* SPDX-License-Identifier: MIT */
/* A terminal that is ours alone for a while: its keys one by one, its whole screen, and all as it was afterwards. */
#include "terminal.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define OTHER_SCREEN "\033[?1049h\033[?25l" /* and no cursor */
#define FIRST_SCREEN "\033[?25h\033[?1049l"
#define DEFAULT_COLUMNS 80
#define DEFAULT_LINES 24

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};

uint64_t terminal_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void measure(unsigned *ret_columns, unsigned *ret_lines)
{
    struct winsize size;

    *ret_columns = DEFAULT_COLUMNS;
    *ret_lines = DEFAULT_LINES;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        return;
    if (size.ws_col)
        *ret_columns = size.ws_col;
    if (size.ws_row)
        *ret_lines = size.ws_row;
}

unsigned terminal_columns(void)
{
    unsigned columns, lines;

    measure(&columns, &lines);
    return columns;
}

bool terminal_is_utf8(void)
{
    setlocale(LC_CTYPE, "");
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool terminal_is_capable(void)
{
    const char *term = getenv("TERM");

    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

static void print(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

static void enter(struct terminal *terminal)
{
    struct termios raw = terminal->before;

    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    print(OTHER_SCREEN);
    measure(&terminal->columns, &terminal->lines);
}

static void leave(struct terminal *terminal)
{
    print(FIRST_SCREEN);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
}

int terminal_open(struct terminal *terminal)
{
    sigset_t set;

    *terminal = (struct terminal){.signal_fd = -1};
    if (tcgetattr(STDIN_FILENO, &terminal->before) < 0)
        return -errno;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_BLOCK, &set, &terminal->mask);
    terminal->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (terminal->signal_fd < 0) {
        int result = -errno;

        sigprocmask(SIG_SETMASK, &terminal->mask, NULL);
        return result;
    }
    enter(terminal);
    terminal->ours = true;
    return 0;
}

void terminal_close(struct terminal *terminal)
{
    if (!terminal->ours)
        return;
    leave(terminal);
    close(terminal->signal_fd);
    sigprocmask(SIG_SETMASK, &terminal->mask, NULL);
    terminal->ours = false;
}

/* ^Z: the shell has its terminal back until it lets us go on. */
static void stop(struct terminal *terminal)
{
    const struct timespec now = {0, 0};
    sigset_t stops, goes_on;

    leave(terminal);
    sigemptyset(&stops);
    sigaddset(&stops, SIGTSTP);
    sigemptyset(&goes_on);
    sigaddset(&goes_on, SIGCONT);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stops, NULL); /* here we stop */
    sigprocmask(SIG_BLOCK, &stops, NULL);
    sigtimedwait(&goes_on, NULL, &now);
    enter(terminal);
}

static enum terminal_event take_signal(struct terminal *terminal)
{
    struct signalfd_siginfo info;

    if (read(terminal->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return TERMINAL_NOTHING;
    if (info.ssi_signo == SIGTSTP)
        stop(terminal);
    else if (info.ssi_signo == SIGCONT)
        enter(terminal); /* who was stopped by SIGSTOP has had no time to leave */
    else if (info.ssi_signo != SIGWINCH)
        return TERMINAL_END;
    measure(&terminal->columns, &terminal->lines);
    return TERMINAL_REDRAW;
}

/* One key; what a key sends that is no character is passed over. */
static enum terminal_event take_key(char *ret_key)
{
    char bytes[64];
    ssize_t len = read(STDIN_FILENO, bytes, sizeof(bytes));

    if (len <= 0)
        return len < 0 && (errno == EINTR || errno == EAGAIN) ? TERMINAL_REDRAW : TERMINAL_END;
    if (bytes[0] == '\033')
        return TERMINAL_REDRAW;
    *ret_key = bytes[0];
    return TERMINAL_KEY;
}

enum terminal_event terminal_wait(struct terminal *terminal, uint64_t until_nsec, char *ret_key)
{
    struct pollfd polls[] = {{.fd = terminal->signal_fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    uint64_t now = terminal_now(), left = until_nsec > now ? until_nsec - now : 0;
    const struct timespec timeout = {(time_t)(left / 1000000000), (long)(left % 1000000000)};

    if (ppoll(polls, 2, &timeout, NULL) <= 0)
        return TERMINAL_NOTHING;
    if (polls[0].revents)
        return take_signal(terminal);
    return polls[1].revents & POLLIN ? take_key(ret_key) : TERMINAL_END;
}

/* Line by line over what was there: nothing flickers. */
void terminal_show(const struct terminal *terminal, const char *text)
{
    fputs("\033[H", stdout);
    for (unsigned line = 1; *text && line <= terminal->lines; line++) {
        size_t len = strcspn(text, "\n");
        bool last = !text[len] || !text[len + 1] || line == terminal->lines;

        printf("%.*s\033[K%s", (int)len, text, last ? "" : "\n");
        text += len + (text[len] != '\0');
    }
    print("\033[J");
}
