/* Links over socketpairs: frames whole and in pieces, parts, descriptors, and every way in
 * which the other end can break the protocol. */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/frame.h"
#include "common/io.h"
#include "common/mem.h"
#include "fds.h"
#include "tap.h"

/* What came in, as text: "RECORD 7 [head] [part]" for each frame. */
struct seen {
    struct link *link;
    struct text log;
    size_t frames, bytes;
    uint64_t hash;
    int take;      /* descriptors taken of each frame */
    int fds[64];
    size_t n_fds;
    int stop_at;   /* value returned after that many frames, and the link freed */
};

static void
pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        abort();
}

static int
on_frame(void *arg, const struct frame *f)
{
    struct seen *s = arg;
    struct str rest = f->payload, part;
    const char *name = frame_type_name(f->type);
    text_putf(&s->log, "%s%s %llu", s->log.len ? "\n" : "", name ? name : "?",
              (unsigned long long)f->tag);
    while (frame_part(&rest, &part)) {
        s->bytes += part.len;
        for (size_t i = 0; i < part.len; i++)
            s->hash = s->hash * 31 + (unsigned char)part.ptr[i];
        if (part.len < 80)
            text_putf(&s->log, " [%.*s]", (int)part.len, part.ptr);
        else
            text_putf(&s->log, " [%zu bytes]", part.len);
    }
    if (f->n_fds > 0)
        text_putf(&s->log, " +%u", f->n_fds);
    for (int i = 0; i < s->take; i++) {
        int fd = link_take_fd(s->link);
        if (fd >= 0)
            s->fds[s->n_fds++] = fd;
    }
    s->frames++;
    if (s->stop_at > 0 && s->frames == (size_t)s->stop_at) {
        link_free(s->link);
        s->link = NULL;
        return 7;
    }
    return 0;
}

static void
seen_fini(struct seen *s)
{
    for (size_t i = 0; i < s->n_fds; i++)
        close(s->fds[i]);
    text_fini(&s->log);
}

/* A descriptor whose content names it. */
static int
named_fd(const char *name)
{
    struct err err;
    return io_sealed_memfd("test", name, strlen(name), &err);
}

/* Bytes with a descriptor on the first of them; takes fd. */
static void
send_with_fd(int to, struct str bytes, int fd)
{
    struct iovec iov = { (void *)(uintptr_t)bytes.ptr, bytes.len };
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { .buf = { 0 } };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf,
                          .msg_controllen = sizeof control.buf };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    if (sendmsg(to, &msg, 0) < 0)
        abort();
    close(fd);
}

static const char *
fd_name(int fd)
{
    static char buf[32];
    ssize_t n = pread(fd, buf, sizeof buf - 1, 0);
    buf[n > 0 ? n : 0] = '\0';
    return buf;
}

/* The bytes of a link's own HELLO, so that raw ends can greet. */
static struct text
hello_bytes(void)
{
    int p[2];
    pair(p);
    struct link *l = link_new(p[0]);
    link_flush(l, NULL);
    struct text t = TEXT_INIT;
    char buf[1024];
    ssize_t n = read(p[1], buf, sizeof buf);
    text_put(&t, buf, (size_t)n);
    close(p[1]);
    link_free(l);
    return t;
}

static void
put_header(struct text *t, uint32_t n, unsigned type, unsigned flags, uint64_t tag)
{
    unsigned char h[FRAME_HEADER];
    for (int i = 0; i < 4; i++)
        h[i] = (unsigned char)(n >> (8 * i));
    h[4] = (unsigned char)type;
    h[5] = (unsigned char)(type >> 8);
    h[6] = (unsigned char)flags;
    h[7] = (unsigned char)(flags >> 8);
    for (int i = 0; i < 8; i++)
        h[8 + i] = (unsigned char)(tag >> (8 * i));
    text_put(t, h, sizeof h);
}

/* ---- parts ---- */

