/* frame.h - what evald, its runners and its gateway say to each other.
 *
 * Links are stream socketpairs.  A frame is a header of 16 bytes, little-endian,
 *
 *     u32 payload bytes (at most FRAME_MAX)   u16 type   u16 flags   u64 tag
 *
 * and a payload of parts, each u32 length + bytes.  The first part is JSON (the head), the
 * others are raw text (a row, a body, a reply), so that nothing large is escaped twice.
 * The low byte of flags is the number of descriptors that ride on the frame's first byte
 * (SCM_RIGHTS).  A bad length, an unknown type, missing descriptors or such that no frame
 * names end the link.
 * Each side always reads; what waits to be written is bounded by the writer.
 *
 * The first frame each side of every link sends is HELLO; different builds refuse each other.
 *
 * ## evald -> runner
 *
 * JOB    {"mode":"job"|"call"|"source","job":ID|null,
 *         "plugins":[{"file":F,"path":TEXT,"sha256":HEX,"ids":[ID,...]},...],
 *         "dataset":{"name":TEXT,"format":"jsonl"|"csv","size":N,"limit":N|null,
 *                    "row_id_column":NAME|null,"cluster":NAME|null},
 *         "epochs":N,"seed":N,"on_error":"record"|"fail",
 *         "candidate":null|{"type":"model","model":ID,"system_message":MESSAGE|null,
 *                           "sampling":{...}}          sampling: see below
 *         "models":[{"id":ID,"adapter":PLUGIN,"name":TEXT,"endpoint":BOOL,
 *                    "max_in_flight":N,"params":{...}},...],
 *         "roles":{ROLE:MODEL,...},
 *         "functions":[{"id":ID,"plugin":PLUGIN,"params":{...},
 *                       "aggregation_functions":[NAME,...]},...],
 *         "window":ROWS,"window_bytes":N,"max_attempts":N,"plugin_timeout_ms":N,
 *         "ask_timeout_ms":N,"rescored":BOOL,"resume":BOOL,"suspects":[AT,...],
 *         "quarantine":[PLUGIN,...]}
 *        Descriptors, in this order: one for each element of plugins whose file is not
 *        null (F counts from 0), the data set (but of mode source), the breadcrumb page
 *        (crumb.h) and, with the first JOB of a process, the gateway link.  A call runner keeps
 *        its plugins: a later JOB names them with "file":null.
 *        "functions" in the order of results; phase 0 is the candidate, phase i+1 is
 *        functions[i].  "sampling" has the model document's members (temperature, top_p,
 *        top_k, max_tokens, repetition_penalty, stop); absent ones are absent.
 *        "rescored": the journal holds the generations of another job, and there is no
 *        candidate; a row without one is an error of the candidate, for every scorer.
 *        "suspects": rows that were under way at a death that nobody could be charged with,
 *        ascending; each is run alone, with nothing else in flight.
 *        "quarantine": plugins whose phases are errors without being called; nor is their
 *        aggregate().
 *        Of mode source there is no dataset, candidate, model or function, but
 *        "source":{"id":PLUGIN,"uri":TEXT,"endpoint":BOOL,"params":{...}}: fetch the rows of
 *        that data set.
 * DONE   answer to NEXT done, same tag: {"from":AT,"to":AT,"end":BOOL,
 *         "complete":[[AT,AT),...],"partial":[{"at":AT,"phases":[P,...],"replies":[[P,N],...]},
 *         ...]} + for each partial with phase 0 its generation, then its replies, one part
 *         for each [P,N]: reply N of phase P, in order.
 *        AT = row * epochs + epoch.  What is in neither list has nothing in the journal.
 *        end: the journal holds nothing at or behind "to".
 * SCORED answer to NEXT scored, same tag: {"function":I,"from":AT,"to":AT,"end":BOOL} + lines
 *        ROW TAB EPOCH TAB TRUNCATED TAB ROW_ID TAB SCORE_ROW LF, in order; TRUNCATED 0 or 1,
 *        ROW_ID a JSON value, SCORE_ROW the compact object.
 * GATEWAY {} + descriptor: the gateway has been restarted, here is the new link.
 * STOP   {"why":"cancel"|"park"|"quit","grace_ms":N}.  cancel and park: no new row, asks in
 *        flight dropped (park: after grace_ms; those that no server is at, and new ones, at
 *        once), records flushed, END "stopped".  quit: a call runner without a job ends.
 *
 * ## runner -> evald
 *
 * READY  {"job":ID|null,"columns":{...}}: plugins loaded, instances open.  A job
 *        that cannot begin gets END "failed" instead.
 * RECORD [REC,...] + one raw part for each REC, in order:
 *         ["g",ROW,EPOCH,ROW_ID,TRUNCATED,USAGE|null]  a generation (object)
 *         ["s",ROW,EPOCH,FUNCTION,USAGE|null]          a score row (object)
 *         ["e",ROW,EPOCH,FUNCTION|-1,ATTEMPTS,STAGE,CODE]  an error; the part is its message.
 *              It accompanies the "g" or "s" record that carries the error for the API.
 *         ["r",ROW,EPOCH,PHASE,N]                      reply N of a task that asks again
 *        The list is compact: no blanks.  USAGE is {"input_tokens":N,"output_tokens":N}, null
 *        when both would be 0.
 *        All REC of one frame are journalled together or not at all.
 * NEXT   {"what":"done","from":AT} or {"what":"scored","function":I,"from":AT}; one
 *        outstanding of each kind; tag chosen by the runner.  The first NEXT scored says
 *        that every record has been sent.
 * ROWS   {"rows":N} + so many rows of a source, in order, compact, each with LF.
 * PROGRESS {"rows_done":N,"rows_total":N|null,"in_flight":N}
 * AGGREGATE {"function":I} + aggregated_results + statistics, as the API gives them.
 * LOG    {"level":N,"plugin":ID,"text":TEXT}
 * END    {"state":"completed"|"stopped"|"failed","rows":N,"dataset_xxh3":HEX|null,
 *         "error":null|{"code":CODE,"stage":STAGE|null,"row":N|null,"function":ID|null,
 *                       "plugin":ID|null,"message":TEXT}}
 *        code: "bad_row", "remote", "timeout", "plugin", "config" (params or plugin that
 *        cannot be used), "dataset" (file cannot be read on, changed, broken), "internal".
 *        completed: all AGGREGATE frames went before.
 *
 * ## runner -> gateway, and back
 *
 * ASK    tag: chosen by the runner, unique on the link; {"endpoint":MODEL,"path":TEXT,
 *        "method":TEXT,"headers":{...},"timeout_ms":N,"attempts":N} + body.  path is below the
 *        endpoint's base URL; attempts: how many went before (after a gateway restart).
 *        One exchange takes at most timeout_ms, and at most what CONFIG says; 0: CONFIG alone.
 * DROP   tag: forget that ask, close its exchange; no REPLY follows.  Head {}.  Tag 0, which no
 *        ask has: forget those that only wait, in the queue or between attempts, now and until
 *        the next ASK; for each a DROP with its tag comes back, and no REPLY.
 * REPLY  tag: {"status":0|-6|-7,"http_status":N,"attempts":N,"headers":{...}} + body (or the
 *        reason when status < 0: EVALD_E_REMOTE, EVALD_E_TIMEOUT of <evald/plugin.h>).
 *
 * ## evald -> gateway, and back
 *
 * CONFIG {"endpoints":[{"id":MODEL,"base_url":URL,"key":F|null,"max_in_flight":N,
 *         "max_attempts":N,"timeout_ms":N,"headers":{...}},...]} + the key files, opened by
 *        evald, not read (F counts from 0).  A later CONFIG replaces limits of known
 *        endpoints.
 * LINK   {"link":N,"job":ID|null} + descriptor: one end of a runner's link.
 * SECRET {"link":N,"headers":{...}}: for the asks of that link only; forgotten with it.
 * FETCH  tag: evald's; {"url":URL,"hosts":[ORIGIN,...],"types":[TYPE,...]|null,"max":BYTES,
 *        "timeout_ms":N,"stall_ms":N} + file to fill.  ORIGIN is scheme, host and port
 *        ("https://data.example.org:443"); url and redirects must be at one of them.  types:
 *        media types that the answer may have; null: any.  stall_ms: without a byte.
 * FETCHED same tag: {"error":null,"size":N,"sha256":HEX,"type":TEXT|null,"etag":TEXT|null,
 *        "modified":TEXT|null}, or {"error":NAME,"message":TEXT}; NAME of err.h: "invalid"
 *        (what was asked for cannot be had), "remote", "timeout", "nospace", "io".
 * DROP   tag: give that FETCH up; no FETCHED follows.  Head {}.
 * STATE  {"endpoints":[{"id","in_flight","waiting","requests","retries","failures"},...]},
 *        sent once a second while something is under way.
 * LOG    as above without plugin.
 */
