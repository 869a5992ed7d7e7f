/* Any bytes as what a runner has journalled: a batch counts whole or not at all, and what is told
 * of a journal is what it holds.
 *
 * A line is the head of one RECORD, whose parts are made here; an empty line ends a batch.  Behind
 * a '!' at the start of the input are the bytes of a batch as they are. */
#include "config.h"

#include <assert.h>
#include <stdlib.h>

#include "common/frame.h"
#include "common/jtext.h"
#include "common/mem.h"
#include "daemon/journal_impl.h"
#include "fuzz.h"

#define EPOCHS 2
#define PARTS  40 /* bodies of one RECORD: the last lacks for a head of more */

static bool
same(const struct journal_counts *a, const struct journal_counts *b)
{
    return a->generations == b->generations && a->scores == b->scores && a->failed == b->failed
           && a->input_tokens == b->input_tokens && a->output_tokens == b->output_tokens;
}

/* Are all heads of a batch lists of JSON? */
static bool
is_json(struct str batch)
{
    struct str payload, head;
    struct jval v;
    size_t at;
    while (frame_part(&batch, &payload))
        if (!frame_part(&payload, &head) || jtext_check(head, &v, &at, NULL) < 0
            || v.kind != J_ARRAY)
            return false;
    return true;
}

static void
append(struct journal *j, struct str batch)
{
    struct journal_counts before = j->counts, told;
    struct err err = { ERR_NONE, "" };
    int rc = journal_append_batch(j, batch, &err);
    told = j->counts;
    assert(sqlite3_get_autocommit(j->w));
    assert((rc < 0) == (err.code == ERR_PROTO));
    assert(rc == 0 ? is_json(batch) : same(&before, &told));
    journal_count(j);
    assert(same(&told, &j->counts));
    int64_t wrong = journal_number(j->w, "SELECT count(*) FROM generation WHERE at < 0 OR"
                                         " json_valid(row_id) = 0");
    assert(wrong == 0);
    (void)before, (void)rc, (void)wrong;
}

static void
put_record(struct text *batch, struct str head)
{
    CLEANUP_TEXT struct text payload = TEXT_INIT;
    frame_put_part(&payload, head);
    for (int i = 0; i < PARTS; i++)
        frame_put_part(&payload, i % 7 == 5 ? STR("{}") : STR("{\"score\":1.0}"));
    frame_put_part(batch, text_str(&payload));
}

/* A journal that holds nothing. */
static void
begin(struct journal *j)
{
    if (j->w == NULL && journal_make_writer(j, ":memory:", NULL) < 0)
        abort();
    if (sqlite_run(j->w, "DELETE FROM generation; DELETE FROM score; DELETE FROM error;"
                         " DELETE FROM reply", NULL) < 0)
        abort();
    j->epochs = EPOCHS;
    j->counts = (struct journal_counts){ 0 };
    j->had_again = j->recount = j->has_replies = false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct journal j; /* made once: that takes longer than most inputs */
    struct str in = { (const char *)data, size };
    CLEANUP_TEXT struct text batch = TEXT_INIT;
    begin(&j);
    if (in.len > 0 && in.ptr[0] == '!') {
        append(&j, (struct str){ in.ptr + 1, in.len - 1 });
        in.len = 0;
    }
    while (in.len > 0) {
        const char *lf = memchr(in.ptr, '\n', in.len);
        struct str line = { in.ptr, lf != NULL ? (size_t)(lf - in.ptr) : in.len };
        size_t step = line.len + (lf != NULL);
        in.ptr += step;
        in.len -= step;
        if (line.len > 0)
            put_record(&batch, line);
        if (line.len > 0 && in.len > 0)
            continue;
        append(&j, text_str(&batch));
        text_clear(&batch);
    }
    return 0;
}
