#include <math.h>

#include "kind.h"
#include "pytext.h"
#include "similarity.h"

struct vector {
    struct evald_str text;
    double *of;
    size_t n;
    double length;
};

struct vectors {
    struct vector *all;
    size_t n, room;
};

size_t
similarity_want(struct work *w, struct evald_str text)
{
    if (w->vectors == NULL)
        w->vectors = evald_alloc(w->c, sizeof *w->vectors);
    struct vectors *v = w->vectors;
    for (size_t i = 0; i < v->n; i++)
        if (pytext_same(v->all[i].text, text))
            return i;
    if (v->n == v->room) {
        v->room = 2 * v->room + 8;
        struct vector *more = evald_alloc(w->c, v->room * sizeof *more);
        if (v->n > 0)
            memcpy(more, v->all, v->n * sizeof *more);
        v->all = more;
    }
    v->all[v->n].text = text;
    return v->n++;
}

int32_t
similarity_ask(struct work *w)
{
    const struct vectors *v = w->vectors;
    int32_t rc = EVALD_WAIT;
    for (size_t i = 0; i < v->n && rc == EVALD_WAIT; i++) {
        struct evald_buf b = EVALD_BUF;
        evald_put(w->c, &b, evald_s("{\"kind\":\"embedding\",\"input\":"));
        evald_put(w->c, &b, evald_s(evald_quote(w->c, v->all[i].text)));
        evald_put(w->c, &b, evald_s("}"));
        rc = evald_ask_model(w->c, w->judge->embedder, b.text);
    }
    return rc;
}

static int32_t
read_vector(struct work *w, struct vector *v, struct evald_value list)
{
    struct evald_str key;
    struct evald_value one;
    size_t room = 1;
    if (list.kind != EVALD_ARRAY)
        return evald_fail(w->c, EVALD_E_REMOTE, "embedding model: the embedding is %s where an"
                          " array of numbers is needed", kind_name(&list));
    for (size_t i = 0; i < list.str.len; i++)
        room += list.str.ptr[i] == ',';
    v->of = evald_alloc(w->c, room * sizeof *v->of);
    double squares = 0;
    for (size_t at = 0; v->n < room && evald_each(w->c, list.str, &at, &key, &one) > 0;) {
        if (one.kind != EVALD_NUMBER || !isfinite(one.num))
            return evald_fail(w->c, EVALD_E_REMOTE, "embedding model: element %zu of the"
                              " embedding is no finite number", v->n);
        v->of[v->n++] = one.num;
        squares += one.num * one.num;
    }
    v->length = sqrt(squares);
    return EVALD_OK;
}

int32_t
similarity_read(struct work *w)
{
    struct vectors *v = w->vectors;
    for (size_t i = 0; i < v->n; i++) {
        const struct evald_reply *reply = w->event->replies[i];
        if (reply->status < 0)
            return evald_fail(w->c, reply->status, "embedding model: %s", reply->body.ptr);
        struct evald_value list = evald_get(w->c, reply->body, "/embeddings/0");
        if (read_vector(w, &v->all[i], list) < 0)
            return EVALD_E_REMOTE;
    }
    return EVALD_OK;
}

int32_t
similarity_of(struct work *w, size_t a, size_t b, struct evald_value *ret)
{
    const struct vector *x = &w->vectors->all[a], *y = &w->vectors->all[b];
    double lengths = x->length * y->length, dot = 0, cosine = 0;
    size_t n = x->n < y->n ? x->n : y->n;
    for (size_t i = 0; i < n; i++)
        dot += x->of[i] * y->of[i];
    if (!isfinite(lengths) || !isfinite(dot))
        return evald_fail(w->c, EVALD_E_REMOTE, "embedding model: embeddings of such lengths"
                          " have no cosine");
    if (lengths != 0)
        cosine = dot / lengths < 1 ? dot / lengths : 1;
    double scaled = (cosine - 0.7) / (1 - 0.7);
    *ret = scaled < 0 ? work_integer(0) : work_float(scaled);
    return EVALD_OK;
}

void
similarity_put(struct work *w, struct evald_buf *b, struct evald_value similarity)
{
    evald_put(w->c, b, evald_s("{\"name\":\"EmbeddingSimilarity\",\"score\":"));
    work_put_number(w, b, similarity);
    evald_put(w->c, b, evald_s(",\"metadata\":{},\"error\":null}"));
}