static void
test_parts(void)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    frame_put_part(&t, STR("{}"));
    frame_put_part(&t, STR(""));
    frame_put_part(&t, STR("abc"));
    struct str rest = text_str(&t), part;
    ok(frame_parts_ok(rest), "three parts are parts");
    ok(frame_part(&rest, &part) && str_is(part, "{}"), "the first part");
    ok(frame_part(&rest, &part) && part.len == 0, "an empty part");
    ok(frame_part(&rest, &part) && str_is(part, "abc"), "the third part");
    ok(!frame_part(&rest, &part) && rest.len == 0, "no fourth part");
    ok(frame_parts_ok(STR("")), "no parts at all are fine");
    for (size_t cut = 1; cut < t.len; cut++) {
        bool at_edge = cut == 6 || cut == 10;
        if (frame_parts_ok((struct str){ t.ptr, cut }) != at_edge)
            ok(false, "a payload cut at %zu", cut);
    }
    ok(!frame_parts_ok((struct str){ "\xff\xff\xff\xff", 4 }), "a part of 4 GiB is not there");
    is_str(frame_type_name(FRAME_RECORD), "RECORD", "a type has its name");
    ok(frame_type_name(0) == NULL && frame_type_name(5) == NULL
           && frame_type_name(0xffff) == NULL,
       "an unknown type has none");
}

/* ---- frames in pieces ---- */

static void
test_byte_by_byte(void)
{
    int before = count_fds();
    int a[2], b[2];
    pair(a);
    pair(b);
    struct link *from = link_new(a[0]), *to = link_new(b[0]);
    link_put(from, FRAME_READY, 1, STR("{\"job\":null}"));
    link_begin(from, FRAME_RECORD, UINT64_C(0x8877665544332211));
    link_part(from, STR("[1]"));
    text_puts(link_part_begin(from), "made in place");
    link_part_end(from);
    link_end(from);
    link_put_payload(from, FRAME_STOP, 3, STR("\2\0\0\0{}"));
    is_int(link_flush(from, NULL), 0, "flush");
    is_int(link_pending(from), 0, "nothing is left to write");
    struct seen s = { .link = to };
    struct err err;
    char c;
    size_t early = 0;
    io_set_nonblock(a[1]);
    while (read(a[1], &c, 1) == 1) {
        if (write(b[1], &c, 1) != 1)
            abort();
        if (link_read(to, on_frame, &s, &err) != 0)
            early++;
    }
    is_int(early, 0, "bytes that come one at a time are no error");
    is_str(s.log.ptr,
           "READY 1 [{\"job\":null}]\n"
           "RECORD 9833440827789222417 [[1]] [made in place]\n"
           "STOP 3 [{}]",
           "and make whole frames, tags included");
    close(a[1]);
    close(b[1]);
    is_int(link_read(to, on_frame, &s, &err), -1, "the end of the link");
    is_int(err.code, ERR_NONE, "between frames it is no error");
    is_str(err.text, "closed", "but closed");
    link_free(from);
    link_free(to);
    seen_fini(&s);
    is_int(count_fds(), before, "no descriptor is left");
}

static void
test_large(void)
{
    int p[2];
    pair(p);
    struct link *from = link_new(p[0]), *to = link_new(p[1]);
    size_t n = 9u << 20;
    char *big = xmalloc(n);
    uint64_t hash = 0;
    for (size_t i = 0; i < n; i++) {
        big[i] = (char)(i * 2654435761u >> 13);
        hash = hash * 31 + (unsigned char)big[i];
    }
    link_begin(from, FRAME_DONE, 1);
    link_part(from, (struct str){ big, n });
    link_end(from);
    link_put(from, FRAME_STOP, 2, STR(""));
    struct seen s = { .link = to };
    struct err err;
    bool was_pending = false;
    int bad = 0;
    for (int i = 0; i < 100000 && s.frames < 2 && !bad; i++) {
        bad |= link_flush(from, &err);
        was_pending |= link_pending(from) > 0;
        bad |= link_read(to, on_frame, &s, &err);
    }
    ok(!bad && was_pending, "a frame larger than the socket's buffer goes in pieces");
    is_int(s.frames, 2, "both frames came");
    is_int(s.bytes, n, "all bytes of it");
    ok(s.hash == hash, "and they are the same");
    is_int(link_pending(from), 0, "nothing is left");
    free(big);
    link_free(from);
    link_free(to);
    seen_fini(&s);
}

