/* Counts the calls that change regular files, and lets the n-th one fail or kill the process. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long target = -1, calls = 0;
static int error_number = 0, persistent = 0; /* error 0: SIGKILL */

void fault_arm(long n, int error, int stays) {
    target = n, error_number = error, persistent = stays, calls = 0;
}
long fault_calls(void) { return calls; }

static int fails(int frees_space) {
    if (target < 0) return 0;
    long n = __sync_add_and_fetch(&calls, 1);
    if (n != target && !(persistent && n > target && !(frees_space && error_number == ENOSPC)))
        return 0;
    if (!error_number) kill(getpid(), SIGKILL);
    errno = error_number;
    return 1;
}
static int is_file(int fd) {
    struct stat s;
    return fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
}
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRAP(type, name, parameters, arguments, condition, frees) \
    type name parameters { return (condition) && fails(frees) ? -1 : NEXT(name) arguments; }

WRAP(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n), is_file(fd), 0)
WRAP(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), is_file(fd), 0)
WRAP(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), is_file(fd), 0)
WRAP(int, fsync, (int fd), (fd), 1, 0)
WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n), 1, 0)
WRAP(int, rename, (const char *a, const char *b), (a, b), 1, 0)
WRAP(int, renameat2, (int d, const char *a, int e, const char *b, unsigned f), (d, a, e, b, f), 1, 0)
WRAP(int, mkdir, (const char *p, mode_t m), (p, m), 1, 0)
WRAP(int, unlink, (const char *p), (p), 1, 1)
WRAP(int, unlinkat, (int d, const char *p, int f), (d, p, f), 1, 1)
WRAP(int, rmdir, (const char *p), (p), 1, 1)

#define OPEN(name, parameters, arguments)                                             \
    int name parameters {                                                             \
        va_list rest;                                                                 \
        va_start(rest, flags);                                                        \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;     \
        va_end(rest);                                                                 \
        return (flags & O_CREAT) && fails(0) ? -1 : NEXT(name) arguments;             \
    }
OPEN(open, (const char *p, int flags, ...), (p, flags, mode))
OPEN(open64, (const char *p, int flags, ...), (p, flags, mode))
OPEN(openat, (int d, const char *p, int flags, ...), (d, p, flags, mode))
OPEN(openat64, (int d, const char *p, int flags, ...), (d, p, flags, mode))
