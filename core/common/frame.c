#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/frame.h"
#include "common/io.h"
#include "common/mem.h"

#ifndef EVALD_BUILD_ID
#define EVALD_BUILD_ID PACKAGE_VERSION "/1"
#endif

#define READ_STEP (64u << 10)
#define READ_CALL (128u << 10)
#define KEEP_ROOM (256u << 10) /* a buffer that is larger is given back when it is empty */

static const char *const type_names[] = {
    [FRAME_HELLO] = "HELLO",
    [FRAME_JOB] = "JOB", [FRAME_DONE] = "DONE", [FRAME_SCORED] = "SCORED",
    [FRAME_GATEWAY] = "GATEWAY", [FRAME_STOP] = "STOP",
    [FRAME_READY] = "READY", [FRAME_RECORD] = "RECORD", [FRAME_NEXT] = "NEXT",
    [FRAME_PROGRESS] = "PROGRESS", [FRAME_AGGREGATE] = "AGGREGATE", [FRAME_LOG] = "LOG",
    [FRAME_END] = "END", [FRAME_ROWS] = "ROWS",
    [FRAME_ASK] = "ASK", [FRAME_DROP] = "DROP", [FRAME_REPLY] = "REPLY",
    [FRAME_CONFIG] = "CONFIG", [FRAME_LINK] = "LINK", [FRAME_SECRET] = "SECRET",
    [FRAME_FETCH] = "FETCH", [FRAME_FETCHED] = "FETCHED", [FRAME_STATE] = "STATE",
};

/* Descriptors that leave with the frame that begins at this offset of the queue. */
struct out_fds {
    uint64_t at; /* bytes queued before that frame, since the link began */
    size_t n;
    int *fds;
};

struct link {
    int fd;
    bool greeted; /* the other end's HELLO has come */

    /* in: bytes [in_at, in_len) of in are not handled yet */
    char *in;
    size_t in_at, in_len, in_room;
    int *in_fds; /* received and not yet given to a frame */
    size_t n_in_fds, in_fds_room;
    size_t frame_fds; /* of in_fds, those of the frame being handled */

    /* out: bytes [out_at, out.len) wait; base counts what left the buffer */
    struct text out;
    size_t out_at, begin, part;
    uint64_t base;
    struct out_fds *out_fds;
    size_t n_out_fds;
    int *next_fds; /* of the frame being built */
    size_t n_next_fds;
    bool building;
};

const char *
frame_type_name(uint16_t type)
{
    return type < ARRAY_LEN(type_names) ? type_names[type] : NULL;
}

static uint32_t
get_u32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void
put_le(char *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(v >> (8 * i));
}

bool
frame_part(struct str *rest, struct str *ret_part)
{
    if (rest->len < 4)
        return false;
    uint32_t n = get_u32(rest->ptr);
    if (n > rest->len - 4)
        return false;
    *ret_part = (struct str){ rest->ptr + 4, n };
    rest->ptr += 4 + (size_t)n;
    rest->len -= 4 + (size_t)n;
    return true;
}

bool
frame_parts_ok(struct str payload)
{
    struct str part;
    while (frame_part(&payload, &part))
        ;
    return payload.len == 0;
}

void
frame_put_part(struct text *payload, struct str part)
{
    char n[4];
    put_le(n, part.len, sizeof n);
    text_put(payload, n, sizeof n);
    text_put_str(payload, part);
}

struct link *
link_new(int fd)
{
    struct link *l = xcalloc(1, sizeof *l);
    l->fd = fd;
    io_set_nonblock(fd);
    link_put(l, FRAME_HELLO, 0, STR("{\"build\":\"" EVALD_BUILD_ID "\"}"));
    return l;
}

void
link_free(struct link *l)
{
    if (l == NULL)
        return;
    int saved = errno;
    close(l->fd);
    for (size_t i = 0; i < l->n_in_fds; i++)
        close(l->in_fds[i]);
    for (size_t i = 0; i < l->n_next_fds; i++)
        close(l->next_fds[i]);
    for (size_t i = 0; i < l->n_out_fds; i++) {
        for (size_t k = 0; k < l->out_fds[i].n; k++)
            close(l->out_fds[i].fds[k]);
        free(l->out_fds[i].fds);
    }
    free(l->out_fds);
    free(l->in_fds);
    free(l->next_fds);
    free(l->in);
    text_fini(&l->out);
    free(l);
    errno = saved;
}

int
link_fd(const struct link *l)
{
    return l->fd;
}

/* ---- reading ---- */

int
link_take_fd(struct link *l)
{
    if (l->frame_fds == 0)
        return -1;
    int fd = l->in_fds[0];
    l->n_in_fds--;
    l->frame_fds--;
    memmove(l->in_fds, l->in_fds + 1, l->n_in_fds * sizeof *l->in_fds);
    return fd;
}

