/* Loaded into a tracked command by LD_PRELOAD: notes which files it and its children open, whoever opens them.
   One line a file and process, "R path" or "W path"; the note is written to $RUNWARD_OPENS and closed at once, so that
   no descriptor of ours can ever be mistaken for one of the program's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SEEN 8192
static _Atomic uint64_t seen[SEEN];
static const char *const passed[] = {"/proc/", "/sys/", "/dev/", "/usr/", "/lib", "/etc/", "/run/", 0};
static const char *const code[] = {".py", ".pyc", ".so", ".pth", ".reads", ".witness", 0};

static int is_new(char kind, const char *path) {
  uint64_t hash = 1469598103934665603ULL ^ (uint64_t)kind;
  for (const char *c = path; *c; c++) hash = (hash ^ (uint8_t)*c) * 1099511628211ULL;
  hash |= 1;
  for (int i = 0; i < 32; i++) {
    _Atomic uint64_t *slot = &seen[(hash + i) % SEEN];
    uint64_t empty = 0;
    if (*slot == hash) return 0;
    if (!*slot && __atomic_compare_exchange_n((uint64_t *)slot, &empty, hash, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      return 1;
  }
  return 1;
}

static void note(int dir, const char *path, char kind) {
  char line[4200], where[64];
  size_t length = 2;
  const char *log = getenv("RUNWARD_OPENS");
  if (!log || !path) return;
  if (path[0] != '/') {
    if (dir == AT_FDCWD) {
      if (!getcwd(line + 2, 2048)) return;
      length += strlen(line + 2);
    } else {
      snprintf(where, sizeof where, "/proc/self/fd/%d", dir);
      ssize_t n = readlink(where, line + 2, 2048);
      if (n < 0) return;
      length += (size_t)n;
    }
    line[length++] = '/';
  }
  size_t rest = strlen(path);
  if (length + rest + 2 > sizeof line || strchr(path, '\n')) return;
  memcpy(line + length, path, rest + 1);
  length += rest;
  for (int i = 0; passed[i]; i++)
    if (!strncmp(line + 2, passed[i], strlen(passed[i]))) return;
  for (int i = 0; code[i]; i++)
    if (length > strlen(code[i]) && !strcmp(line + length - strlen(code[i]), code[i])) return;
  if (!is_new(kind, line + 2)) return;
  line[0] = kind, line[1] = ' ', line[length++] = '\n';
  int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
  if (fd >= 0) {
    if (write(fd, line, length) < 0) errno = 0;
    syscall(SYS_close, fd);
  }
}

static void opened(int dir, const char *path, int flags, int fd) {
  struct stat status;
  int kept = errno;
  if (fd >= 0 && !(flags & (O_DIRECTORY | O_PATH)) && (flags & O_TMPFILE) != O_TMPFILE) {
    int mode = flags & O_ACCMODE;
    /* Opened for both: what was there already may be read. */
    if (mode == O_RDONLY || (mode == O_RDWR && !(flags & O_TRUNC) && !fstat(fd, &status) && status.st_size > 0))
      note(dir, path, 'R');
    if (mode != O_RDONLY) note(dir, path, 'W');
  }
  errno = kept;
}

#define REAL(type, name) static type (*real)(); if (!real) real = (type (*)())dlsym(RTLD_NEXT, name)
#define MODE(last) mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, last); \
  mode = va_arg(rest, mode_t); va_end(rest); }
#define OPEN(name) int name(const char *path, int flags, ...) { MODE(flags) REAL(int, #name); \
  int fd = real(path, flags, mode); opened(AT_FDCWD, path, flags, fd); return fd; }
#define OPENAT(name) int name(int dir, const char *path, int flags, ...) { MODE(flags) REAL(int, #name); \
  int fd = real(dir, path, flags, mode); opened(dir, path, flags, fd); return fd; }
#define FOPEN(name) FILE *name(const char *path, const char *how) { REAL(FILE *, #name); FILE *f = real(path, how); \
  int w = how && how[0] != 'r', both = how && strchr(how, '+'); \
  if (f) { opened(AT_FDCWD, path, w ? O_WRONLY : both ? O_RDWR : O_RDONLY, fileno(f)); } return f; }
OPEN(open) OPEN(open64) OPENAT(openat) OPENAT(openat64) FOPEN(fopen) FOPEN(fopen64)
int __open_2(const char *path, int flags) { return open(path, flags); }
int __open64_2(const char *path, int flags) { return open64(path, flags); }
int __openat_2(int dir, const char *path, int flags) { return openat(dir, path, flags); }
int __openat64_2(int dir, const char *path, int flags) { return openat64(dir, path, flags); }
