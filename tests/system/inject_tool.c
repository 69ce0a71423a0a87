/* SPDX-License-Identifier: MIT */
/* Has a running process make one system call: what somebody could who took it over. */

/*
 * How it works: `inject_tool PID NUMBER ARGUMENT...` stops the process by ptrace in the system call that it waits in,
 * has it execute the same instruction with another call's registers, and lets it go on as if nothing had been. An
 * argument is a number, or x:HEX, bytes that are put below its stack, of which the call gets the address. It prints the
 * result, a negative errno as the kernel returns it, or "killed SIGNAL".
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM 8192     /* below the stack, behind what the compiler may have put there */
#define SYSCALL_LEN 2 /* bytes of the instruction */

_Noreturn static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

/* Puts the bytes that @hex stands for at @address of the process. Returns how many. */
static size_t put_bytes(pid_t pid, const char *hex, unsigned long long address)
{
    uint8_t bytes[ROOM / 8];
    size_t len = strlen(hex) / 2;
    struct iovec here = {bytes, len}, there = {.iov_len = len};

    if (len > sizeof(bytes))
        exit(2);
    for (size_t i = 0; i < len; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1]};

        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    memcpy(&there.iov_base, &address, sizeof(there.iov_base));
    if (len && process_vm_writev(pid, &here, 1, &there, 1, 0) != (ssize_t)len)
        give_up("process_vm_writev");
    return len;
}

static void set_arguments(pid_t pid, char **words, int count, struct user_regs_struct *registers)
{
    unsigned long long *const places[] = {&registers->rdi, &registers->rsi, &registers->rdx,
                                          &registers->r10, &registers->r8,  &registers->r9};
    unsigned long long free_address = (registers->rsp - ROOM) & ~15ULL;

    for (int i = 0; i < count && i < 6; i++) {
        if (strncmp(words[i], "x:", 2) == 0) {
            *places[i] = free_address;
            free_address += (put_bytes(pid, words[i] + 2, free_address) + 15) & ~15ULL;
        } else {
            *places[i] = (unsigned long long)strtoll(words[i], NULL, 0);
        }
    }
}

/* Stops it; it must be waiting in a system call. */
static void stop(pid_t pid, struct user_regs_struct *ret)
{
    int status;

    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 ||
        waitpid(pid, &status, 0) < 0 || ptrace(PTRACE_GETREGS, pid, NULL, ret) < 0)
        give_up("ptrace");
}

int main(int argc, char **argv)
{
    struct user_regs_struct before, registers;
    pid_t pid = argc > 2 ? atoi(argv[1]) : 0;
    int status;

    if (pid <= 0)
        return 2;
    stop(pid, &before);
    registers = before;
    registers.rip -= SYSCALL_LEN;
    registers.rax = strtoull(argv[2], NULL, 10);
    registers.orig_rax = (unsigned long long)-1; /* nothing is to be made again */
    set_arguments(pid, argv + 3, argc - 3, &registers);
    if (ptrace(PTRACE_SETREGS, pid, NULL, &registers) < 0 || ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 ||
        waitpid(pid, &status, 0) < 0)
        give_up("ptrace");
    if (WIFSIGNALED(status)) {
        printf("killed %d\n", WTERMSIG(status));
        return 0;
    }
    if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) < 0)
        give_up("ptrace");
    printf("%lld\n", (long long)registers.rax);
    if (ptrace(PTRACE_SETREGS, pid, NULL, &before) < 0 || ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0)
        give_up("ptrace");
    return 0;
}
