/* evald.conf: what it means when it is right, and what is said when it is wrong. */
#include "config.h"

#include "common/log.h"
#include "daemon/conf.h"
#include "tap.h"
#include "tmpdir.h"

static struct err err;

static struct conf *
load(const char *text)
{
    err = (struct err){ 0 };
    return conf_load(tmp_write("evald.conf", text), &err);
}

/* The error without the file's directory. */
static void
refused(const char *text, const char *want)
{
    struct conf *c = load(text);
    size_t n = strlen(tmpdir()) + 1;
    ok(c == NULL, "refused: %s", want);
    is_str(strncmp(err.text, tmpdir(), n - 1) == 0 ? err.text + n : err.text, want,
           "the error names the place");
    conf_free(c);
}

/* What stands behind a NUL would be a setting that does not hold. */
static void
test_nul(void)
{
    CLEANUP_FREE char *path = xstrdup(tmp("nul.conf"));
    FILE *fp = fopen(path, "w");
    fputs("# one\nlimits = { max_runners = 1; };", fp);
    fputc('\0', fp);
    fputs("\nnothing = 1;\n", fp);
    fclose(fp);
    ok(conf_load(path, &err) == NULL, "a NUL byte is refused");
    ok(strstr(err.text, "nul.conf:2: a NUL byte") != NULL, "with its line");
    fp = fopen(path, "w");
    fclose(fp);
    struct conf *c = conf_load(path, &err);
    ok(c != NULL, "an empty file is fine");
    conf_free(c);
}

static void
test_defaults(void)
{
    unsetenv("EVALD_PLUGIN_PATH");
    unsetenv("EVALD_LIBEXECDIR");
    struct conf *c = conf_load(NULL, &err);
    ok(c != NULL, "without a file the defaults hold");
    is_str(c->socket_path, EVALD_RUNDIR "/evald.sock", "socket");
    is_int(c->socket_mode, 0660, "mode");
    is_str(c->state_dir, EVALD_STATEDIR, "state_dir");
    is_str(c->libexec_dir, EVALD_LIBEXECDIR, "libexec_dir");
    ok(c->dataset_roots[0] == NULL, "no roots");
    is_str(c->plugin_paths[0], EVALD_PLUGINDIR, "plugins' directory");
    is_int(c->max_body, 64 << 20, "max_body");
    is_int(c->runner_memory, INT64_C(2) << 30, "runner_memory");
    is_int(c->n_models, 5, "five built-in models");
    const struct conf_model *m = conf_find_model(c, "baseline::random-choice");
    is_str(m->adapter, "model::baseline", "their adapter");
    is_str(json_get_str(m->params, "mode", NULL), "random-choice", "their mode");
    ok(m->base_url == NULL && m->max_in_flight == 64, "they have no endpoint");
    ok(conf_find_model(c, "nobody") == NULL, "a model that is not there");
    conf_free(c);
    ok(conf_load(tmp("absent.conf"), &err) == NULL, "a file that was asked for must be there");
    is_int(err.code, ERR_NOT_FOUND, "its error");
    ok(conf_load(tmpdir(), &err) == NULL, "a directory is no file");
}