static int
greet(struct link *l, const struct frame *f, struct err *err)
{
    struct str rest = f->payload, head;
    if (f->type != FRAME_HELLO || !frame_part(&rest, &head))
        return err_set(err, ERR_PROTO, "the first frame is no HELLO");
    if (!str_is(head, "{\"build\":\"" EVALD_BUILD_ID "\"}"))
        return err_set(err, ERR_PROTO, "the other end is another build: %.*s",
                       (int)(head.len < 80 ? head.len : 80), head.ptr);
    l->greeted = true;
    return 0;
}

/* Gives out the whole frames that are in the buffer. */
static int
deliver(struct link *l, link_frame_fn *fn, void *arg, struct err *err)
{
    while (l->in_len - l->in_at >= FRAME_HEADER) {
        const char *h = l->in + l->in_at;
        uint32_t n = get_u32(h);
        struct frame f = {
            .type = (uint16_t)((unsigned char)h[4] | (unsigned char)h[5] << 8),
            .n_fds = (unsigned char)h[6],
            .tag = get_u32(h + 8) | (uint64_t)get_u32(h + 12) << 32,
        };
        if (n > FRAME_MAX)
            return err_set(err, ERR_PROTO, "frame of %u bytes", n);
        if (frame_type_name(f.type) == NULL)
            return err_set(err, ERR_PROTO, "unknown frame type %u", f.type);
        if (l->in_len - l->in_at - FRAME_HEADER < n)
            return 0;
        if (f.n_fds > l->n_in_fds)
            return err_set(err, ERR_PROTO, "%s came without its %u descriptors",
                           frame_type_name(f.type), f.n_fds);
        f.payload = (struct str){ h + FRAME_HEADER, n };
        if (!frame_parts_ok(f.payload))
            return err_set(err, ERR_PROTO, "%s with a broken part", frame_type_name(f.type));
        l->in_at += FRAME_HEADER + n;
        int rc = 0;
        l->frame_fds = f.n_fds;
        if (!l->greeted)
            rc = greet(l, &f, err);
        else
            rc = fn(arg, &f);
        if (rc != 0)
            return rc; /* fn may have freed the link */
        for (int fd; (fd = link_take_fd(l)) >= 0;)
            close(fd);
    }
    /* what is left belongs to the frame that has begun; an end that sends more than that
     * would fill the table of descriptors */
    if (l->n_in_fds > (l->in_len > l->in_at ? FRAME_FDS : 0))
        return err_set(err, ERR_PROTO, "descriptors that no frame names");
    return 0;
}

static void
keep_fds(struct link *l, struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (l->n_in_fds + n > l->in_fds_room) {
            l->in_fds_room = l->n_in_fds + n + 8;
            l->in_fds = xreallocarray(l->in_fds, l->in_fds_room, sizeof *l->in_fds);
        }
        memcpy(l->in_fds + l->n_in_fds, CMSG_DATA(c), n * sizeof(int));
        l->n_in_fds += n;
    }
}

/* Makes room for the rest of the frame that is coming, or for one more step. */
static void
make_room(struct link *l)
{
    size_t have = l->in_len - l->in_at, want = READ_STEP;
    if (have >= FRAME_HEADER) {
        uint32_t n = get_u32(l->in + l->in_at);
        if (n <= FRAME_MAX && FRAME_HEADER + (size_t)n > have + want)
            want = FRAME_HEADER + (size_t)n - have;
    }
    if (l->in_at > 0 && (have == 0 || l->in_room - l->in_len < want)) {
        memmove(l->in, l->in + l->in_at, have);
        l->in_at = 0;
        l->in_len = have;
    }
    if (l->in_room - l->in_len < want) {
        l->in_room = l->in_len + want;
        l->in = xrealloc(l->in, l->in_room);
    } else if (have == 0 && l->in_room > KEEP_ROOM) {
        free(l->in); /* a large frame has gone through: give its room back */
        l->in_room = READ_STEP;
        l->in = xmalloc(l->in_room);
    }
}

