// The timed part of `scripts/bench live`: one workload in one directory, made if it is not there;
// prints seconds.
// In C, so that what is compared is the file system and not the program that asks it.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void create(int count) {
  char name[64];
  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, "file-%d", i);
    int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
    if (fd < 0) fail(name);
    close(fd);
  }
}

static void stat_all(int count) {
  char name[64];
  struct stat found;
  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, "file-%d", i);
    if (lstat(name, &found)) fail(name);
  }
}

static void lookup_missing(int count) {
  char name[64];
  struct stat found;
  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, "missing-%d", i);
    if (lstat(name, &found) == 0 || errno != ENOENT) fail(name);
  }
}

static void unlink_all(int count) {
  char name[64];
  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, "file-%d", i);
    if (unlink(name)) fail(name);
  }
}

// As `ls -l` does it: all names, then the attributes of each.
static void list(int count) {
  DIR *directory = opendir(".");
  if (!directory) fail("opendir");
  int seen = 0;
  for (struct dirent *e = readdir(directory); e; e = readdir(directory)) {
    struct stat found;
    if (fstatat(dirfd(directory), e->d_name, &found, AT_SYMLINK_NOFOLLOW)) fail(e->d_name);
    seen++;
  }
  closedir(directory);
  if (seen < count) fail("entries are missing");
}

static char *buffer;

static void write_file(long long size, size_t block) {
  int fd = open("big", O_CREAT | O_TRUNC | O_WRONLY, 0644);
  if (fd < 0) fail("big");
  for (long long done = 0; done < size; done += block)
    if (write(fd, buffer, block) != (ssize_t)block) fail("write");
  close(fd);
}

static void read_file(long long size) {
  int fd = open("big", O_RDONLY);
  if (fd < 0) fail("big");
  long long total = 0;
  for (ssize_t got; (got = read(fd, buffer, 1 << 17)) > 0;) total += got;
  if (total != size) fail("short read");
  close(fd);
}

int main(int argc, char **argv) {
  if (argc < 4 || (mkdir(argv[1], 0755) && errno != EEXIST) || chdir(argv[1]))
    fail("workload DIRECTORY NAME NUMBER");
  const char *name = argv[2];
  long long number = atoll(argv[3]);
  buffer = malloc(1 << 20);
  memset(buffer, 'x', 1 << 20);
  double start = now();
  if (!strcmp(name, "create")) create(number);
  else if (!strcmp(name, "stat")) stat_all(number);
  else if (!strcmp(name, "missing")) lookup_missing(number);
  else if (!strcmp(name, "list")) list(number);
  else if (!strcmp(name, "unlink")) unlink_all(number);
  else if (!strcmp(name, "write")) write_file(number, 1 << 20);
  else if (!strcmp(name, "write4k")) write_file(number, 4096);
  else if (!strcmp(name, "read")) read_file(number);
  else fail(name);
  printf("%.6f\n", now() - start);
  return 0;
}
