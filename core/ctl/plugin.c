#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

extern char **environ;

/* ---- list, show: what evald says of the plugins it has loaded ---- */

/* Providers are evald's own, or plugins: then their config names the plugin; or a file that was
 * refused, which goes by its name. */
static const char *
plugin_of(json_object *provider)
{
    const char *id = json_get_str(json_get(provider, "config"), "plugin", NULL);
    bool refused = strcmp(json_get_str(provider, "api", ""), "plugins") == 0;
    return refused ? json_get_str(provider, "provider_id", NULL) : id;
}

static void
add_plugin(struct table *table, json_object *provider)
{
    json_object *health = json_get(provider, "health");
    const char *message = json_get_str(health, "message", "");
    if (plugin_of(provider) == NULL)
        return;
    table_add(table, plugin_of(provider));
    table_add(table, json_get_str(json_get(provider, "config"), "version", "-"));
    table_add(table, json_get_str(provider, "api", "-"));
    table_addf(table, "%s%s%s", json_get_str(health, "status", "-"),
               *message != '\0' ? ": " : "", message);
    table_add(table, json_get_str(json_get(provider, "config"), "summary", "-"));
}

static int
plugin_list(const struct ctl *c)
{
    static const char *const heads[] = { "plugin", "version", "api", "state", "summary" };
    CLEANUP_TEXT struct text text = TEXT_INIT;
    CLEANUP_JSON json_object *doc = NULL;
    struct err err;
    if (client_get_json(c->client, "/v1/providers", &text, &doc, &err) < 0)
        return ctl_fail(c, &err);
    if (c->json) {
        ctl_put_document(text_str(&text));
        return CTL_OK;
    }
    struct table *table = table_new(heads, ARRAY_LEN(heads));
    json_object *data = json_get(doc, "data");
    size_t n = json_object_is_type(data, json_type_array) ? json_object_array_length(data) : 0;
    for (size_t i = 0; i < n; i++)
        add_plugin(table, json_object_array_get_idx(data, i));
    table_print(table, stdout);
    table_free(table);
    return CTL_OK;
}

static void
print_tree(const struct ctl *c, json_object *doc)
{
    if (c->json) {
        CLEANUP_FREE char *text = json_text(doc);
        ctl_put_document(str_z(text));
        return;
    }
    ctl_put_safe(stdout, json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PRETTY
                                                             | JSON_C_TO_STRING_SPACED
                                                             | JSON_C_TO_STRING_NOSLASHESCAPE));
    putchar('\n');
}

/* Prints the element of a collection with this id; 0 also when there is none. */
static int
show_element(const struct ctl *c, const char *collection, const char *id, bool *found,
             struct err *err)
{
    CLEANUP_FREE char *escaped = client_escape(c->client, id);
    CLEANUP_FREE char *path = xasprintf("%s/%s", collection, escaped);
    CLEANUP_JSON json_object *doc = NULL;
    if (client_get_json(c->client, path, NULL, &doc, err) < 0) {
        int status = client_status(c->client);
        return status == 400 || status == 404 ? 0 : -1;
    }
    print_tree(c, doc);
    *found = true;
    return 0;
}

static int
plugin_show(const struct ctl *c, const char *id)
{
    CLEANUP_JSON json_object *doc = NULL;
    struct err err;
    if (client_get_json(c->client, "/v1/providers", NULL, &doc, &err) < 0)
        return ctl_fail(c, &err);
    json_object *data = json_get(doc, "data");
    size_t n = json_object_is_type(data, json_type_array) ? json_object_array_length(data) : 0;
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        json_object *provider = json_object_array_get_idx(data, i);
        if (plugin_of(provider) != NULL && strcmp(plugin_of(provider), id) == 0) {
            print_tree(c, provider);
            found = true;
        }
    }
    /* A scorer's id is a function's too. */
    if (show_element(c, "/v1/scoring-functions", id, &found, &err) < 0
        || show_element(c, "/v1/models", id, &found, &err) < 0)
        return ctl_fail(c, &err);
    if (!found) {
        err_set(&err, ERR_NOT_FOUND, "there is no plugin, function or model \"%s\"", id);
        return ctl_fail(c, &err);
    }
    return CTL_OK;
}