int
link_read(struct link *l, link_frame_fn *fn, void *arg, struct err *err)
{
    for (size_t total = 0; total < READ_CALL;) {
        make_room(l);
        union {
            char buf[CMSG_SPACE(FRAME_FDS * sizeof(int))];
            struct cmsghdr align;
        } control;
        struct iovec iov = { l->in + l->in_len, l->in_room - l->in_len };
        struct msghdr msg = {
            .msg_iov = &iov, .msg_iovlen = 1,
            .msg_control = control.buf, .msg_controllen = sizeof control.buf,
        };
        ssize_t n = recvmsg(l->fd, &msg, MSG_CMSG_CLOEXEC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        if (n < 0 && errno != ECONNRESET)
            return err_set(err, ERR_IO, "read from a link: %m");
        if (n <= 0)
            return l->in_len > l->in_at
                       ? err_set(err, ERR_PROTO, "closed in the middle of a frame")
                       : err_set(err, ERR_NONE, "closed");
        keep_fds(l, &msg); /* link_free closes them when it ends here */
        if (msg.msg_flags & MSG_CTRUNC)
            return err_set(err, ERR_PROTO, "descriptors were lost");
        l->in_len += (size_t)n;
        total += (size_t)n;
        int rc = deliver(l, fn, arg, err);
        if (rc != 0)
            return rc;
        if ((size_t)n < iov.iov_len)
            return 0;
    }
    return 0;
}

/* ---- writing ---- */

void
link_begin(struct link *l, enum frame_type type, uint64_t tag)
{
    assert(!l->building);
    if (l->out_at > 0 && l->out_at == l->out.len) {
        l->base += l->out_at;
        l->out_at = 0;
        text_clear(&l->out);
    }
    l->building = true;
    l->begin = l->out.len;
    char h[FRAME_HEADER];
    put_le(h, 0, 4);
    put_le(h + 4, type, 2);
    put_le(h + 6, 0, 2);
    put_le(h + 8, tag, 8);
    text_put(&l->out, h, sizeof h);
}

struct text *
link_part_begin(struct link *l)
{
    assert(l->building);
    l->part = l->out.len;
    text_put(&l->out, "\0\0\0\0", 4);
    return &l->out;
}

void
link_part_end(struct link *l)
{
    put_le(l->out.ptr + l->part, l->out.len - l->part - 4, 4);
}

void
link_part(struct link *l, struct str part)
{
    text_put_str(link_part_begin(l), part);
    link_part_end(l);
}

void
link_send_fd(struct link *l, int fd)
{
    assert(l->building && l->n_next_fds < FRAME_FDS);
    l->next_fds = xreallocarray(l->next_fds, l->n_next_fds + 1, sizeof *l->next_fds);
    l->next_fds[l->n_next_fds++] = fd;
}

void
link_end(struct link *l)
{
    assert(l->building);
    size_t n = l->out.len - l->begin - FRAME_HEADER;
    assert(n <= FRAME_MAX);
    char *h = l->out.ptr + l->begin;
    put_le(h, n, 4);
    put_le(h + 6, l->n_next_fds, 2);
    if (l->n_next_fds > 0) {
        l->out_fds = xreallocarray(l->out_fds, l->n_out_fds + 1, sizeof *l->out_fds);
        l->out_fds[l->n_out_fds++] = (struct out_fds){ l->base + l->begin, l->n_next_fds,
                                                       l->next_fds };
        l->next_fds = NULL;
        l->n_next_fds = 0;
    }
    l->building = false;
}

void
link_put(struct link *l, enum frame_type type, uint64_t tag, struct str head)
{
    link_begin(l, type, tag);
    link_part(l, head);
    link_end(l);
}

void
link_put_payload(struct link *l, enum frame_type type, uint64_t tag, struct str payload)
{
    link_begin(l, type, tag);
    text_put_str(&l->out, payload);
    link_end(l);
}

static void
forget_sent_fds(struct link *l)
{
    struct out_fds *o = &l->out_fds[0];
    for (size_t i = 0; i < o->n; i++)
        close(o->fds[i]);
    free(o->fds);
    l->n_out_fds--;
    memmove(l->out_fds, l->out_fds + 1, l->n_out_fds * sizeof *l->out_fds);
}

int
link_flush(struct link *l, struct err *err)
{
    assert(!l->building);
    while (l->out_at < l->out.len) {
        uint64_t here = l->base + l->out_at;
        size_t n = l->out.len - l->out_at;
        union {
            char buf[CMSG_SPACE(FRAME_FDS * sizeof(int))];
            struct cmsghdr align;
        } control;
        struct msghdr msg = { .msg_iovlen = 1 };
        bool with_fds = l->n_out_fds > 0 && l->out_fds[0].at == here;
        if (with_fds) {
            size_t bytes = l->out_fds[0].n * sizeof(int);
            memset(&control, 0, sizeof control);
            msg.msg_control = control.buf;
            msg.msg_controllen = CMSG_SPACE(bytes);
            struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(bytes);
            memcpy(CMSG_DATA(c), l->out_fds[0].fds, bytes);
        }
        /* stop before the next frame that has descriptors of its own */
        size_t next = with_fds ? 1 : 0;
        if (next < l->n_out_fds && l->out_fds[next].at < here + n)
            n = (size_t)(l->out_fds[next].at - here);
        struct iovec iov = { l->out.ptr + l->out_at, n };
        msg.msg_iov = &iov;
        ssize_t k = sendmsg(l->fd, &msg, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (k < 0)
            return err_set(err, ERR_IO, "write to a link: %m");
        if (with_fds)
            forget_sent_fds(l);
        l->out_at += (size_t)k;
    }
    if (l->out_at == l->out.len) {
        l->base += l->out_at;
        l->out_at = 0;
        if (l->out.room > KEEP_ROOM)
            text_fini(&l->out);
        else
            text_clear(&l->out);
    } else if (l->out_at > READ_STEP && l->out_at > l->out.len / 2) {
        /* less is moved than has left: a queue that never runs empty stays small */
        size_t left = l->out.len - l->out_at;
        memmove(l->out.ptr, l->out.ptr + l->out_at, left);
        l->base += l->out_at;
        l->out.len = left;
        l->out_at = 0;
    }
    return 0;
}

size_t
link_pending(const struct link *l)
{
    return l->out.len - l->out_at;
}