#ifndef EVALD_FRAME_H
#define EVALD_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/text.h"

#define FRAME_MAX    (64u << 20)
#define FRAME_HEADER 16u
#define FRAME_FDS    250u /* descriptors on one frame; the kernel allows 253 */

enum frame_type {
    FRAME_HELLO = 1,
    FRAME_JOB = 10, FRAME_DONE, FRAME_SCORED, FRAME_GATEWAY, FRAME_STOP,
    FRAME_READY = 20, FRAME_RECORD, FRAME_NEXT, FRAME_PROGRESS, FRAME_AGGREGATE, FRAME_LOG,
    FRAME_END, FRAME_ROWS,
    FRAME_ASK = 30, FRAME_DROP, FRAME_REPLY,
    FRAME_CONFIG = 40, FRAME_LINK, FRAME_SECRET, FRAME_FETCH, FRAME_FETCHED, FRAME_STATE,
};
const char *frame_type_name(uint16_t type); /* "RECORD"; NULL when unknown */

struct frame {
    uint16_t type;
    uint16_t n_fds;
    uint64_t tag;
    struct str payload;
};

/* Walks the parts: struct str rest = f->payload; while (frame_part(&rest, &part)) ...
 * false at the end, and when what is left is no part (frame_parts_ok tells them apart). */
