/* tmpdir.h - a directory for one test program, gone at its end. */
#ifndef EVALD_TMPDIR_H
#define EVALD_TMPDIR_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"

static char tmpdir_path[400];
static pid_t tmpdir_owner;

static int
tmpdir_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void
tmpdir_remove(void)
{
    if (getpid() == tmpdir_owner)
        nftw(tmpdir_path, tmpdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The real path, without links, so that it can be compared. */
__attribute__((unused)) static const char *
tmpdir(void)
{
    if (tmpdir_path[0] != '\0')
        return tmpdir_path;
    const char *base = getenv("TMPDIR");
    char name[300];
    snprintf(name, sizeof name, "%s/evald-test-XXXXXX", base != NULL ? base : "/tmp");
    char *real = mkdtemp(name) != NULL ? realpath(name, NULL) : NULL;
    if (real == NULL) {
        printf("Bail out! no temporary directory\n");
        exit(1);
    }
    snprintf(tmpdir_path, sizeof tmpdir_path, "%s", real);
    free(real);
    umask(022);
    tmpdir_owner = getpid();
    atexit(tmpdir_remove);
    return tmpdir_path;
}

/* The path of name below it; good for the next 63 calls. */
__attribute__((unused)) static const char *
tmp(const char *name)
{
    static char *kept[64];
    static size_t next;
    char **slot = &kept[next++ % 64];
    free(*slot);
    return *slot = xasprintf("%s/%s", tmpdir(), name);
}

__attribute__((unused)) static const char *
tmp_write_n(const char *name, const void *text, size_t n, mode_t mode)
{
    const char *path = tmp(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, n) != (ssize_t)n || fchmod(fd, mode) < 0 || close(fd) < 0) {
        printf("Bail out! cannot write %s\n", path);
        exit(1);
    }
    return path;
}

__attribute__((unused)) static const char *
tmp_write(const char *name, const char *text)
{
    return tmp_write_n(name, text, strlen(text), 0644);
}

#endif
