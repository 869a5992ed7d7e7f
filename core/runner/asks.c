#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/frame.h"
#include "common/io.h"
#include "common/jtext.h"
#include "common/log.h"
#include "common/mem.h"
#include "runner/asks.h"

#define SLEEP_MAX_MS (3600u * 1000)

/* An ask that has no answer yet; the tag is its place and how often the place was used. */
struct slot {
    struct task_ask *ask; /* NULL: free */
    uint32_t uses, attempts;
    int next_free;
    bool sent;            /* on the link, this one or an earlier one */
    bool parked;          /* its answer is that it has none */
};

struct timer { int64_t due_ns; uint64_t tag; };

struct asks {
    pthread_mutex_t lock; /* guards all below, but reading from link: the I/O thread's */
    struct link *link;
    struct slot *slots;
    size_t n_slots;
    int free_slot;
    struct timer *timers; /* a heap, the nearest first */
    size_t n_timers, timers_room;
    void (*wake)(void *arg);
    void *wake_arg;
    struct text scratch;
    bool parked;
};

struct asks *
asks_new(void (*wake)(void *arg), void *arg)
{
    struct asks *a = xcalloc(1, sizeof *a);
    pthread_mutex_init(&a->lock, NULL);
    a->free_slot = -1;
    a->wake = wake;
    a->wake_arg = arg;
    return a;
}

void
asks_free(struct asks *a)
{
    if (a == NULL)
        return;
    link_free(a->link);
    free(a->slots);
    free(a->timers);
    text_fini(&a->scratch);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

struct task_reply
ask_event_reply(struct ask_event *e)
{
    struct task_reply r = e->reply;
    r.owned = (char *)e;
    return r;
}

static struct ask_event *
event_new(struct task_ask *ask, int32_t status, struct str head, struct str body)
{
    struct ask_event *e = xmalloc(sizeof *e + head.len + body.len + 2);
    *e = (struct ask_event){ .ask = ask };
    e->reply = (struct task_reply){ .status = status, .attempts = 1 };
    e->reply.head = (struct str){ e->data, head.len };
    e->reply.body = (struct str){ e->data + head.len + 1, body.len };
    if (head.len > 0)
        memcpy(e->data, head.ptr, head.len);
    e->data[head.len] = '\0';
    if (body.len > 0)
        memcpy(e->data + head.len + 1, body.ptr, body.len);
    e->data[head.len + 1 + body.len] = '\0';
    return e;
}

static void
push(struct ask_event ***end, struct ask_event *e)
{
    **end = e;
    *end = &e->next;
}

/* ---- slots, under the lock ---- */

static uint64_t
slot_take(struct asks *a, struct task_ask *ask)
{
    if (a->free_slot < 0) {
        size_t n = a->n_slots == 0 ? 64 : 2 * a->n_slots;
        a->slots = xreallocarray(a->slots, n, sizeof *a->slots);
        for (size_t i = n; i-- > a->n_slots;) {
            a->slots[i] = (struct slot){ .next_free = a->free_slot };
            a->free_slot = (int)i;
        }
        a->n_slots = n;
    }
    size_t i = (size_t)a->free_slot;
    struct slot *s = &a->slots[i];
    a->free_slot = s->next_free;
    s->ask = ask;
    s->uses++;
    s->attempts = 0;
    s->sent = s->parked = false;
    return (uint64_t)s->uses << 32 | i;
}

static struct slot *
slot_of(struct asks *a, uint64_t tag)
{
    size_t i = tag & UINT32_MAX;
    if (i >= a->n_slots || a->slots[i].uses != tag >> 32 || a->slots[i].ask == NULL)
        return NULL;
    return &a->slots[i];
}

static void
slot_free(struct asks *a, struct slot *s)
{
    s->ask = NULL;
    s->next_free = a->free_slot;
    a->free_slot = (int)(s - a->slots);
}

/* ---- timers, under the lock ---- */

static void
timer_add(struct asks *a, struct timer t)
{
    if (a->n_timers == a->timers_room) {
        a->timers_room = a->timers_room == 0 ? 16 : 2 * a->timers_room;
        a->timers = xreallocarray(a->timers, a->timers_room, sizeof *a->timers);
    }
    size_t i = a->n_timers++;
    for (; i > 0 && a->timers[(i - 1) / 2].due_ns > t.due_ns; i = (i - 1) / 2)
        a->timers[i] = a->timers[(i - 1) / 2];
    a->timers[i] = t;
}

static void
timer_pop(struct asks *a)
{
    struct timer last = a->timers[--a->n_timers];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < a->n_timers; i = k) {
        if (k + 1 < a->n_timers && a->timers[k + 1].due_ns < a->timers[k].due_ns)
            k++;
        if (a->timers[k].due_ns >= last.due_ns)
            break;
        a->timers[i] = a->timers[k];
    }
    if (a->n_timers > 0)
        a->timers[i] = last;
}

