#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/err.h"
#include "common/io.h"
#include "common/jtext.h"
#include "common/mem.h"
#include "daemon/dataset.h"
#include "daemon/dataurl.h"
#include "daemon/identity.h"
#include "daemon/rowsfile.h"

#define JSON_MAX (64 << 20) /* of a JSON array, which is read as a whole */
#define URI_SHOWN 200       /* bytes of a uri in an error */

enum source { SOURCE_NONE, SOURCE_CSV, SOURCE_JSONL, SOURCE_JSON };

void
dataset_snapshot_fini(struct dataset_snapshot *s)
{
    if (s->fd >= 0)
        close(s->fd);
    free(s->name);
    free(s->fingerprint);
    free(s->url);
    free(s->own_file);
    *s = (struct dataset_snapshot){ .fd = -1 };
}

struct dataset_snapshot
dataset_snapshot_take(struct dataset_snapshot *s)
{
    struct dataset_snapshot taken = *s;
    *s = (struct dataset_snapshot){ .fd = -1 };
    return taken;
}

static char *
copy_text(const char *z)
{
    return z != NULL ? xstrdup(z) : NULL;
}

int
dataset_snapshot_copy(const struct dataset_snapshot *s, struct dataset_snapshot *ret,
                      struct err *err)
{
    int fd = -1;
    if (s->fd >= 0 && (fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0)) < 0)
        return err_set(err, ERR_IO, "%s: %m", s->name);
    *ret = *s;
    ret->fd = fd;
    ret->name = copy_text(s->name);
    ret->fingerprint = copy_text(s->fingerprint);
    ret->url = copy_text(s->url);
    ret->own_file = copy_text(s->own_file);
    return 0;
}

static struct dataset_snapshot
snapshot(int fd, enum rows_format format, int64_t size, const char *name, char *fingerprint)
{
    return (struct dataset_snapshot){ .fd = fd, .format = format, .size = size,
                                      .name = xstrdup(name), .fingerprint = fingerprint };
}

/* ---- rows ---- */

static char *
rows_fingerprint(const struct dataset *ds, int64_t bytes)
{
    return xasprintf("rows:%s:%jd", ds->rows_file, (intmax_t)bytes);
}

