#include "config.h"

#include <unistd.h>

#include "common/jtext.h"
#include "common/log.h"
#include "common/mem.h"
#include "control.h"

static void
send_log(struct control *c, enum log_level level, const char *text)
{
    struct link *l = wire_link(c->wire);
    link_begin(l, FRAME_LOG, 0);
    struct text *t = link_part_begin(l);
    text_putf(t, "{\"level\":%d,\"text\":", (int)level);
    jtext_put_string(t, str_z(text));
    text_putc(t, '}');
    link_part_end(l);
    link_end(l);
}

static void
on_runner_fault(void *arg, const char *text)
{
    send_log(arg, LOG_LEVEL_ERROR, text);
}

static void
on_config(struct control *c, struct jval head)
{
    int fds[FRAME_FDS];
    size_t n_fds = 0;
    for (int fd; n_fds < FRAME_FDS && (fd = link_take_fd(wire_link(c->wire))) >= 0;)
        fds[n_fds++] = fd;
    struct jiter it = jtext_iter(jtext_member(head, STR("endpoints")));
    for (struct jval v; jtext_next(&it, NULL, &v);) {
        struct err err;
        if (endpoints_configure(c->endpoints, v, fds, n_fds, &err) < 0)
            send_log(c, LOG_LEVEL_ERROR, err.text);
    }
    for (size_t i = 0; i < n_fds; i++)
        close(fds[i]);
    engine_keep_connections(c->endpoints->engine, endpoints_places(c->endpoints));
}

static int
link_number(struct jval head, uint64_t *ret)
{
    int64_t n;
    if (!jtext_int64(jtext_member(head, STR("link")), &n) || n < 0)
        return -1;
    *ret = (uint64_t)n;
    return 0;
}

static int
on_link(struct control *c, struct jval head)
{
    uint64_t number;
    int fd = link_take_fd(wire_link(c->wire));
    if (fd < 0)
        return -1;
    if (link_number(head, &number) < 0) {
        close(fd);
        return -1;
    }
    runners_link(c->runners, number, fd);
    return 0;
}

static int
on_secret(struct control *c, struct jval head)
{
    struct err err;
    uint64_t number;
    if (link_number(head, &number) < 0)
        return -1;
    /* a link that has closed by now is nothing to report */
    if (runners_secret(c->runners, number, jtext_member(head, STR("headers")).raw, &err) < 0
        && err.code != ERR_NOT_FOUND)
        send_log(c, LOG_LEVEL_ERROR, err.text);
    return 0;
}

static int
on_fetch(struct control *c, uint64_t tag, struct jval head)
{
    int fd = link_take_fd(wire_link(c->wire));
    return fd < 0 ? -1 : fetch_start(&c->fetches, tag, head, fd);
}

static int
on_frame(void *arg, const struct frame *f)
{
    struct control *c = arg;
    struct str rest = f->payload, json = { NULL, 0 };
    struct jval head;
    if (!frame_part(&rest, &json) || jtext_check(json, &head, NULL, NULL) < 0
        || head.kind != J_OBJECT)
        return -1;
    switch (f->type) {
    case FRAME_CONFIG:
        on_config(c, head);
        return 0;
    case FRAME_LINK:
        return on_link(c, head);
    case FRAME_SECRET:
        return on_secret(c, head);
    case FRAME_FETCH:
        return on_fetch(c, f->tag, head);
    case FRAME_DROP:
        fetch_drop(&c->fetches, f->tag);
        return 0;
    }
    return -1;
}

static void
on_closed(void *arg, const struct err *err)
{
    struct control *c = arg;
    if (err->code != ERR_NONE) {
        log_error("link to evald: %s", err->text);
        c->exit_status = 1;
    }
    wire_free(TAKE(c->wire));
    c->fetches.wire = NULL;
    c->runners->on_fault = NULL;
    ev_break(c->loop, EVBREAK_ALL);
}

/* The last STATE is the one that shows nothing under way. */
static void
on_state(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct control *c = timer->data;
    (void)events;
    struct link *l = wire_link(c->wire);
    link_begin(l, FRAME_STATE, 0);
    bool busy = endpoints_state(c->endpoints, link_part_begin(l));
    link_part_end(l);
    link_end(l);
    if (!busy)
        ev_timer_stop(loop, timer);
}

void
control_turn(struct control *c)
{
    if (c->wire != NULL && c->runners->n_asks > 0 && !ev_is_active(&c->state))
        ev_timer_start(c->loop, &c->state);
}

void
control_init(struct control *c, struct wires *wires, int fd)
{
    static const struct wire_ops ops = { on_frame, on_closed };
    ev_timer_init(&c->state, on_state, 1, 1);
    c->state.data = c;
    c->runners->on_fault = on_runner_fault;
    c->runners->on_fault_arg = c;
    c->wire = wire_new(wires, fd, &ops, c);
    c->fetches = (struct fetches){
        .loop = c->loop, .engine = c->endpoints->engine, .wire = c->wire,
    };
}

void
control_fini(struct control *c)
{
    ev_timer_stop(c->loop, &c->state);
    fetches_fini(&c->fetches);
    wire_free(TAKE(c->wire));
}