static void
test_whole(void)
{
    tmp_write_n("key", "secret", 6, 0600);
    setenv("EVALD_PLUGIN_PATH", "/env/one::/env/two", 1);
    setenv("EVALD_LIBEXECDIR", "/env/libexec", 1);
    CLEANUP_FREE char *text = xasprintf(
        "socket    = { path = \"/run/x.sock\"; mode = \"0600\"; group = \"root\"; };\n"
        "state_dir = \"/var/x/\";\n"
        "dataset   = { roots = [ \"/srv/evals/\", \"/\" ]; hosts = [ \"https://data.example.org\" ];\n"
        "  max_fetch_bytes = 10000000000L; fetch_timeout_ms = 5000; fetch_stall_ms = 2000; };\n"
        "sources = ( { id = \"source::huggingface\"; max_in_flight = 2; },\n"
        "  { id = \"source::x\"; base_url = \"http://x:1/y\"; params = { page = 7; }; } );\n"
        "plugins   = { path = ( \"/conf/plugins\" ); };\n"
        "roles     = { judge = \"m1\"; };\n"
        "models = (\n"
        "  { id = \"m1\"; adapter = \"model::openai\"; base_url = \"http://127.0.0.1:8080/v1\";\n"
        "    name = \"served\"; key_file = \"%s\"; max_in_flight = 64; timeout_ms = 5;\n"
        "    max_attempts = 9;\n"
        "    params = { accepts = [ \"top_k\" ]; deep = { a = ( 1, \"x\", { b = 2.5; } ); t = true;\n"
        "               big = 9007199254740993L; }; }; },\n"
        "  { id = \"m2\"; adapter = \"model::x\"; base_url = \"http+unix://%%2Frun%%2Fm.sock/v1\"; }\n"
        ");\n"
        "limits = { max_body = 1048576; max_runners = 2; run_eval_wait_ms = 0; call_timeout_ms = 7;\n"
        "           plugin_timeout_ms = 8; ask_timeout_ms = 9; shutdown_grace_ms = 10;\n"
        "           max_attempts = 11; runner_memory = 4294967296L; };\n"
        "log_level = \"debug\";\n", tmp("key"));
    struct conf *c = load(text);
    if (!ok(c != NULL, "the whole of it is read")) {
        diag("%s", err.text);
        return;
    }
    is_str(c->socket_path, "/run/x.sock", "socket.path");
    is_int(c->socket_mode, 0600, "socket.mode");
    is_str(c->socket_group, "root", "socket.group");
    is_str(c->state_dir, "/var/x", "state_dir, without the slash");
    is_str(c->dataset_roots[0], "/srv/evals", "dataset.roots");
    is_str(c->dataset_roots[1], "/", "the root itself keeps its slash");
    is_str(c->dataset_hosts[0], "https://data.example.org", "dataset.hosts");
    is_int(c->max_fetch_bytes, 10000000000, "dataset.max_fetch_bytes");
    is_int(c->fetch_timeout_ms, 5000, "dataset.fetch_timeout_ms");
    is_int(c->fetch_stall_ms, 2000, "dataset.fetch_stall_ms");
    const struct conf_source *hub = conf_find_source(c, "source::huggingface");
    const struct conf_source *x = conf_find_source(c, "source::x");
    is_int(c->n_sources, 2, "sources");
    is_str(hub->base_url, "https://datasets-server.huggingface.co", "the hub where it is");
    is_int(hub->max_in_flight, 2, "its max_in_flight");
    is_str(x->base_url, "http://x:1/y", "another one's base_url");
    is_int(json_get_int(x->params, "page", 0), 7, "and params");
    is_int(x->max_attempts, 4, "and what is not given");
    is_str(c->plugin_paths[0], "/conf/plugins", "configured plugins first");
    is_str(c->plugin_paths[1], "/env/one", "then those of the environment");
    is_str(c->plugin_paths[2], "/env/two", "all of them");
    is_str(c->plugin_paths[3], EVALD_PLUGINDIR, "then the installed ones");
    ok(c->plugin_paths[4] == NULL, "no more");
    is_str(c->libexec_dir, "/env/libexec", "libexec_dir of the environment");
    is_int(c->n_models, 7, "models");
    const struct conf_model *m = conf_find_model(c, "m1"), *m2 = conf_find_model(c, "m2");
    is_str(m->name, "served", "name");
    is_str(m->key_file, tmp("key"), "key_file");
    is_int(m->max_in_flight, 64, "max_in_flight");
    is_int(m->timeout_ms, 5, "timeout_ms");
    is_int(m->max_attempts, 9, "max_attempts");
    CLEANUP_FREE char *params = json_text(m->params);
    is_str(params, "{\"accepts\":[\"top_k\"],\"deep\":{\"a\":[1,\"x\",{\"b\":2.5}],\"t\":true,"
           "\"big\":9007199254740993}}", "params of any depth");
    is_str(m2->name, "m2", "a model without name is asked for by its id");
    is_str(m2->base_url, "http+unix://%2Frun%2Fm.sock/v1", "a Unix socket");
    is_int(m2->max_in_flight, 16, "default of max_in_flight");
    CLEANUP_FREE char *none = json_text(m2->params);
    is_str(none, "{}", "no params are an empty object");
    is_str(json_get_str(c->roles, "judge", NULL), "m1", "roles");
    is_int(c->max_body, 1 << 20, "max_body");
    is_int(c->max_runners, 2, "max_runners");
    is_int(c->run_eval_wait_ms + c->call_timeout_ms + c->plugin_timeout_ms + c->ask_timeout_ms
               + c->shutdown_grace_ms + c->max_attempts,
           0 + 7 + 8 + 9 + 10 + 11, "the other limits");
    is_int(c->runner_memory, INT64_C(4) << 30, "runner_memory above 32 bits");
    is_int(c->log_level, LOG_LEVEL_DEBUG, "log_level");
    conf_free(c);
}

