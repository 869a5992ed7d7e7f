#include "config.h"

#include "common/mem.h"
#include "wire.h"

struct wire {
    struct wires *all;
    struct wire *next_flush;
    bool flushes; /* is in the list to_flush */
    struct link *link;
    ev_io in, out;
    const struct wire_ops *ops;
    void *arg;
};

static void
on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    struct wire *w = io->data;
    struct err err = { .code = ERR_PROTO, .text = "frame that has no place here" };
    (void)loop;
    (void)events;
    if (link_read(w->link, w->ops->frame, w->arg, &err) != 0)
        w->ops->closed(w->arg, &err);
}

/* false: the wire is over. */
static bool
flush(struct wire *w)
{
    struct err err = { .code = ERR_NONE, .text = "closed" };
    if (link_flush(w->link, &err) < 0) {
        err.code = ERR_NONE; /* the reader would have seen the end next */
        w->ops->closed(w->arg, &err);
        return false;
    }
    return true;
}

static void
on_writable(struct ev_loop *loop, ev_io *io, int events)
{
    struct wire *w = io->data;
    (void)events;
    if (flush(w) && link_pending(w->link) == 0)
        ev_io_stop(loop, io);
}

struct wire *
wire_new(struct wires *all, int fd, const struct wire_ops *ops, void *arg)
{
    struct wire *w = xcalloc(1, sizeof *w);
    w->all = all;
    w->link = link_new(fd);
    w->ops = ops;
    w->arg = arg;
    ev_io_init(&w->in, on_readable, fd, EV_READ);
    ev_io_init(&w->out, on_writable, fd, EV_WRITE);
    w->in.data = w->out.data = w;
    ev_io_start(all->loop, &w->in);
    wire_link(w); /* HELLO is queued */
    return w;
}

void
wire_free(struct wire *w)
{
    if (w == NULL)
        return;
    ev_io_stop(w->all->loop, &w->in);
    ev_io_stop(w->all->loop, &w->out);
    for (struct wire **p = &w->all->to_flush; w->flushes && *p != NULL; p = &(*p)->next_flush)
        if (*p == w) {
            *p = w->next_flush;
            break;
        }
    link_free(w->link);
    free(w);
}

struct link *
wire_link(struct wire *w)
{
    if (!w->flushes) {
        w->flushes = true;
        w->next_flush = w->all->to_flush;
        w->all->to_flush = w;
    }
    return w->link;
}

bool
wire_full(const struct wire *w)
{
    return link_pending(w->link) > WIRE_FULL;
}

void
wires_flush(struct wires *all)
{
    for (struct wire *w; (w = all->to_flush) != NULL;) {
        all->to_flush = w->next_flush;
        w->flushes = false;
        if (!ev_is_active(&w->out) && flush(w) && link_pending(w->link) > 0)
            ev_io_start(all->loop, &w->out);
    }
}