/* A slow reader: the queue's written part is dropped, and descriptors keep their frames. */
static void
test_queue(void)
{
    int p[2];
    pair(p);
    struct link *from = link_new(p[0]), *to = link_new(p[1]);
    char *row = xmalloc(100000);
    memset(row, 'x', 100000);
    struct seen s = { .link = to, .take = 1 };
    struct err err;
    int bad = 0;
    for (int i = 0; i < 60; i++) {
        link_begin(from, FRAME_RECORD, (uint64_t)i);
        link_part(from, (struct str){ row, 100000 });
        if (i % 10 == 3) {
            char name[16];
            snprintf(name, sizeof name, "%d", i);
            link_send_fd(from, named_fd(name));
        }
        link_end(from);
        bad |= link_flush(from, &err);
        if (i % 7 == 0)
            bad |= link_read(to, on_frame, &s, &err);
    }
    for (int i = 0; i < 10000 && s.frames < 60 && !bad; i++) {
        bad |= link_read(to, on_frame, &s, &err);
        bad |= link_flush(from, &err);
    }
    ok(!bad, "frames and descriptors to a slow reader");
    is_int(s.frames, 60, "all frames came");
    is_int(s.n_fds, 6, "all descriptors came");
    bool right = true;
    for (size_t i = 0; i < s.n_fds; i++)
        right = right && atoi(fd_name(s.fds[i])) == (int)(10 * i + 3);
    ok(right, "in order");
    free(row);
    link_free(from);
    link_free(to);
    seen_fini(&s);
}

/* ---- descriptors ---- */

static void
test_descriptors(void)
{
    int before = count_fds();
    int p[2];
    pair(p);
    struct link *from = link_new(p[0]), *to = link_new(p[1]);
    link_put(from, FRAME_READY, 0, STR("none"));
    link_begin(from, FRAME_JOB, 1);
    link_part(from, STR("two"));
    link_send_fd(from, named_fd("a"));
    link_send_fd(from, named_fd("b"));
    link_end(from);
    link_put(from, FRAME_STOP, 2, STR("none"));
    link_begin(from, FRAME_GATEWAY, 3);
    link_send_fd(from, named_fd("c")); /* before its parts */
    link_part(from, STR("one"));
    link_end(from);
    link_begin(from, FRAME_GATEWAY, 4);
    link_part(from, STR("three, one taken"));
    link_send_fd(from, named_fd("d"));
    link_send_fd(from, named_fd("e"));
    link_send_fd(from, named_fd("f"));
    link_end(from);
    is_int(link_flush(from, NULL), 0, "one flush of frames with and without descriptors");
    is_int(link_pending(from), 0, "all of it is written");
    struct seen s = { .link = to, .take = 2 };
    struct err err;
    for (int i = 0; i < 20 && s.frames < 5; i++)
        link_read(to, on_frame, &s, &err);
    is_str(s.log.ptr,
           "READY 0 [none]\nJOB 1 [two] +2\nSTOP 2 [none]\nGATEWAY 3 [one] +1\n"
           "GATEWAY 4 [three, one taken] +3",
           "each frame knows its descriptors");
    char names[16] = "";
    for (size_t i = 0; i < s.n_fds; i++)
        strcat(names, fd_name(s.fds[i]));
    is_str(names, "abcde", "they come in order, and only with their frame");
    ok(s.n_fds > 0 && (fcntl(s.fds[0], F_GETFD) & FD_CLOEXEC) != 0, "and close on exec");
    is_int(link_take_fd(to), -1, "outside of a frame there is none");
    seen_fini(&s);
    link_free(from);
    link_free(to);
    is_int(count_fds(), before, "what nobody took is closed");
}

static void
test_many_descriptors(void)
{
    int before = count_fds();
    int p[2];
    pair(p);
    struct link *from = link_new(p[0]), *to = link_new(p[1]);
    int fd = named_fd("x");
    link_begin(from, FRAME_JOB, 1);
    link_part(from, STR("{}"));
    for (unsigned i = 0; i < FRAME_FDS; i++)
        link_send_fd(from, dup(fd));
    link_end(from);
    close(fd);
    is_int(link_flush(from, NULL), 0, "flush of the most descriptors a frame can have");
    struct seen s = { .link = to, .take = 60 };
    struct err err;
    for (int i = 0; i < 5 && s.frames < 1; i++)
        link_read(to, on_frame, &s, &err);
    is_int(s.n_fds, 60, "they come");
    seen_fini(&s);
    link_free(from);
    link_free(to);
    is_int(count_fds(), before, "and the others are closed");
}

