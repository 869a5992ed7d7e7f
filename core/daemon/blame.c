#include "config.h"

#include <stdlib.h>

#include "common/crumb.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/sched_impl.h"

static void
put_error_row(struct text *t, const char *member, const char *error, int64_t epochs,
              uint32_t epoch)
{
    text_putf(t, "{\"%s\":null,\"error\":%s", member, error);
    if (epochs > 1)
        text_putf(t, ",\"epoch\":%u", epoch);
    text_putc(t, '}');
}

/* Writes the phase down as an error, in the runner's stead; false: there is no such phase. */
static bool
charge(struct job *j, const struct runner_charge *c)
{
    int64_t epochs = json_get_int(j->spec, "epochs", 1);
    size_t n = json_object_array_length(json_get(j->spec, "functions"));
    if (c->row < 0 || c->epoch >= epochs || c->phase < 0 || (size_t)c->phase > n)
        return false;
    CLEANUP_TEXT struct text message = TEXT_INIT, error = TEXT_INIT, row = TEXT_INIT;
    CLEANUP_TEXT struct text head = TEXT_INIT, bodies = TEXT_INIT, payload = TEXT_INIT;
    text_putf(&message, "plugin %s %s", c->plugin, c->what);
    sched_put_error(&error, c->phase == 0 ? "candidate" : "scorer", "plugin", message.ptr, 1);
    text_putf(&head, "[[\"e\",%lld,%u,%d,1,\"%s\",\"plugin\"]", (long long)c->row, c->epoch,
              c->phase - 1, c->phase == 0 ? "candidate" : "scorer");
    frame_put_part(&bodies, text_str(&message));
    if (c->phase == 0) {
        text_putf(&head, ",[\"g\",%lld,%u,null,0,null]", (long long)c->row, c->epoch);
        put_error_row(&row, "generated_answer", error.ptr, epochs, c->epoch);
        frame_put_part(&bodies, text_str(&row));
    }
    text_clear(&row);
    put_error_row(&row, "score", error.ptr, epochs, c->epoch);
    for (size_t f = c->phase == 0 ? 0 : (size_t)c->phase - 1;
         f < (c->phase == 0 ? n : (size_t)c->phase); f++) {
        text_putf(&head, ",[\"s\",%lld,%u,%zu,null]", (long long)c->row, c->epoch, f);
        frame_put_part(&bodies, text_str(&row));
    }
    text_putc(&head, ']');
    frame_put_part(&payload, text_str(&head));
    text_put_str(&payload, text_str(&bodies));
    log_warning("row charged job=%s row=%lld phase=%d: %s", j->id_text, (long long)c->row,
                c->phase, message.ptr);
    job_event(j, "row_charged", message.ptr);
    job_queue_record(j, text_str(&payload));
    return true;
}

static void
count_death(struct job *j, const char *plugin_id)
{
    if (j->deaths == NULL)
        j->deaths = json_object_new_object();
    int64_t n = json_get_int(j->deaths, plugin_id, 0) + 1;
    json_add_int(j->deaths, plugin_id, n);
    if (n != BLAME_DEATHS_MAX)
        return;
    log_warning("plugin quarantined job=%s plugin=%s", j->id_text, plugin_id);
    job_event(j, "quarantined", plugin_id);
    if (j->quarantine == NULL)
        j->quarantine = json_object_new_array();
    json_object_array_add(j->quarantine, json_object_new_string(plugin_id));
}

static bool
was_suspect(const struct job *j, int64_t at)
{
    size_t n = j->suspects ? json_object_array_length(j->suspects) : 0;
    for (size_t i = 0; i < n; i++)
        if (json_object_get_int64(json_object_array_get_idx(j->suspects, i)) == at)
            return true;
    return false;
}

static int
compare_int64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

bool
blame_learn(struct job *j, const struct runner_death *how)
{
    int64_t epochs = json_get_int(j->spec, "epochs", 1);
    const struct runner_charge *c = &how->charges[0];
    bool alone = how->n_charges == 1 && was_suspect(j, c->row * epochs + c->epoch);
    if (how->certain || alone) {
        bool charged = charge(j, c);
        j->unexplained = charged ? 0 : j->unexplained + 1; /* not: the page has gone wild */
        count_death(j, c->plugin_id);
        return charged;
    }
    j->unexplained++;
    json_cleanup(&j->suspects);
    j->suspects = json_object_new_array();
    int64_t at[CRUMB_SLOTS];
    size_t n = 0;
    for (size_t i = 0; i < how->n_charges && n < CRUMB_SLOTS; i++)
        if (how->charges[i].phase >= 0 && how->charges[i].epoch < epochs)
            at[n++] = how->charges[i].row * epochs + how->charges[i].epoch;
    qsort(at, n, sizeof at[0], compare_int64);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || at[i] != at[i - 1])
            json_object_array_add(j->suspects, json_object_new_int64(at[i]));
    return false;
}
