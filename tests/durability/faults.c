/* Preloaded into a process: while the file named by FAULT_SWITCH exists, writes and syncs of files below FAULT_BELOW
   fail as the number in it says (5 = EIO, 28 = ENOSPC). With FAULT_KILL=N the process is killed before the N-th of them,
   and of what it sends where FAULT_BELOW is "socket:". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int seen;

static int fault(int fd) {
  const char *name = getenv("FAULT_SWITCH"), *below = getenv("FAULT_BELOW"), *at = getenv("FAULT_KILL");
  char link[64], path[PATH_MAX], said[16] = "";
  if (!below || (!at && (!name || access(name, F_OK) != 0))) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (strncmp(path, below, strlen(below)) != 0) return 0;
  if (at) {
    if (atomic_fetch_add(&seen, 1) + 1 == atoi(at)) kill(getpid(), SIGKILL);
    return 0;
  }
  FILE *file = fopen(name, "r");
  if (!file) return 0;
  char *read = fgets(said, sizeof said, file);
  fclose(file);
  return read ? atoi(said) : 0;
}

#define WRAP(result, name, parameters, arguments)                        \
  result name parameters {                                               \
    static result(*real) parameters;                                     \
    if (!real) real = (result(*) parameters)dlsym(RTLD_NEXT, #name);     \
    int code = fault(fd);                                                \
    if (code) {                                                          \
      errno = code;                                                      \
      return -1;                                                         \
    }                                                                    \
    return real arguments;                                               \
  }

WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
WRAP(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
WRAP(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, ftruncate, (int fd, off_t size), (fd, size))
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size))