/* ---- sending ---- */

/* {"endpoint":MODEL,"path":TEXT,"method":TEXT,"headers":{...},"timeout_ms":N,"attempts":N} */
static void
put_ask(struct asks *a, uint64_t tag, struct slot *s)
{
    struct task_ask *k = s->ask;
    struct jval method = { J_ABSENT, { NULL, 0 } }, headers = method;
    if (k->head.len > 0) {
        struct jval head = jtext_whole(k->head);
        method = jtext_member(head, STR("method"));
        headers = jtext_member(head, STR("headers"));
    }
    link_begin(a->link, FRAME_ASK, tag);
    struct text *t = link_part_begin(a->link);
    text_puts(t, "{\"endpoint\":");
    jtext_put_string(t, str_z(k->endpoint));
    text_puts(t, ",\"path\":");
    jtext_put_string(t, k->to);
    text_puts(t, ",\"method\":");
    if (method.kind == J_STRING)
        text_put_str(t, method.raw);
    else
        text_puts(t, "\"POST\"");
    text_puts(t, ",\"headers\":");
    if (headers.kind == J_OBJECT)
        jtext_put_compact(t, headers);
    else if (k->head.len == 0)
        text_puts(t, "{\"content-type\":\"application/json\"}");
    else
        text_puts(t, "{}");
    text_putf(t, ",\"timeout_ms\":%u,\"attempts\":%u}", k->timeout_ms, s->attempts);
    link_part_end(a->link);
    link_part(a->link, k->body);
    link_end(a->link);
    s->sent = true;
}

/* It ends as soon as timers are looked at. */
static void
park_slot(struct asks *a, size_t i)
{
    a->slots[i].parked = true;
    timer_add(a, (struct timer){ 0, (uint64_t)a->slots[i].uses << 32 | i });
}

void
asks_send(struct asks *a, struct task_ask *const *list, size_t n)
{
    bool wake = false, linked = false;
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < n; i++) {
        struct task_ask *k = list[i];
        k->tag = slot_take(a, k);
        if (a->parked) {
            wake = true;
            park_slot(a, k->tag & UINT32_MAX);
        } else if (k->kind == EVALD_ASK_SLEEP) {
            uint32_t ms = k->timeout_ms < SLEEP_MAX_MS ? k->timeout_ms : SLEEP_MAX_MS;
            struct timer t = { time_mono_ns() + (int64_t)ms * 1000000, k->tag };
            wake |= a->n_timers == 0 || t.due_ns < a->timers[0].due_ns;
            timer_add(a, t);
        } else if (a->link != NULL) {
            put_ask(a, k->tag, &a->slots[k->tag & UINT32_MAX]);
            linked = true;
        }
    }
    if (linked) {
        link_flush(a->link, NULL); /* a link that is over shows itself when it is read */
        wake |= link_pending(a->link) > 0;
    }
    pthread_mutex_unlock(&a->lock);
    if (wake)
        a->wake(a->wake_arg);
}

bool
asks_drop(struct asks *a, struct task_ask *ask)
{
    bool wake = false;
    pthread_mutex_lock(&a->lock);
    struct slot *s = slot_of(a, ask->tag);
    if (s != NULL) {
        if (s->sent && a->link != NULL) {
            link_put(a->link, FRAME_DROP, ask->tag, STR("{}"));
            link_flush(a->link, NULL);
            wake = link_pending(a->link) > 0;
        }
        slot_free(a, s);
    }
    pthread_mutex_unlock(&a->lock);
    if (wake)
        a->wake(a->wake_arg);
    return s != NULL;
}

/* ---- the I/O thread ---- */

void
asks_attach(struct asks *a, int fd)
{
    pthread_mutex_lock(&a->lock);
    link_free(a->link);
    a->link = link_new(fd);
    for (size_t i = 0; i < a->n_slots; i++) {
        struct slot *s = &a->slots[i];
        if (s->ask == NULL || s->ask->kind == EVALD_ASK_SLEEP)
            continue;
        if (a->parked) { /* no server is at it any more */
            park_slot(a, i);
            continue;
        }
        if (s->sent)
            s->attempts++;
        put_ask(a, (uint64_t)s->uses << 32 | i, s);
    }
    link_flush(a->link, NULL);
    pthread_mutex_unlock(&a->lock);
}

