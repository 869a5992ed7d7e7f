/* dataset.h - from a registered data set to a descriptor, and to pages of rows.
 *
 * evald reads files for its callers and must not be a confused deputy: file:// (and plain
 * absolute) paths only below the configured roots, by openat2 with RESOLVE_BENEATH and
 * RESOLVE_NO_MAGICLINKS, regular files only. */
#ifndef EVALD_DATASET_H
#define EVALD_DATASET_H

#include "common/rows.h"
#include "daemon/catalog.h"
#include "daemon/conf.h"

/* What a job reads: this many bytes behind this descriptor, whatever happens to the name. */
struct dataset_snapshot {
    int fd; /* yours */
    enum rows_format format;
    int64_t size;
    char *name;        /* for messages: the path or the data set's id; yours */
    char *fingerprint; /* device, inode, size, mtime, ctime of a uri's file; of rows: file and
                          length; of what was fetched: its hash.  Equal text means the same
                          snapshot; yours */
    char *own_file;    /* what was fetched: its name below the state directory; else NULL */
    bool grows;        /* more may be behind size; the fingerprint ends with ":LENGTH" */
    /* What the rows must be made of first; never set by dataset_open(). */
    enum { UNREAD_NOT, UNREAD_JSON /* the array is behind fd */, UNREAD_URL } unread;
    char *url;         /* of UNREAD_URL, which has no fd; yours */
};
void dataset_snapshot_fini(struct dataset_snapshot *s);
/* What s holds, and it no more. */
struct dataset_snapshot dataset_snapshot_take(struct dataset_snapshot *s);
/* Another hold on the same; ERR_IO when there is no descriptor left. */
int dataset_snapshot_copy(const struct dataset_snapshot *s, struct dataset_snapshot *ret,
                          struct err *err);

/* Is it elsewhere, so that sources.h must have fetched it before it can be opened? */
bool dataset_is_remote(const struct dataset *ds);
/* The name's ending, ".csv", ".jsonl" or ".json", as far as it tells how to read a data set;
 * NULL: it does not. */
const char *dataset_ending(const char *name);

/* Errors keep the protocol's status: ERR_INVALID for what the caller can mend (outside the
 * roots, unknown type of file, no such file), naming the uri. */
int dataset_open(const struct conf *conf, struct store *store, const struct dataset *ds,
                 struct dataset_snapshot *ret, struct err *err);

/* The same without reading anything, so that the loop never waits: the rows of a JSON array or
 * a data: URL are still to be made, and what is wrong with it found, by dataset_convert(). */
int dataset_open_unread(const struct conf *conf, struct store *store, const struct dataset *ds,
                        struct dataset_snapshot *ret, struct err *err);
/* Makes a sealed file of rows where the snapshot is not one; it is as it was on failure.  Any
 * thread. */
int dataset_convert(struct dataset_snapshot *s, struct err *err);
/* dataset_open_unread() for who opened it before: as it was then, of that fingerprint and size,
 * though rows may have been added since.  ERR_INVALID when it is another one now.  Of what is
 * converted the fingerprint must be looked at again then, see dataset_is_still(). */
int dataset_open_again(const struct conf *conf, struct store *store, const struct dataset *ds,
                       const char *fingerprint, int64_t size, struct dataset_snapshot *ret,
                       struct err *err);
/* Has a snapshot that was converted that fingerprint?  -1: ERR_INVALID, naming id. */
int dataset_is_still(const struct dataset_snapshot *s, const char *id, const char *fingerprint,
                     struct err *err);

/* A page for iterrows: rows [start, start+limit) (limit -1: all), read on the read thread a
 * chunk at a time.  Loop thread; chunk is called on the loop thread with JSON rows separated
 * by commas (no brackets; all chunks together read ROW,ROW,ROW), once for each
 * dataset_page_next, the last time with end true; has_more is right then.  rows is valid
 * during the call, in which the page may be closed or the next chunk asked for.  err set:
 * the page ends there.  The pager asks for the next chunk only when told so. */
struct dataset_page;
struct rowindexes; /* rowindex.h: how it finds row start */
typedef void dataset_chunk_fn(void *arg, struct str rows, bool end, bool has_more,
                              const struct err *err);
struct dataset_page *dataset_page_open(struct rowindexes *indexes,
                                       struct dataset_snapshot *snapshot /* taken */,
                                       int64_t start, int64_t limit);
void dataset_page_next(struct dataset_page *p, dataset_chunk_fn *chunk, void *arg);
/* Any time: a chunk under way is dropped. */
void dataset_page_close(struct dataset_page *p);

#endif
