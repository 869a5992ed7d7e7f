#include "ask.h"
#include "kind.h"
#include "pytext.h"

/* ---- the request ---- */

/* The slot whose {name} stands at p, NULL for a brace that is text. */
static const struct slot *
slot_at(const char *p, const struct slot *slots, size_t *ret_len)
{
    for (; slots->name != NULL; slots++) {
        size_t n = strlen(slots->name);
        if (strncmp(p + 1, slots->name, n) == 0 && p[n + 1] == '}') {
            *ret_len = n + 2;
            return slots;
        }
    }
    return NULL;
}

static struct evald_str
fill(struct evald_call *c, const char *prompt, const struct slot *slots)
{
    struct evald_buf b = EVALD_BUF;
    const char *run = prompt;
    for (const char *p = strchr(prompt, '{'); p != NULL; p = strchr(p, '{')) {
        size_t n;
        const struct slot *slot = slot_at(p, slots, &n);
        if (slot == NULL) {
            p++;
            continue;
        }
        evald_put(c, &b, (struct evald_str){ run, (size_t)(p - run) });
        evald_put(c, &b, slot->value);
        run = p += n;
    }
    evald_put(c, &b, evald_s(run));
    return b.text;
}

int32_t
ask_judge(struct work *w, const struct function *f, const char *prompt,
          const struct slot *slots)
{
    struct evald_call *c = w->c;
    struct evald_buf b = EVALD_BUF;
    evald_put(c, &b, evald_s("{\"kind\":\"chat\",\"messages\":[{\"role\":\"user\",\"content\":"));
    evald_put(c, &b, evald_s(evald_quote(c, fill(c, prompt, slots))));
    evald_putf(c, &b, "}],\"sampling\":%s,\"tools\":[{\"type\":\"function\",\"function\":"
                      "{\"name\":\"%s\",\"description\":\"%s\",\"parameters\":%s}}],"
                      "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"%s\"}}}",
               f->sampling, f->name, f->description, f->parameters, f->name);
    return evald_ask_model(c, w->judge->model, b.text);
}

/* ---- the answer ---- */

int32_t
ask_read(struct work *w, const struct function *f, struct evald_str *ret)
{
    struct evald_call *c = w->c;
    const struct evald_reply *reply = w->event->replies[0];
    if (reply->status < 0)
        return evald_fail(c, reply->status, "judge: %s", reply->body.ptr);

    struct evald_value call = evald_get(c, reply->body, "/message/tool_calls/0/function");
    if (call.kind != EVALD_OBJECT)
        return evald_fail(c, EVALD_E_REMOTE, "judge: the reply has no call of %s", f->name);
    struct evald_value name = evald_get(c, call.str, "/name");
    if (name.kind != EVALD_STRING)
        return evald_fail(c, EVALD_E_REMOTE, "judge: the reply calls a function without a name"
                          " in place of %s", f->name);
    if (!pytext_is(name.str, f->name))
        return evald_fail(c, EVALD_E_REMOTE, "judge: the reply calls %s in place of %s",
                          pytext_shown(c, name.str), f->name);

    /* text that holds JSON; some servers send the object itself */
    struct evald_value arguments = evald_get(c, call.str, "/arguments"), object = { 0 };
    if (arguments.kind == EVALD_STRING || arguments.kind == EVALD_OBJECT)
        object = evald_get(c, arguments.str, "");
    if (object.kind != EVALD_OBJECT)
        return evald_fail(c, EVALD_E_REMOTE, "judge: the arguments of %s are %s where a JSON"
                          " object is needed", f->name,
                          object.kind != EVALD_ABSENT       ? kind_name(&object)
                          : arguments.kind != EVALD_STRING ? kind_name(&arguments)
                                                           : "no JSON");
    *ret = object.str;
    return EVALD_OK;
}

int32_t
ask_member(struct work *w, const struct function *f, struct evald_str arguments,
           const char *name, struct evald_value *ret)
{
    *ret = evald_get(w->c, arguments, evald_fmt(w->c, "/%s", name).ptr);
    if (ret->kind == EVALD_ABSENT)
        return evald_fail(w->c, EVALD_E_REMOTE, "judge: the arguments of %s have no '%s'",
                          f->name, name);
    return EVALD_OK;
}