/* ---- check: evald-runner --probe, as evald itself would ---- */

int
plugin_probe(const char *file, struct text *ret_out, int *ret_status, struct err *err)
{
    CLEANUP_FREE char *program = ctl_program("evald-runner");
    char *argv[] = { program, (char *)"--probe", (char *)file, NULL };
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    CLEANUP_CLOSE int in = fds[0];
    CLEANUP_CLOSE int out = fds[1];

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    pid_t pid;
    int rc = posix_spawn(&pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        return err_set(err, err_from_errno(rc), "%s: %s", program, strerror(rc));
    close(out);
    out = -1;

    char buf[8192];
    for (ssize_t n; (n = read(in, buf, sizeof buf)) != 0;) {
        if (n > 0)
            text_put(ret_out, buf, (size_t)n);
        else if (errno != EINTR)
            break;
    }
    while (waitpid(pid, ret_status, 0) < 0)
        if (errno != EINTR)
            return err_set(err, ERR_IO, "waitpid: %s", strerror(errno));
    return 0;
}

/* A member that is a string is printed as it is, any other as JSON. */
static void
print_declared(json_object *plugin)
{
    json_object_object_foreach(plugin, key, value) {
        if (value == NULL)
            continue;
        printf("%-15s ", key);
        ctl_put_safe(stdout, json_object_is_type(value, json_type_string)
                                 ? json_object_get_string(value)
                                 : json_object_to_json_string_ext(
                                     value, JSON_C_TO_STRING_NOSLASHESCAPE));
        putchar('\n');
    }
}

/* {"plugins":[...], ...}, or such an array, or one plugin. */
static void
print_probe(json_object *doc)
{
    json_object *plugins = json_get(doc, "plugins");
    if (plugins == NULL)
        plugins = doc;
    if (!json_object_is_type(plugins, json_type_array)) {
        print_declared(plugins);
        return;
    }
    for (size_t i = 0; i < json_object_array_length(plugins); i++) {
        if (i > 0)
            putchar('\n');
        print_declared(json_object_array_get_idx(plugins, i));
    }
}

static int
plugin_check(const struct ctl *c, const char *file)
{
    CLEANUP_TEXT struct text out = TEXT_INIT;
    int wait_status = 0;
    struct err err;
    if (plugin_probe(file, &out, &wait_status, &err) < 0)
        return ctl_fail(c, &err);
    CLEANUP_JSON json_object *doc = NULL;
    while (out.len > 0 && out.ptr[out.len - 1] == '\n')
        out.ptr[--out.len] = '\0';
    bool parsed = out.len > 0 && json_parse(text_str(&out), &doc, NULL, NULL) == 0;
    if (WIFSIGNALED(wait_status)) {
        err_set(&err, ERR_PLUGIN, "%s: crashed while it was loaded: %s", file,
                strsignal(WTERMSIG(wait_status)));
        return ctl_fail(c, &err);
    }
    bool refused = !WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0;
    const char *why = json_get_str(doc, "error", json_get_str(json_get(doc, "error"), "message",
                                                              NULL));
    if (c->json && parsed)
        ctl_put_document(text_str(&out));
    if (refused || why != NULL || !parsed) {
        /* Without a reason in the output the probe has written it to stderr. */
        if (why == NULL)
            why = refused ? "refused" : "it ends the process that loads it";
        err_set(&err, ERR_PLUGIN, "%s", why);
        if (strncmp(err.text, file, strlen(file)) != 0)
            err_prefix(&err, "%s", file);
        return ctl_fail(c, &err);
    }
    if (!c->json)
        print_probe(doc);
    return CTL_OK;
}

int
plugin_command(const struct ctl *c, char **args)
{
    if (strcmp(args[0], "list") == 0 && args[1] == NULL)
        return plugin_list(c);
    if (strcmp(args[0], "show") == 0 && args[1] != NULL)
        return plugin_show(c, args[1]);
    if (strcmp(args[0], "check") == 0 && args[1] != NULL)
        return plugin_check(c, args[1]);
    fputs("usage: evalctl plugin list | show ID | check FILE.so\n", stderr);
    return CTL_USAGE;
}
