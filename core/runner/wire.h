/* wire.h - what the runner says to evald.
 *
 * The link behind a lock: workers put whole frames and write them at once; the I/O thread
 * alone reads, and writes on when the other end was slow. */
#ifndef EVALD_WIRE_H
#define EVALD_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/frame.h"
#include "common/text.h"
#include "runner/task.h"

#define WIRE_PENDING_MAX (256u << 10) /* above it no new row begins */

/* RECORDs being gathered by one worker: a frame for what a row has to say at a time. */
struct records {
    struct text head, body;
    struct records_part { size_t at, len; } *parts;
    struct records_frame { size_t head_at, head_len, part, n_parts; } *frames;
    size_t n_parts, parts_room, n_frames, frames_room;
    size_t part_at;  /* of the part being made */
    bool open;       /* a frame has been begun */
};
void records_fini(struct records *r);
/* The part that comes next is made in the text returned; one of the four then ends it. */
struct text *records_part(struct records *r);
void records_generation(struct records *r, uint64_t row, uint32_t epoch, struct str row_id,
                        bool truncated, const struct task_usage *usage);
void records_score(struct records *r, uint64_t row, uint32_t epoch, size_t function,
                   const struct task_usage *usage);
void records_error(struct records *r, uint64_t row, uint32_t epoch, int function,
                   uint32_t attempts, const char *stage, const char *code);
void records_reply(struct records *r, uint64_t row, uint32_t epoch, int32_t phase, uint32_t n);
/* The frame, if one was begun, is complete. */
void records_frame_end(struct records *r);

struct wire;
/* Takes fd.  wake: called when the I/O thread must watch for room to write. */
struct wire *wire_new(int fd, void (*wake)(void *arg), void *arg);
void wire_free(struct wire *w);
int wire_fd(const struct wire *w);

/* The I/O thread's: link_read() of the link. */
int wire_read(struct wire *w, link_frame_fn *fn, void *arg, struct err *err);
int wire_take_fd(struct wire *w);
bool wire_wants_write(struct wire *w);
int wire_write(struct wire *w); /* -1: the other end is gone */

/* Any thread. */
size_t wire_pending(struct wire *w);
void wire_records(struct wire *w, struct records *r); /* and clears r */
void wire_next_done(struct wire *w, uint64_t from);
void wire_next_scored(struct wire *w, size_t function, uint64_t from);
void wire_ready(struct wire *w, const char *job);
void wire_progress(struct wire *w, int64_t done, int64_t total, size_t in_flight);
void wire_aggregate(struct wire *w, size_t function, struct str results, struct str statistics);
void wire_rows(struct wire *w, int64_t n, struct str lines);
void wire_log(struct wire *w, int level, const char *plugin, struct str text);

/* The end of a job; strings NULL where they do not apply. */
struct wire_end {
    const char *state;    /* completed, stopped, failed */
    int64_t rows;
    const char *hash;
    const char *code;     /* of an error; NULL: none */
    const char *stage, *function, *plugin;
    int64_t row;          /* -1: none */
    struct str message;
};
void wire_end(struct wire *w, const struct wire_end *e);

#endif