static void
test_wrong(void)
{
    refused("state_dir = ;", "evald.conf:1: syntax error");
    refused("\nsokcet = { };", "evald.conf:2: sokcet: there is no such setting");
    refused("limits = { max_runers = 4; };",
            "evald.conf:1: limits.max_runers: there is no such setting");
    refused("limits = {\n max_runners = \"4\"; };",
            "evald.conf:2: limits.max_runners: must be an integer, not a string");
    refused("limits = { max_runners = 0; };",
            "evald.conf:1: limits.max_runners: must be between 1 and 1024, not 0");
    refused("limits = { max_body = 1073741825; };",
            "evald.conf:1: limits.max_body: must be between 1024 and 1073741824, not 1073741825");
    refused("limits = { runner_memory = 1; };", "evald.conf:1: limits.runner_memory: must be 0 "
            "(no limit) or at least 67108864 (64 MiB), not 1");
    refused("limits = 5;", "evald.conf:1: limits: must be a group, not an integer");
    refused("state_dir = \"var\";",
            "evald.conf:1: state_dir: must be an absolute path, not \"var\"");
    refused("state_dir = \"\";", "evald.conf:1: state_dir: must not be empty");
    refused("state_dir = \"/\xff\";", "evald.conf:1: state_dir: is not UTF-8");
    refused("socket = { mode = 660; };", "evald.conf:1: socket.mode: must be a string of octal "
            "digits such as \"0660\", not an integer");
    refused("socket = { mode = \"0888\"; };",
            "evald.conf:1: socket.mode: \"0888\" is no mode of "
            "three octal digits such as \"0660\"");
    refused("socket = { group = \"no-such-group-here\"; };",
            "evald.conf:1: socket.group: there is no group \"no-such-group-here\"");
    refused("dataset = { roots = \"/srv\"; };",
            "evald.conf:1: dataset.roots: must be a list, not a string");
    refused("dataset = { roots = [ \"/srv\",\n\"x\" ]; };",
            "evald.conf:2: dataset.roots[1]: must be an absolute path, not \"x\"");
    refused("sources = ( { id = \"source::x\"; }, { id = \"source::x\"; } );",
            "evald.conf:1: sources[1].id: a source before has the id \"source::x\"");
    refused("sources = ( { id = \"x\"; } );", "evald.conf:1: sources[0].id: \"x\" is no plugin id "
            "such as \"source::huggingface\"");
    refused("dataset = { fetch_stall_ms = 999; };", "evald.conf:1: dataset.fetch_stall_ms: must "
            "be between 1000 and 86400000, not 999");
    refused("dataset = { hosts = [ \"https://x/y\" ]; };", "evald.conf:1: dataset.hosts[0]: "
            "\"https://x/y\" must be scheme and host alone");
    refused("log_level = \"loud\";", "evald.conf:1: log_level: must be error, warning, info or "
            "debug, not \"loud\"");
    refused("log_level = \"info\"; log_level = \"info\";",
            "evald.conf:1: duplicate setting name");
    refused("roles = { judge = \"gone\"; };",
            "evald.conf:1: roles.judge: there is no model \"gone\"");
    refused("@include \"part.conf\"\n", "evald.conf:1: cannot open include file");
}

static bool
grants(const struct conf *c, int to, unsigned id, enum role role)
{
    for (size_t i = 0; i < c->access.n; i++) {
        const struct grant *g = &c->access.grants[i];
        if ((int)g->to == to && g->id == id && g->role == role)
            return true;
    }
    return false;
}