void
asks_park(struct asks *a)
{
    pthread_mutex_lock(&a->lock);
    a->parked = true;
    for (size_t i = 0; i < a->n_slots; i++)
        if (a->slots[i].ask != NULL && (!a->slots[i].sent || a->link == NULL))
            park_slot(a, i);
    if (a->link != NULL) {
        link_put(a->link, FRAME_DROP, 0, STR("{}"));
        link_flush(a->link, NULL);
    }
    pthread_mutex_unlock(&a->lock);
}

void
asks_rearm(struct asks *a)
{
    pthread_mutex_lock(&a->lock);
    a->parked = false;
    pthread_mutex_unlock(&a->lock);
}

void
asks_detach(struct asks *a)
{
    pthread_mutex_lock(&a->lock);
    link_free(a->link);
    a->link = NULL;
    for (size_t i = 0; i < a->n_slots && a->parked; i++)
        if (a->slots[i].ask != NULL)
            park_slot(a, i);
    pthread_mutex_unlock(&a->lock);
}

int
asks_fd(const struct asks *a)
{
    return a->link != NULL ? link_fd(a->link) : -1; /* only the I/O thread replaces it */
}

bool
asks_wants_write(struct asks *a)
{
    pthread_mutex_lock(&a->lock);
    bool wants = a->link != NULL && link_pending(a->link) > 0;
    pthread_mutex_unlock(&a->lock);
    return wants;
}

void
asks_write(struct asks *a)
{
    pthread_mutex_lock(&a->lock);
    if (a->link != NULL)
        link_flush(a->link, NULL);
    pthread_mutex_unlock(&a->lock);
}

struct reading { struct asks *asks; struct ask_event ***end; };

/* {"status":0|-6|-7,"http_status":N,"attempts":N,"headers":{...}} + body */
static int
on_frame(void *arg, const struct frame *f)
{
    struct reading *r = arg;
    struct asks *a = r->asks;
    struct str rest = f->payload, head, body = STR("");
    static const struct str names[] = { { "status", 6 }, { "http_status", 11 },
                                        { "attempts", 8 }, { "headers", 7 } };
    struct jval v[4];
    size_t at;
    if (f->type == FRAME_DROP) { /* one that only waited */
        pthread_mutex_lock(&a->lock);
        if (slot_of(a, f->tag) != NULL)
            park_slot(a, f->tag & UINT32_MAX);
        pthread_mutex_unlock(&a->lock);
        return 0;
    }
    if (f->type != FRAME_REPLY || !frame_part(&rest, &head))
        return 1;
    frame_part(&rest, &body);
    if (jtext_scan_object(head, names, 4, v, &at, NULL) < 0)
        return 1;

    pthread_mutex_lock(&a->lock);
    struct slot *s = slot_of(a, f->tag);
    struct task_ask *ask = NULL;
    uint32_t before = 0;
    if (s != NULL) {
        ask = s->ask;
        before = s->attempts;
        slot_free(a, s);
    }
    pthread_mutex_unlock(&a->lock);
    if (ask == NULL)
        return 0; /* dropped meanwhile */

    int64_t status = 0, http = 0, attempts = 1;
    jtext_int64(v[0], &status);
    jtext_int64(v[1], &http);
    jtext_int64(v[2], &attempts);
    if (status > 0 || status < EVALD_E_TIMEOUT)
        status = EVALD_E_REMOTE;
    struct ask_event *e = event_new(ask, (int32_t)status,
                                    v[3].kind == J_OBJECT ? v[3].raw : STR("{}"), body);
    e->reply.http_status = http > 0 && http < 1000 ? (uint32_t)http : 0;
    e->reply.attempts = attempts > 0 && attempts < 1000000 ? (uint32_t)attempts : 1;
    if (e->reply.attempts <= before)
        e->reply.attempts = before + 1;
    push(r->end, e);
    return 0;
}

int
asks_read(struct asks *a, struct ask_event ***end, struct err *err)
{
    struct reading r = { a, end };
    int rc = link_read(a->link, on_frame, &r, err);
    if (rc > 0)
        rc = err_set(err, ERR_PROTO, "the gateway sent what it must not send");
    if (rc < 0)
        asks_detach(a);
    return rc;
}

int64_t
asks_timers(struct asks *a, int64_t now_ns, struct ask_event ***end)
{
    pthread_mutex_lock(&a->lock);
    while (a->n_timers > 0) {
        struct timer t = a->timers[0];
        struct slot *s = slot_of(a, t.tag);
        if (s != NULL && t.due_ns > now_ns)
            break;
        timer_pop(a);
        if (s == NULL)
            continue;
        struct ask_event *e = event_new(s->ask, EVALD_OK, STR(""), STR(""));
        e->parked = s->parked;
        push(end, e);
        slot_free(a, s);
    }
    int64_t next = a->n_timers > 0 ? a->timers[0].due_ns : INT64_MAX;
    pthread_mutex_unlock(&a->lock);
    return next;
}