static void
test_unsent(void)
{
    int before = count_fds();
    int p[2];
    pair(p);
    struct link *l = link_new(p[0]);
    link_begin(l, FRAME_JOB, 1);
    link_send_fd(l, named_fd("a"));
    link_part(l, STR("{}"));
    link_end(l);
    link_begin(l, FRAME_JOB, 2);
    link_send_fd(l, named_fd("b"));
    link_send_fd(l, named_fd("c"));
    link_free(l); /* one queued, one being built */
    close(p[1]);
    is_int(count_fds(), before, "descriptors that were never sent are closed");

    /* the same with descriptors that came, and no frame for them yet */
    struct text hello = hello_bytes();
    pair(p);
    struct link *to = link_new(p[1]);
    struct text half = TEXT_INIT;
    text_put_str(&half, text_str(&hello));
    put_header(&half, 6, FRAME_JOB, 1, 0);
    send_with_fd(p[0], text_str(&half), named_fd("d"));
    struct seen s = { .link = to };
    struct err err;
    is_int(link_read(to, on_frame, &s, &err), 0, "half a frame with a descriptor");
    close(p[0]);
    is_int(link_read(to, on_frame, &s, &err), -1, "and then the end");
    is_int(err.code, ERR_PROTO, "is a broken protocol");
    link_free(to);
    text_fini(&half);
    text_fini(&hello);
    seen_fini(&s);
    is_int(count_fds(), before, "descriptors of half a frame are closed");
}

/* Descriptors that no frame names must not pile up in the reader. */
static void
test_stray_descriptors(void)
{
    int before = count_fds();
    struct text hello = hello_bytes();
    int p[2];
    pair(p);
    struct link *to = link_new(p[1]);
    struct text bytes = TEXT_INIT;
    put_header(&bytes, 6, FRAME_READY, 0, 0);
    text_put(&bytes, "\2\0\0\0{}", 6);
    if (write(p[0], hello.ptr, hello.len) != (ssize_t)hello.len)
        abort();
    int rc = 0, sent = 0;
    struct seen s = { .link = to };
    struct err err = { .code = ERR_NONE };
    for (; sent < 20 && rc == 0; sent++) {
        send_with_fd(p[0], text_str(&bytes), named_fd("stray"));
        rc = link_read(to, on_frame, &s, &err);
    }
    ok(rc == -1 && sent == 1, "a descriptor that no frame names ends the link");
    is_int(err.code, ERR_PROTO, "as a broken protocol");
    link_free(to);
    close(p[0]);
    text_fini(&bytes);
    text_fini(&hello);
    seen_fini(&s);
    is_int(count_fds(), before, "and is closed");
}

/* ---- what is refused ---- */

/* Sends raw bytes, after a HELLO or not, ends the sending side, reads until an error. */
static void
refused(const char *what, bool greet, struct str bytes, enum err_code code, const char *text,
        size_t frames)
{
    int before = count_fds();
    struct text hello = hello_bytes();
    int p[2];
    pair(p);
    struct link *to = link_new(p[1]);
    if ((greet && write(p[0], hello.ptr, hello.len) != (ssize_t)hello.len)
        || (bytes.len > 0 && write(p[0], bytes.ptr, bytes.len) != (ssize_t)bytes.len))
        abort();
    shutdown(p[0], SHUT_WR);
    struct seen s = { .link = to };
    struct err err = { .code = ERR_INTERNAL, .text = "nothing" };
    int rc = 0;
    for (int i = 0; i < 10 && rc == 0; i++)
        rc = link_read(to, on_frame, &s, &err);
    is_int(rc, -1, "%s ends the link", what);
    is_int(err.code, code, "%s: code", what);
    is_str(err.text, text, "%s: text", what);
    is_int(s.frames, frames, "%s: frames before it were given out", what);
    link_free(to);
    close(p[0]);
    text_fini(&hello);
    seen_fini(&s);
    if (count_fds() != before)
        ok(false, "%s: a descriptor was left", what);
}

