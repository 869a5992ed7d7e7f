#include "config.h"

#include <stdlib.h>
#include <strings.h>

#include "common/jtext.h"
#include "common/mem.h"
#include "headers.h"

/* Framing and connection are libcurl's. */
static const char *const not_for_asks[] = {
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
};

/* RFC 9110 5.6.2 */
static bool
is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || strchr("\"(),/:;<=>?@[\\]{}", s.ptr[i]))
            return false;
    return s.len > 0;
}

static bool
is_value(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (((unsigned char)s.ptr[i] < ' ' && s.ptr[i] != '\t') || s.ptr[i] == 127)
            return false;
    return true;
}

static bool
names(const char *line, struct str name)
{
    return strncasecmp(line, name.ptr, name.len) == 0
           && (line[name.len] == ':' || line[name.len] == ';');
}

static bool
is_there(const struct headers *h, struct str name)
{
    for (const struct curl_slist *l = h->list; l != NULL; l = l->next)
        if (names(l->data, name))
            return true;
    return false;
}

static void
add(struct headers *h, struct str name, struct str value)
{
    if (is_there(h, name))
        return;
    CLEANUP_TEXT struct text line = TEXT_INIT;
    text_put_str(&line, name);
    text_puts(&line, value.len > 0 ? ": " : ";"); /* libcurl's way to send an empty one */
    text_put_str(&line, value);
    struct curl_slist *list = curl_slist_append(h->list, line.ptr);
    if (list == NULL)
        abort();
    h->list = list;
    explicit_bzero(line.ptr, line.len);
}

static int
read_pair(struct str literal, struct jval v, struct text *name, struct text *value,
          struct err *err)
{
    text_clear(name);
    text_clear(value);
    jtext_decode(name, literal);
    if (v.kind != J_STRING)
        return err_set(err, ERR_INVALID, "header %.60s is no string", text_str(name).ptr);
    jtext_decode(value, v.raw);
    if (!is_token(text_str(name)) || !is_value(text_str(value)))
        return err_set(err, ERR_INVALID, "header %.60s cannot be sent", text_str(name).ptr);
    return 0;
}

/* Adds the members of an object; h NULL: only checks them. */
static int
add_all(struct headers *h, struct str object, bool of_ask, struct err *err)
{
    __attribute__((cleanup(text_wipe))) struct text name = TEXT_INIT, value = TEXT_INIT;
    if (object.len == 0)
        return 0;
    struct jval whole = jtext_whole(object), v;
    struct str key;
    if (whole.kind == J_NULL)
        return 0;
    if (whole.kind != J_OBJECT)
        return err_set(err, ERR_INVALID, "headers are no object");
    for (struct jiter it = jtext_iter(whole); jtext_next(&it, &key, &v);) {
        if (read_pair(key, v, &name, &value, err) < 0)
            return -1;
        for (size_t i = 0; of_ask && i < ARRAY_LEN(not_for_asks); i++)
            if (strcasecmp(name.ptr, not_for_asks[i]) == 0)
                return err_set(err, ERR_INVALID, "header %s is not for a plugin to set",
                               name.ptr);
        if (h != NULL)
            add(h, text_str(&name), text_str(&value));
    }
    return 0;
}

int
headers_check(struct str object, struct err *err)
{
    return add_all(NULL, object, false, err);
}

struct headers *
headers_new(struct str secret, const char *key, struct str endpoint, struct str ask,
            struct err *err)
{
    struct headers *h = xcalloc(1, sizeof *h);
    h->refs = 1;
    h->secret = secret.len > 0;
    if (add_all(h, secret, false, err) < 0) {
        headers_unref(h);
        return NULL;
    }
    if (key != NULL) {
        __attribute__((cleanup(text_wipe))) struct text bearer = TEXT_INIT;
        text_putf(&bearer, "Bearer %s", key);
        add(h, STR("Authorization"), text_str(&bearer));
    }
    if (add_all(h, endpoint, false, err) < 0 || add_all(h, ask, true, err) < 0) {
        headers_unref(h);
        return NULL;
    }
    add(h, STR("Content-Type"), STR("application/json"));
    add(h, STR("User-Agent"), STR("evald/" PACKAGE_VERSION));
    /* no wait for "100 Continue" before a large body */
    struct curl_slist *list = curl_slist_append(h->list, "Expect:");
    if (list == NULL)
        abort();
    h->list = list;
    return h;
}

struct headers *
headers_ref(struct headers *h)
{
    h->refs++;
    return h;
}

void
headers_unref(struct headers *h)
{
    if (h == NULL || --h->refs > 0)
        return;
    for (struct curl_slist *l = h->list; l != NULL; l = l->next)
        explicit_bzero(l->data, strlen(l->data));
    curl_slist_free_all(h->list);
    free(h);
}