static int
open_rows(struct store *store, const struct dataset *ds, struct dataset_snapshot *ret,
          struct err *err)
{
    CLEANUP_FREE char *path = xasprintf(ROWSFILE_DIR "/%s", ds->rows_file);
    CLEANUP_CLOSE int fd = openat(store_dir(store), path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(err, ERR_IO, "data set '%s': its rows are lost: %s: %m", ds->id, path);
    if (!S_ISREG(st.st_mode) || st.st_size < ds->rows_bytes)
        return err_set(err, ERR_IO, "data set '%s': its rows are damaged: %s holds %jd of %jd "
                       "bytes", ds->id, path, (intmax_t)st.st_size, (intmax_t)ds->rows_bytes);
    *ret = snapshot(TAKE_FD(fd), ROWS_JSONL, ds->rows_bytes, ds->id,
                    rows_fingerprint(ds, ds->rows_bytes));
    ret->grows = true;
    return 0;
}

__attribute__((format(printf, 3, 4))) static int
bad_uri(struct err *err, const char *uri, const char *fmt, ...)
{
    CLEANUP_TEXT struct text why = TEXT_INIT;
    va_list ap;
    va_start(ap, fmt);
    text_vputf(&why, fmt, ap);
    va_end(ap);
    return err_set(err, ERR_INVALID, "%.*s: %s", URI_SHOWN, uri, why.ptr);
}

/* ---- a JSON array ---- */

/* Makes JSONL of an array of objects; errors begin with name, for broken JSON NAME:LINE. */
static int
array_to_lines(struct str text, const char *name, struct text *ret_lines, struct err *err)
{
    struct jval v;
    size_t at = 0;
    struct err why;
    if (jtext_check(text, &v, &at, &why) < 0) {
        int64_t line = 1;
        for (size_t i = 0; i < at && i < text.len; i++)
            line += text.ptr[i] == '\n';
        return err_set(err, ERR_INVALID, "%.*s:%jd: %s", URI_SHOWN, name, (intmax_t)line,
                       why.text);
    }
    if (v.kind != J_ARRAY)
        return bad_uri(err, name, "is not a JSON array of objects");
    struct jiter it = jtext_iter(v);
    struct jval row;
    for (size_t i = 0; jtext_next(&it, NULL, &row); i++) {
        if (row.kind != J_OBJECT)
            return bad_uri(err, name, "element %zu of the array is not an object", i);
        jtext_put_compact(ret_lines, row);
        text_putc(ret_lines, '\n');
    }
    return 0;
}

/* A sealed copy of bytes, made JSONL where they are a JSON array. */
static int
memory_file(struct str bytes, const char *name, enum source source, int64_t *ret_size,
            struct err *err)
{
    CLEANUP_TEXT struct text lines = TEXT_INIT;
    if (source == SOURCE_JSON) {
        if (array_to_lines(bytes, name, &lines, err) < 0)
            return -1;
        bytes = text_str(&lines);
    }
    int fd = io_sealed_memfd("evald-dataset", bytes.ptr, bytes.len, err);
    if (fd >= 0)
        *ret_size = (int64_t)bytes.len;
    return fd;
}

static enum rows_format
format_of(enum source source)
{
    return source == SOURCE_CSV ? ROWS_CSV : ROWS_JSONL;
}

/* ---- data: URLs ---- */

static enum source
source_of_mime(struct str mime)
{
    if (mime.len >= 5 && memcmp(mime.ptr, "text/", 5) == 0)
        return SOURCE_CSV;
    if (str_is(mime, "application/jsonl") || str_is(mime, "application/x-ndjson"))
        return SOURCE_JSONL;
    return str_is(mime, "application/json") ? SOURCE_JSON : SOURCE_NONE;
}

/* The hash is quick, not strong: the owner beside it keeps rows of one out of pages of another.
 * What the URL holds is known when it is decoded; what is not CSV becomes JSONL. */
static void
open_data(const struct dataset *ds, struct dataset_snapshot *ret)
{
    struct str url = str_z(ds->uri);
    XXH128_hash_t hash = XXH3_128bits(url.ptr, url.len);
    *ret = snapshot(-1, strncmp(ds->uri, "data:text/", 10) == 0 ? ROWS_CSV : ROWS_JSONL, 0,
                    ds->id, xasprintf("data-url:%ju:%016jx%016jx:%zu", (uintmax_t)ds->owner,
                                      (uintmax_t)hash.high64, (uintmax_t)hash.low64,
                                      url.len));
    ret->unread = UNREAD_URL;
    ret->url = xstrndup(url.ptr, url.len);
}

static int
convert_data(struct dataset_snapshot *s, struct err *err)
{
    CLEANUP_TEXT struct text bytes = TEXT_INIT;
    struct str mime;
    if (dataurl_decode(s->url, &mime, &bytes, err) < 0)
        return -1;
    enum source source = source_of_mime(mime);
    if (source == SOURCE_NONE)
        return err_set(err, ERR_INVALID, "Unsupported file type: data:%.*s",
                       mime.len < URI_SHOWN ? (int)mime.len : URI_SHOWN, mime.ptr);
    int64_t size;
    int fd = memory_file(text_str(&bytes), s->name, source, &size, err);
    if (fd < 0)
        return err_prefix(err, "data set");

    struct sha256_ctx cx;
    uint8_t digest[SHA256_DIGEST_SIZE];
    char hex[2 * sizeof digest + 1];
    sha256_init(&cx);
    sha256_update(&cx, bytes.len, (const uint8_t *)text_str(&bytes).ptr);
    sha256_digest(&cx, sizeof digest, digest);
    hex_encode(hex, digest, sizeof digest);
    free(s->fingerprint);
    s->fingerprint = xasprintf("data:%d:%s", source, hex);
    s->fd = fd;
    s->size = size;
    free(TAKE(s->url));
    s->unread = UNREAD_NOT;
    return 0;
}

/* ---- files ---- */

/* Without empty and "." components; ".." stays, for the kernel to judge. */
static char *
tidy_path(const char *path)
{
    struct text t = TEXT_INIT;
    while (*path != '\0') {
        size_t n = strcspn(path, "/");
        if (n > 0 && !(n == 1 && path[0] == '.')) {
            text_putc(&t, '/');
            text_put(&t, path, n);
        }
        path += n + (path[n] == '/');
    }
    return text_take(&t);
}

static int
open_beneath(const char *root, const char *rest)
{
    CLEANUP_CLOSE int dir = open(*root ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    /* O_NONBLOCK: a FIFO must not hold up the loop */
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    int fd = -1;
    for (int i = 0; i < 8 && fd < 0; i++) { /* EAGAIN: something was renamed meanwhile */
        fd = (int)syscall(SYS_openat2, dir, *rest ? rest : ".", &how, sizeof how);
        if (fd < 0 && errno != EAGAIN && errno != EINTR)
            return -1;
    }
    return fd;
}

static int
bad_open(struct err *err, const char *uri, int error)
{
    switch (error) {
    case EXDEV: return bad_uri(err, uri, "leads out of the configured root");
    case ELOOP: return bad_uri(err, uri, "goes through links that are not followed");
    case ENOENT:
    case ENOTDIR: return bad_uri(err, uri, "no such file");
    case ENXIO:
    case ENODEV: return bad_uri(err, uri, "not a regular file");
    case EACCES:
    case EPERM: return bad_uri(err, uri, "evald is not allowed to read it");
    case ENAMETOOLONG: return bad_uri(err, uri, "the name is too long");
    default:
        return err_set(err, ERR_IO, "%.*s: %s", URI_SHOWN, uri, strerror(error));
    }
}

/* Opens a path below one of the roots, whatever links and ".." it goes through. */
static int
open_below_roots(const struct conf *conf, const char *uri, const char *path, struct err *err)
{
    CLEANUP_FREE char *tidy = tidy_path(path);
    int error = 0;
    if (conf->dataset_roots == NULL || conf->dataset_roots[0] == NULL)
        return bad_uri(err, uri, "files cannot be read: evald.conf has no dataset roots");
    for (char **root = conf->dataset_roots; *root != NULL; root++) {
        CLEANUP_FREE char *r = tidy_path(*root);
        size_t n = strlen(r);
        if (strncmp(tidy, r, n) != 0 || (tidy[n] != '/' && tidy[n] != '\0'))
            continue;
        int fd = open_beneath(r, tidy + n + (tidy[n] == '/'));
        if (fd >= 0)
            return fd;
        if (error == 0 || error == EXDEV) /* what another root says of it tells more */
            error = errno;
    }
    if (error == 0)
        return bad_uri(err, uri, "not below a configured root");
    return bad_open(err, uri, error);
}

/* In the order of enum source. */
static const char *const endings[] = { NULL, ".csv", ".jsonl", ".json" };

static enum source
source_of_name(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 1; i < ARRAY_LEN(endings); i++) {
        size_t k = strlen(endings[i]);
        if (n > k && strcmp(name + n - k, endings[i]) == 0)
            return (enum source)i;
    }
    return SOURCE_NONE;
}

const char *
dataset_ending(const char *name)
{
    return endings[source_of_name(name)];
}

/* The path of a file:// URL, or the uri itself when it is a path. */
static char *
path_of_uri(const char *uri, struct err *err)
{
    struct text t = TEXT_INIT;
    if (uri[0] == '/')
        return xstrdup(uri);
    const char *path = uri + strlen("file://");
    if (strncmp(path, "localhost/", 10) == 0)
        path += strlen("localhost");
    if (path[0] != '/') {
        bad_uri(err, uri, "a file URL names an absolute path of this host: file:///path");
        return NULL;
    }
    if (strpbrk(path, "?#") != NULL) {
        bad_uri(err, uri, "a file URL has no query or fragment (%%3F and %%23 in a name)");
        return NULL;
    }
    percent_decode(&t, path);
    if (memchr(t.ptr, '\0', t.len) != NULL) {
        text_fini(&t);
        bad_uri(err, uri, "holds a NUL byte");
        return NULL;
    }
    return text_take(&t);
}

/* Reads a file that is a JSON array. */
static int
read_json_file(int fd, const char *uri, const struct stat *st, int64_t *ret_size,
               struct err *err)
{
    if (st->st_size > JSON_MAX)
        return bad_uri(err, uri, "larger than the %d MiB a JSON array may have; make it JSONL",
                       JSON_MAX >> 20);
    size_t size = (size_t)st->st_size;
    CLEANUP_FREE char *buf = malloc(size + 1);
    if (buf == NULL)
        return err_set(err, ERR_NOMEM, "%.*s: out of memory", URI_SHOWN, uri);
    ssize_t n = io_pread_full(fd, buf, size, 0);
    if (n < 0)
        return err_set(err, ERR_IO, "%.*s: read: %m", URI_SHOWN, uri);
    if ((size_t)n != size)
        return bad_uri(err, uri, "the file shrank while it was read");
    return memory_file((struct str){ buf, size }, uri, SOURCE_JSON, ret_size, err);
}

static char *
file_fingerprint(enum source source, const struct stat *st)
{
    CLEANUP_FREE char *id = identity_of(st);
    return xasprintf("file:%d:%s", source, id);
}

static int
open_file(const struct conf *conf, const char *uri, struct dataset_snapshot *ret,
          struct err *err)
{
    CLEANUP_FREE char *path = path_of_uri(uri, err);
    if (path == NULL)
        return -1;
    enum source source = source_of_name(path);
    if (source == SOURCE_NONE)
        return err_set(err, ERR_INVALID, "Unsupported file type: %.*s", URI_SHOWN, uri);
    CLEANUP_CLOSE int fd = open_below_roots(conf, uri, path, err);
    if (fd < 0)
        return -1;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_set(err, ERR_IO, "%.*s: stat: %m", URI_SHOWN, uri);
    if (!S_ISREG(st.st_mode))
        return bad_uri(err, uri, "not a regular file");
    /* what is wrong with an array is said of the uri, with a row of its lines of the path */
    *ret = snapshot(TAKE_FD(fd), format_of(source), st.st_size,
                    source == SOURCE_JSON ? uri : path, file_fingerprint(source, &st));
    ret->unread = source == SOURCE_JSON ? UNREAD_JSON : UNREAD_NOT;
    return 0;
}

static int
convert_json(struct dataset_snapshot *s, struct err *err)
{
    struct stat st;
    int64_t size = 0;
    if (fstat(s->fd, &st) < 0)
        return err_set(err, ERR_IO, "%.*s: stat: %m", URI_SHOWN, s->name);
    CLEANUP_CLOSE int fd = read_json_file(s->fd, s->name, &st, &size, err);
    if (fd < 0)
        return -1;
    CLEANUP_FREE char *fingerprint = fstat(s->fd, &st) < 0 ? NULL
                                                           : file_fingerprint(SOURCE_JSON, &st);
    bool fetched = strncmp(s->fingerprint, "sha256:", 7) == 0; /* nobody changes it */
    if (!fetched && (fingerprint == NULL || strcmp(fingerprint, s->fingerprint) != 0))
        return bad_uri(err, s->name, "the file changed while it was read");
    close(s->fd);
    s->fd = TAKE_FD(fd);
    s->size = size;
    s->unread = UNREAD_NOT;
    return 0;
}

int
dataset_convert(struct dataset_snapshot *s, struct err *err)
{
    switch (s->unread) {
    case UNREAD_NOT: return 0;
    case UNREAD_JSON: return convert_json(s, err);
    case UNREAD_URL: return convert_data(s, err);
    }
    return 0;
}

/* ---- what was fetched ---- */

static int
open_fetched(struct store *store, const struct dataset *ds, struct dataset_snapshot *ret,
             struct err *err)
{
    CLEANUP_FREE char *path = xasprintf(ROWSFILE_DIR "/%s", ds->fetched.file);
    CLEANUP_CLOSE int fd = openat(store_dir(store), path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(err, ERR_IO, "data set '%s': what was fetched is lost: %s: %m", ds->id,
                       path);
    if (!S_ISREG(st.st_mode) || st.st_size != ds->fetched.bytes)
        return err_set(err, ERR_IO, "data set '%s': what was fetched is damaged: %s", ds->id,
                       path);
    enum source source = source_of_name(path);
    *ret = snapshot(TAKE_FD(fd), format_of(source), st.st_size, ds->uri,
                    xasprintf("sha256:%.64s%s", ds->fetched.file, ds->fetched.file + 64));
    if (source == SOURCE_JSON)
        ret->unread = UNREAD_JSON;
    else
        ret->own_file = TAKE(path);
    return 0;
}

bool
dataset_is_remote(const struct dataset *ds)
{
    return ds->uri != NULL
           && (strcmp(ds->provider_id, "localfs") != 0
               || strncasecmp(ds->uri, "http://", 7) == 0
               || strncasecmp(ds->uri, "https://", 8) == 0);
}

int
dataset_open(const struct conf *conf, struct store *store, const struct dataset *ds,
             struct dataset_snapshot *ret, struct err *err)
{
    struct dataset_snapshot s;
    if (dataset_open_unread(conf, store, ds, &s, err) < 0)
        return -1;
    if (dataset_convert(&s, err) < 0) {
        dataset_snapshot_fini(&s);
        return -1;
    }
    *ret = s;
    return 0;
}

int
dataset_open_unread(const struct conf *conf, struct store *store, const struct dataset *ds,
                    struct dataset_snapshot *ret, struct err *err)
{
    const char *uri = ds->uri;
    if (uri == NULL)
        return open_rows(store, ds, ret, err);
    if (ds->fetched.file != NULL)
        return open_fetched(store, ds, ret, err);
    if (dataset_is_remote(ds))
        return err_set(err, ERR_CONFLICT, "%.*s: was registered anew while it was fetched",
                       URI_SHOWN, uri);
    if (strncmp(uri, "data:", 5) == 0) {
        open_data(ds, ret);
        return 0;
    }
    if (uri[0] == '/' || strncmp(uri, "file://", 7) == 0)
        return open_file(conf, uri, ret, err);
    if (strstr(uri, "://") == NULL && source_of_name(uri) != SOURCE_NONE)
        return bad_uri(err, uri, "not an absolute path");
    return err_set(err, ERR_INVALID, "Unsupported file type: %.*s", URI_SHOWN, uri);
}

int
dataset_open_again(const struct conf *conf, struct store *store, const struct dataset *ds,
                   const char *fingerprint, int64_t size, struct dataset_snapshot *ret,
                   struct err *err)
{
    struct dataset_snapshot now;
    if (dataset_is_remote(ds) && ds->fetched.file == NULL)
        return err_set(err, ERR_INVALID, "data set '%.200s' has changed since, or must be fetched "
                       "again first", ds->id);
    if (dataset_open_unread(conf, store, ds, &now, err) < 0)
        return -1;
    if (ds->uri == NULL && now.size > size) { /* a file of rows only grows */
        now.size = size;
        free(now.fingerprint);
        now.fingerprint = rows_fingerprint(ds, size);
    }
    /* of a URL it is that of what the URL holds */
    if (now.unread != UNREAD_URL && dataset_is_still(&now, ds->id, fingerprint, err) < 0) {
        dataset_snapshot_fini(&now);
        return -1;
    }
    *ret = now;
    return 0;
}

int
dataset_is_still(const struct dataset_snapshot *s, const char *id, const char *fingerprint,
                 struct err *err)
{
    if (strcmp(s->fingerprint, fingerprint) == 0)
        return 0;
    return err_set(err, ERR_INVALID, "data set '%.200s' has changed since", id);
}
