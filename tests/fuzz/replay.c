/* replay - gives every kept input of a target to it, one TAP line a file.
 *
 * The corpus of target NAME is the folder corpus/NAME.  A file is one input; of NAME.lines each
 * line is one, so that thousands of small ones need not be thousands of files. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "common/mem.h"
#include "fuzz.h"
#include "tap.h"

/* In memory of its own, so that a sanitizer sees a read beyond its end. */
static void
give(const char *p, size_t n)
{
    char *copy = malloc(n > 0 ? n : 1);
    memcpy(copy, p, n);
    LLVMFuzzerTestOneInput((const uint8_t *)copy, n);
    free(copy);
}

static size_t
give_lines(const char *p, size_t n)
{
    size_t lines = 0;
    while (n > 0) {
        const char *lf = memchr(p, '\n', n);
        size_t len = lf != NULL ? (size_t)(lf - p) : n, step = len + (lf != NULL);
        give(p, len);
        lines++;
        p += step;
        n -= step;
    }
    return lines;
}

static int
is_file(const struct dirent *e)
{
    return e->d_name[0] != '.' && e->d_type != DT_DIR;
}

int
main(int argc, char **argv)
{
    const char *srcdir = getenv("EVALD_SRCDIR");
    char name[64];
    (void)argc;
    const char *slash = strrchr(argv[0], '/');
    snprintf(name, sizeof name, "%s", slash != NULL ? slash + 1 : argv[0]);
    name[strcspn(name, ".")] = '\0';
    CLEANUP_FREE char *dir =
        xasprintf("%s/tests/fuzz/corpus/%s", srcdir != NULL ? srcdir : ".", name);
    struct dirent **files = NULL;
    int n = scandir(dir, &files, is_file, alphasort);
    ok(n > 0, "%s: the corpus is there", name);
    for (int i = 0; i < n; i++) {
        size_t size, inputs = 1;
        struct err err;
        CLEANUP_FREE char *path = xasprintf("%s/%s", dir, files[i]->d_name);
        CLEANUP_FREE char *bytes = io_read_file(AT_FDCWD, path, 64u << 20, &size, &err);
        if (bytes == NULL) {
            ok(false, "%s: %s", files[i]->d_name, err.text);
        } else {
            size_t len = strlen(path);
            if (len > 6 && strcmp(path + len - 6, ".lines") == 0)
                inputs = give_lines(bytes, size);
            else
                give(bytes, size);
            ok(true, "%s: %zu", files[i]->d_name, inputs);
        }
        free(files[i]);
    }
    free(files);
    return tap_done();
}