static void
test_refused(void)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    CLEANUP_TEXT struct text good = TEXT_INIT;
    put_header(&good, 6, FRAME_READY, 0, 0);
    text_put(&good, "\2\0\0\0{}", 6);

    put_header(&t, FRAME_MAX + 1, FRAME_READY, 0, 0);
    refused("a frame above the limit", true, text_str(&t), ERR_PROTO, "frame of 67108865 bytes",
            0);

    text_clear(&t);
    text_put_str(&t, text_str(&good));
    put_header(&t, 0, 9999, 0, 0);
    refused("an unknown type", true, text_str(&t), ERR_PROTO, "unknown frame type 9999", 1);

    text_clear(&t);
    put_header(&t, 6, FRAME_JOB, 2, 0);
    text_put(&t, "\2\0\0\0{}", 6);
    refused("a frame without its descriptors", true, text_str(&t), ERR_PROTO,
            "JOB came without its 2 descriptors", 0);

    text_clear(&t);
    put_header(&t, 6, FRAME_RECORD, 0, 0);
    text_put(&t, "\3\0\0\0{}", 6);
    refused("a part longer than its frame", true, text_str(&t), ERR_PROTO,
            "RECORD with a broken part", 0);

    text_clear(&t);
    put_header(&t, 9, FRAME_RECORD, 0, 0);
    text_put(&t, "\2\0\0\0{}\0\0\0", 9);
    refused("bytes behind the last part", true, text_str(&t), ERR_PROTO,
            "RECORD with a broken part", 0);

    text_clear(&t);
    put_header(&t, 0, FRAME_READY, 0, 0);
    refused("a frame without parts, then the end,", true, text_str(&t), ERR_NONE, "closed", 1);

    for (size_t cut = 1; cut < good.len; cut += 7) {
        char what[64];
        snprintf(what, sizeof what, "the end at byte %zu of a frame", cut);
        refused(what, true, (struct str){ good.ptr, cut }, ERR_PROTO,
                "closed in the middle of a frame", 0);
    }
    refused("the end after HELLO", true, STR(""), ERR_NONE, "closed", 0);
    refused("the end before HELLO", false, STR(""), ERR_NONE, "closed", 0);
    refused("another first frame than HELLO", false, text_str(&good), ERR_PROTO,
            "the first frame is no HELLO", 0);

    text_clear(&t);
    CLEANUP_TEXT struct text head = TEXT_INIT;
    frame_put_part(&head, STR("{\"build\":\"0.0.7/1\"}"));
    put_header(&t, (uint32_t)head.len, FRAME_HELLO, 0, 0);
    text_put_str(&t, text_str(&head));
    text_put_str(&t, text_str(&good));
    refused("another build", false, text_str(&t), ERR_PROTO,
            "the other end is another build: {\"build\":\"0.0.7/1\"}", 0);

    text_clear(&t);
    put_header(&t, 0, FRAME_HELLO, 0, 0);
    refused("a HELLO that says nothing", false, text_str(&t), ERR_PROTO,
            "the first frame is no HELLO", 0);
}

/* ---- the callback ends it; the other end is gone ---- */

static void
test_stop(void)
{
    int p[2];
    pair(p);
    struct link *from = link_new(p[0]), *to = link_new(p[1]);
    for (int i = 0; i < 3; i++)
        link_put(from, FRAME_READY, (uint64_t)i, STR("{}"));
    link_flush(from, NULL);
    struct seen s = { .link = to, .stop_at = 2 };
    struct err err;
    is_int(link_read(to, on_frame, &s, &err), 7,
           "the callback's value comes back, also when it freed the link");
    is_int(s.frames, 2, "and nothing follows it");
    seen_fini(&s);
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++) {
        link_put(from, FRAME_READY, 9, STR("{}"));
        rc = link_flush(from, &err);
    }
    ok(rc == -1 && err.code == ERR_IO, "writing to an end that is gone is an error, no signal");
    link_free(from);

    pair(p);
    to = link_new(p[1]);
    struct text hello = hello_bytes();
    struct text t = TEXT_INIT;
    text_put_str(&t, text_str(&hello));
    put_header(&t, 6, FRAME_READY, 0, 1);
    text_put(&t, "\2\0\0\0{}", 6);
    put_header(&t, 0, 77, 0, 0);
    if (write(p[0], t.ptr, t.len) != (ssize_t)t.len)
        abort();
    s = (struct seen){ .link = to };
    is_int(link_read(to, on_frame, &s, NULL), -1, "errors need no err");
    close(p[0]);
    text_fini(&t);
    text_fini(&hello);
    link_free(to);
    seen_fini(&s);
}

int
main(void)
{
    test_parts();
    test_byte_by_byte();
    test_large();
    test_queue();
    test_descriptors();
    test_many_descriptors();
    test_unsent();
    test_stray_descriptors();
    test_refused();
    test_stop();
    return tap_done();
}