static void
test_access(void)
{
    struct conf *c = load("access = { read = [ 1001L, 4294967294L ];\n"
                          " run = ( \"root\", \"1002\", 1003, \"@root\", \"@1004\" ); };");
    if (!ok(c != NULL, "who has which role")) {
        diag("%s", err.text);
        return;
    }
    ok(grants(c, GRANT_USER, 1001, ROLE_READ), "an array of uids");
    ok(grants(c, GRANT_USER, UINT32_MAX - 1, ROLE_READ), "the largest one");
    ok(grants(c, GRANT_USER, 0, ROLE_RUN), "the name of a user");
    ok(grants(c, GRANT_USER, 1002, ROLE_RUN), "a uid as a string");
    ok(grants(c, GRANT_USER, 1003, ROLE_RUN), "a uid in a list");
    ok(grants(c, GRANT_GROUP, 0, ROLE_RUN), "the name of a group");
    ok(grants(c, GRANT_GROUP, 1004, ROLE_RUN), "a gid");
    ok(grants(c, GRANT_USER, 0, ROLE_ADMIN), "root administrates where nobody is named");
    ok(!grants(c, GRANT_ALL, 0, ROLE_RUN), "nobody else has a role");
    struct conf *again = load("access = { run = [ \"*\" ]; admin = [ 7 ]; };");
    conf_adopt(c, again);
    ok(grants(c, GRANT_ALL, 0, ROLE_RUN), "everybody; SIGHUP changes roles");
    ok(!grants(c, GRANT_USER, 1001, ROLE_READ), "all of them");
    ok(grants(c, GRANT_USER, 7, ROLE_ADMIN), "administrators");
    ok(!grants(c, GRANT_USER, 0, ROLE_ADMIN), "are who is named, and nobody else");
    conf_free(c);
    c = load("access = { admin = [ ]; };");
    is_int(c->access.n, 0, "none at all");
    conf_free(c);

    refused("access = {\n run = [ \"root\",\n \"no-such-user\" ]; };",
            "evald.conf:3: access.run[1]: there is no user \"no-such-user\"");
    refused("access = {\n read = [ \"@no-such-group\" ]; };",
            "evald.conf:2: access.read[0]: there is no group \"no-such-group\"");
    refused("access = { run = [ \"\" ]; };",
            "evald.conf:1: access.run[0]: there is no user \"\"");
    refused("access = { run = [ \"@\" ]; };",
            "evald.conf:1: access.run[0]: there is no group \"\"");
    refused("access = { run = [ -1 ]; };", "evald.conf:1: access.run[0]: -1 is no uid");
    refused("access = { run = [ 4294967295L ]; };",
            "evald.conf:1: access.run[0]: 4294967295 is no uid");
    refused("access = { run = [ \"4294967295\" ]; };",
            "evald.conf:1: access.run[0]: there is no user \"4294967295\"");
    refused("access = { run = ( { } ); };", "evald.conf:1: access.run[0]: must be the name of a "
            "user, \"@group\" or a uid");
    refused("access = { run = \"root\"; };",
            "evald.conf:1: access.run: must be a list of users and groups");
    refused("access = { write = [ ]; };", "evald.conf:1: access.write: there is no such setting");
    refused("access = 1;", "evald.conf:1: access: must be a group");
}

static void
test_limits_per_user(void)
{
    struct conf *c = load("limits = { jobs_per_user = 1; queued_jobs_per_user = 2;\n"
                          " calls_per_user = 3; connections_per_user = 4;\n"
                          " stored_bytes_per_user = 5000000000000L; };");
    ok(c != NULL, "limits of each user");
    is_int(c->jobs_per_user, 1, "jobs_per_user");
    is_int(c->queued_jobs_per_user, 2, "queued_jobs_per_user");
    is_int(c->calls_per_user, 3, "calls_per_user");
    is_int(c->connections_per_user, 4, "connections_per_user");
    is_int(c->stored_bytes_per_user, 5000000000000, "stored_bytes_per_user");
    conf_free(c);
    c = load("");
    is_int(c->queued_jobs_per_user, 10000, "by default, how many may wait");
    is_int(c->jobs_per_user + c->calls_per_user + c->connections_per_user
               + c->stored_bytes_per_user, 0, "and nothing else is limited");
    conf_free(c);
    refused("limits = { stored_bytes_per_user = -1; };", "evald.conf:1: limits."
            "stored_bytes_per_user: must be between 0 and 9223372036854775807, not -1");
}

