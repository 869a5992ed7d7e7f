/* rowindex.h - where the rows of a data set begin, so that its last page costs what its first
 * does.
 *
 * An index belongs to what a snapshot's fingerprint stands for: a mark at every so many rows, of
 * CSV the types of its columns, of a JSON array or a data: URL the rows made of it.  A scan on
 * the read thread makes it, a piece at a time so that others get the thread in between; all
 * pages that need it wait for the same scan.  Of JSONL a page is covered as soon as the scan has
 * come to its first row, and the first page without any.  Appended rows make an index longer.
 *
 * Indexes that nobody holds are kept while there is room for them, the last used longest.  Loop
 * thread only. */
#ifndef EVALD_ROWINDEX_H
#define EVALD_ROWINDEX_H

#include "common/rows.h"
#include "daemon/dataset.h"
#include "daemon/store.h"

struct rowindexes;
struct rowindexes *rowindexes_new(struct store *store);
/* Every index must have been given back; waits for the read thread.  NULL allowed. */
void rowindexes_free(struct rowindexes *all);
struct store *rowindexes_store(const struct rowindexes *all);

struct rowindex;
/* The index of what is behind a snapshot, empty when it is a new one. */
struct rowindex *rowindex_get(struct rowindexes *all, const struct dataset_snapshot *snapshot);
void rowindex_put(struct rowindex *x);

/* Can rows from start on be read, with rowindex_open()? */
bool rowindex_covers(const struct rowindex *x, const struct dataset_snapshot *snapshot,
                     int64_t start);

/* Calls ready, later, once rows from start on are covered, or with why they cannot be.  The
 * wait and the snapshot are the caller's until then or rowindex_unwait(). */
struct rowindex_wait {
    struct rowindex_wait *next;
    const struct dataset_snapshot *snapshot;
    int64_t start;
    void (*ready)(void *arg, const struct err *err);
    void *arg;
};
void rowindex_wait(struct rowindex *x, struct rowindex_wait *w);
/* The scan rests while nobody waits for it. */
void rowindex_unwait(struct rowindex *x, struct rowindex_wait *w);

/* A reader at the last mark not behind row start, which must be covered.  It is to be used on
 * the read thread, and of use while the index and the snapshot are held. */
struct rows *rowindex_open(struct rowindex *x, const struct dataset_snapshot *snapshot,
                           int64_t start);

#define ROWINDEX_STRIDE 256 /* rows between marks, at least */

/* What a reader of JSONL met: marks of rows whose number is a multiple of ROWINDEX_STRIDE. */
void rowindex_learn(struct rowindex *x, const struct rows_mark *marks, size_t n);

#endif
