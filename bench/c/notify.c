// Seccomp user notification round trip: a child makes a supervised system call, a parent lets it go on.
// Prints one time in nanoseconds a line. In C, because every way to it from Rust needs `unsafe` or libseccomp.
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int supervised(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void call(int announce, int times) {
    int listener = supervised();
    if (write(announce, &listener, sizeof listener) != sizeof listener || listener < 0) _exit(1);
    for (int i = 0; i < times; i++) {
        long long before = now();
        syscall(SYS_getppid);
        printf("%lld\n", now() - before);
    }
    fflush(stdout);
    _exit(0);
}

int main(int argc, char **argv) {
    int times = argc > 1 ? atoi(argv[1]) : 1000, ends[2], theirs = -1;
    if (pipe(ends)) return perror("pipe"), 1;
    prctl(PR_SET_PDEATHSIG, 9);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, 9);
        call(ends[1], times);
    }
    close(ends[1]);
    if (read(ends[0], &theirs, sizeof theirs) != sizeof theirs || theirs < 0)
        return fprintf(stderr, "the kernel refuses a seccomp listener\n"), 1;
    int process = (int)syscall(SYS_pidfd_open, child, 0);
    int listener = (int)syscall(SYS_pidfd_getfd, process, theirs, 0);
    if (listener < 0) return perror("pidfd_getfd"), 1;
    struct seccomp_notif asked;
    struct seccomp_notif_resp answer;
    for (int i = 0; i < times; i++) {
        memset(&asked, 0, sizeof asked);
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked)) return perror("NOTIF_RECV"), 1;
        memset(&answer, 0, sizeof answer);
        answer.id = asked.id;
        answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer)) return perror("NOTIF_SEND"), 1;
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status ? 1 : 0;
}