bool frame_part(struct str *rest, struct str *ret_part);
bool frame_parts_ok(struct str payload);
/* Appends a part to a payload that is made outside of a link. */
void frame_put_part(struct text *payload, struct str part);

/* One end of a link.  Not thread-safe: a process guards it or keeps it on one thread.  Only
 * reading (link_read, link_take_fd) and writing (all else) share nothing: one thread may read
 * while another writes. */
struct link;

/* Takes the descriptor and makes it non-blocking.  Queues HELLO with this build's id. */
struct link *link_new(int fd);
void link_free(struct link *l); /* closes; descriptors that nobody took too */
int link_fd(const struct link *l);

/* Reads what is there, at most about 128 KiB a call, and gives each whole frame to fn, in
 * order; the frame is valid during the call only.  HELLO is handled here.  A non-zero
 * value of fn stops reading and is returned; fn may free the link if it returns one.
 * 0: all that is there is read; -1 with err: the link is over (ERR_PROTO, ERR_IO, or code
 * ERR_NONE with text "closed" when the other end hung up between frames). */
typedef int link_frame_fn(void *arg, const struct frame *f);
int link_read(struct link *l, link_frame_fn *fn, void *arg, struct err *err);
/* Within fn: the next descriptor of this frame, yours now; -1 when there is none left. */
int link_take_fd(struct link *l);

/* Queue a frame: begin, any number of parts and descriptors, end. */
void link_begin(struct link *l, enum frame_type type, uint64_t tag);
void link_part(struct link *l, struct str part);
/* A part whose text is made in place: append to the text returned, then call link_part_end. */
struct text *link_part_begin(struct link *l);
void link_part_end(struct link *l);
void link_send_fd(struct link *l, int fd); /* takes it; closed once sent */
void link_end(struct link *l);
/* A frame with nothing but its head. */
void link_put(struct link *l, enum frame_type type, uint64_t tag, struct str head);
/* A frame whose payload is made already, of whole parts. */
void link_put_payload(struct link *l, enum frame_type type, uint64_t tag, struct str payload);

/* Writes what can be written.  0, or -1 when the other end is gone (err may say more). */
int link_flush(struct link *l, struct err *err);
size_t link_pending(const struct link *l); /* bytes queued and not yet written */

#endif