static void
wrong_model(const char *members, const char *want)
{
    CLEANUP_FREE char *text = xasprintf(
        "models = ( { id = \"a\"; adapter = \"model::x\"; },\n { %s } );", members);
    CLEANUP_FREE char *full = xasprintf("evald.conf:2: models[1]%s", want);
    refused(text, full);
}

static void
test_wrong_models(void)
{
    refused("models = { };", "evald.conf:1: models: must be a list of groups: "
            "models = ( { ... }, { ... } ), not a group");
    refused("models = ( 5 );", "evald.conf:1: models[0]: must be a group, not an integer");
    wrong_model("adapter = \"model::x\";", ".id: missing");
    wrong_model("id = \"b\";", ".adapter: missing");
    wrong_model("id = \"b\"; adapter = \"openai\";",
                ".adapter: \"openai\" is no plugin id such as \"model::openai\"");
    wrong_model("id = \"a\"; adapter = \"model::x\";", ".id: a model before has the id \"a\"");
    wrong_model("id = \"baseline::echo\"; adapter = \"model::x\";",
                ".id: \"baseline::echo\" is a built-in model");
    wrong_model("id = \"b\"; color = 1;", ".color: there is no such setting");
    wrong_model("params = [ 1 ];", ".params: must be a group, not an array");
    static const char *const urls[][2] = {
        { "ftp://x/", "must begin with https://, http:// or http+unix://" },
        { "http://", "has no host" },
        { "http://:80", "has no host" },
        { "http://x:0/", "has a bad port" },
        { "http://x:65536/", "has a bad port" },
        { "http://x:8o/", "has a bad port" },
        { "http://x:/", "has a bad port" },
        { "http://user@x/", "must not hold credentials (use key_file)" },
        { "http://user:pw@x/", "must not hold credentials (use key_file)" },
        { "http://x/?a", "must not have a query or fragment" },
        { "http://[::1/", "has a bad IPv6 address" },
        { "http://[]/", "has a bad IPv6 address" },
        { "http://x y/", "holds a character that no URL may have" },
        { "http+unix:///run/x.sock", "must begin with http+unix://%2F, the encoded absolute path "
          "of a socket" },
        { "http+unix://%2Frun%2/v1", "has a bad percent escape" },
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        CLEANUP_FREE char *set = xasprintf("base_url = \"%s\";", urls[i][0]);
        CLEANUP_FREE char *want = xasprintf(".base_url: \"%s\" %s", urls[i][0], urls[i][1]);
        wrong_model(set, want);
    }
    struct conf *c = load("models = ( { id = \"i\"; adapter = \"a::b\"; "
                          "base_url = \"https://[::1]:8443/v1\"; } );");
    ok(c != NULL, "an IPv6 address is good");
    conf_free(c);

    const char *key = tmp_write_n("open-key", "k", 1, 0644);
    CLEANUP_FREE char *open_key = xasprintf("base_url = \"http://x\"; key_file = \"%s\";", key);
    CLEANUP_FREE char *open_want = xasprintf(".key_file: %s can be read by everyone; take that "
                                             "away with chmod o-rw", key);
    wrong_model(open_key, open_want);
    CLEANUP_FREE char *no_key = xasprintf("key_file = \"%s\";", tmp("no-key"));
    CLEANUP_FREE char *no_want = xasprintf(".key_file: %s: No such file or directory",
                                           tmp("no-key"));
    wrong_model(no_key, no_want);
    CLEANUP_FREE char *dir_key = xasprintf("key_file = \"%s\";", tmpdir());
    CLEANUP_FREE char *dir_want = xasprintf(".key_file: %s is not a regular file", tmpdir());
    wrong_model(dir_key, dir_want);
}

static void
test_include(void)
{
    tmp_write("part.conf", "\nlimits = { max_runers = 1; };\n");
    struct conf *c = load("@include \"part.conf\"\n");
    ok(c == NULL, "an included file is read");
    ok(strstr(err.text, "part.conf:2: limits.max_runers: ") != NULL, "and named in errors");
    diag("%s", err.text);
    conf_free(c);
}

int
main(void)
{
    test_defaults();
    test_nul();
    test_whole();
    test_wrong();
    test_access();
    test_limits_per_user();
    test_wrong_models();
    test_include();
    return tap_done();
}
