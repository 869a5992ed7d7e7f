/* Plugin files: found, trusted, probed, remembered.  The runner is a shell script that runs the
 * "plugin" as a script, so each file says in shell how it behaves. */
#include "config.h"

#include <dirent.h>
#include <signal.h>

#include "common/io.h"
#include "common/log.h"
#include "daemon/plugins.h"
#include "tap.h"
#include "tmpdir.h"

static struct conf conf;
static struct err err;

#define ONE(id, kind) "echo '{\"file\":\"x\",\"plugins\":[{\"id\":\"" id "\",\"version\":\"1.0\"," \
    "\"kind\":\"" kind "\",\"summary\":\"s\",\"params_schema\":null,\"params_default\":null," \
    "\"return_type\":null,\"metrics\":null,\"columns\":[],\"threads\":0}],\"error\":null}'\n"

static void
setup(void)
{
    CLEANUP_FREE char *runner = xasprintf(
        "#!/bin/sh\n[ \"$1\" = --probe ] || exit 2\n"
        "[ ! -e /proc/$$/fd/57 ] || echo 57 >> '%s/fds'\n"
        "echo \"$2\" >> '%s/log'\n. \"$2\"\n", tmpdir(), tmpdir());
    mkdir(tmp("libexec"), 0755);
    mkdir(tmp("state"), 0700);
    tmp_write_n("libexec/evald-runner", runner, strlen(runner), 0755);
    conf.libexec_dir = xstrdup(tmp("libexec"));
    conf.state_dir = xstrdup(tmp("state"));
    conf.plugin_paths = xcalloc(4, sizeof(char *));
    log_set_level(LOG_LEVEL_ERROR);
}

/* Forgets everything; the search path is DIR, DIR2 (NULL: none). */
static void
fresh(const char *dir, const char *dir2)
{
    for (size_t i = 0; i < 3; i++) {
        free(conf.plugin_paths[i]);
        conf.plugin_paths[i] = NULL;
    }
    conf.plugin_paths[0] = xstrdup(tmp(dir));
    mkdir(conf.plugin_paths[0], 0755);
    if (dir2 != NULL) {
        conf.plugin_paths[1] = xstrdup(tmp(dir2));
        mkdir(conf.plugin_paths[1], 0755);
    }
    unlink(tmp("state/plugins.json"));
    unlink(tmp("log"));
}

static int
probes(void)
{
    size_t n = 0;
    int lines = 0;
    CLEANUP_FREE char *buf = io_read_file(AT_FDCWD, tmp("log"), 1 << 20, &n, NULL);
    for (size_t i = 0; i < n; i++)
        lines += buf[i] == '\n';
    return lines;
}

static const char *
refusal(const struct plugins *p, const char *file)
{
    for (size_t i = 0; i < plugins_refusal_count(p); i++) {
        const struct plugin_refusal *r = plugins_refusal_at(p, i);
        size_t n = strlen(r->path), k = strlen(file);
        if (n >= k && strcmp(r->path + n - k, file) == 0)
            return r->why;
    }
    return NULL;
}

static void
test_good(void)
{
    fresh("good", NULL);
    tmp_write("good/b.so", ONE("acme::tone", "scorer"));
    tmp_write("good/a.so", "cat <<'E'\n{\"plugins\":[{\"id\":\"model::x\",\"version\":\"2\","
              "\"kind\":\"model\",\"summary\":\"m\",\"params_schema\":{\"type\":\"object\"},"
              "\"params_default\":{\"a\":1},\"return_type\":{\"type\":\"string\"},"
              "\"metrics\":{\"score\":{}}},{\"id\":\"agent::loop\",\"version\":\"3\","
              "\"kind\":\"agent\"}],\"error\":null}\nE\n");
    tmp_write("good/readme.txt", "no plugin");
    tmp_write("good/.hidden.so", "exit 1");
    int fd = dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 57); /* not close-on-exec */
    struct plugins *p = plugins_load(&conf, &err);
    close(fd);
    is_int(plugins_count(p), 3, "three plugins in two files");
    is_int(plugins_refusal_count(p), 0, "nothing refused");
    is_str(plugins_at(p, 0)->id, "acme::tone", "in order of id");
    is_str(plugins_at(p, 1)->id, "agent::loop", "the second");
    is_str(plugins_at(p, 2)->id, "model::x", "the third");
    ok(plugins_at(p, 3) == NULL, "no fourth");
    is_str(json_get_str(plugins_at(p, 0)->return_type, "type", NULL), "number",
           "a plugin that says nothing returns a number");
    const struct plugin *m = plugins_find(p, "model::x", PLUGIN_MODEL, &err);
    ok(m != NULL && m->params_schema != NULL && m->metrics != NULL, "found, with its schema");
    is_int(json_get_int(m->params_default, "a", 0), 1, "defaults");
    is_str(json_get_str(m->return_type, "type", NULL), "string", "return type");
    is_str(m->file->path, tmp("good/a.so"), "its file");
    is_str(m->file->sha256, "b7ec81a909d9d778cfdeec519896c07f93aafd9b99a79c897269a01e76e155ef",
           "its hash, as sha256sum(1) has it");
    ok(plugins_find(p, "model::x", PLUGIN_SCORER, &err) == NULL, "of another kind");
    is_int(err.code, ERR_INVALID, "the code");
    is_str(err.text, "plugin 'model::x' is of kind model, not scorer", "the text");
    ok(plugins_find(p, "no::such", PLUGIN_SCORER, &err) == NULL, "not there");
    is_str(err.text, "there is no plugin 'no::such'", "the text");
    plugins_free(p);
    ok(fd == 57 && access(tmp("fds"), F_OK) < 0, "no descriptor of evald's is in the runner");
}

static void
test_cache(void)
{
    fresh("cache", NULL);
    tmp_write("cache/a.so", ONE("a::a", "scorer"));
    tmp_write("cache/b.so", ONE("b::b", "scorer"));
    plugins_free(plugins_load(&conf, &err));
    is_int(probes(), 2, "the first start probes both");
    struct plugins *p = plugins_load(&conf, &err);
    is_int(probes(), 2, "the second start probes nothing");
    is_int(plugins_count(p), 2, "and knows both");
    CLEANUP_FREE char *hash = xstrdup(plugins_at(p, 0)->file->sha256);
    plugins_free(p);
    tmp_write("cache/b.so", ONE("b::c", "scorer"));
    p = plugins_load(&conf, &err);
    is_int(probes(), 3, "a changed file is probed again, the other is not");
    is_str(plugins_at(p, 1)->id, "b::c", "with its new id");
    is_str(plugins_at(p, 0)->file->sha256, hash, "the hash of the other is the same");
    plugins_free(p);
    tmp_write("state/plugins.json", "{\"format\":1,\"runner\":");
    plugins_free(plugins_load(&conf, &err));
    is_int(probes(), 5, "a broken cache is no cache");
    plugins_free(plugins_load(&conf, &err));
    is_int(probes(), 5, "and is written anew");
    unlink(tmp("cache/a.so"));
    p = plugins_load(&conf, &err);
    is_int(plugins_count(p), 1, "a removed file is gone");
    plugins_free(p);
    struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    utimensat(AT_FDCWD, tmp("libexec/evald-runner"), times, 0);
    plugins_free(plugins_load(&conf, &err));
    is_int(probes(), 6, "another runner probes for itself");
    free(conf.state_dir);
    conf.state_dir = xstrdup(tmp("no-state"));
    p = plugins_load(&conf, &err);
    is_int(plugins_count(p), 1, "without a state directory there is no cache, and no error");
    plugins_free(p);
    free(conf.state_dir);
    conf.state_dir = xstrdup(tmp("state"));
}

static void
refused(const struct plugins *p, const char *file, const char *want)
{
    const char *why = refusal(p, file);
    if (!ok(why != NULL && strstr(why, want) != NULL, "refused: %s: %s", file, want))
        diag("got: %s", why != NULL ? why : "(nothing)");
}

static void
test_bad_files(void)
{
    fresh("bad", NULL);
    tmp_write("bad/good.so", ONE("good::one", "scorer"));
    tmp_write("bad/slow.so",
              "echo $$ > \"$2.pid\"\nsleep 600 &\necho $! > \"$2.pid2\"\nsleep 600\n");
    tmp_write("bad/crash.so", "kill -SEGV $$\n");
    tmp_write("bad/mute.so", "exit 3\n");
    tmp_write("bad/garbage.so", "echo 'Segmentation {'\n");
    tmp_write("bad/flood.so", "yes | head -c 2000000; sleep 600\n");
    tmp_write("bad/list.so", "echo '[]'\n");
    tmp_write("bad/error.so",
              "echo '{\"plugins\":[],\"error\":\"no evald_plugins_v1 in it\"}'; exit 1\n");
    tmp_write("bad/none.so", "echo '{\"plugins\":[],\"error\":null}'\n");
    tmp_write("bad/kind.so", ONE("a::kind", "judge"));
    tmp_write("bad/id.so", ONE("NoColons", "scorer"));
    tmp_write("bad/twice.so", "echo '{\"plugins\":[{\"id\":\"t::t\",\"version\":\"1\",\"kind\":"
              "\"scorer\"},{\"id\":\"t::t\",\"version\":\"1\",\"kind\":\"agent\"}]}'\n");
    tmp_write("bad/version.so",
              "echo '{\"plugins\":[{\"id\":\"v::v\",\"kind\":\"scorer\"}]}'\n");
    tmp_write("bad/params.so",
              "echo '{\"plugins\":[{\"id\":\"v::v\",\"version\":\"1\",\"kind\":"
              "\"scorer\",\"params_default\":[]}]}'\n");
    tmp_write("bad/schema.so",
              "echo '{\"plugins\":[{\"id\":\"s::s\",\"version\":\"1\",\"kind\":"
              "\"scorer\",\"params_schema\":{\"type\":\"object\",\"pattern\":\"x\"}}]}'\n");
    /* a child that keeps the pipe open does not hold up the probe of a process that ended */
    tmp_write("bad/orphan.so", "sleep 600 &\n" ONE("orphan::one", "scorer") "exit 0\n");
    mkfifo(tmp("bad/fifo.so"), 0644);
    mkdir(tmp("bad/dir.so"), 0755);
    (void)!symlink("/nonexistent", tmp("bad/dangling.so"));
    struct plugins *p = plugins_load(&conf, &err);
    refused(p, "slow.so", "took longer than 5 s");
    refused(p, "crash.so", "signal SEGV");
    refused(p, "mute.so", "exit status 3");
    refused(p, "garbage.so", "printed no JSON when it was probed: ");
    refused(p, "flood.so", "printed more than 1048576 bytes");
    refused(p, "list.so", "printed no JSON object");
    refused(p, "error.so", "no evald_plugins_v1 in it");
    refused(p, "none.so", "declares no plugin");
    refused(p, "kind.so", "a::kind: kind \"judge\" is not known");
    refused(p, "id.so", "\"NoColons\"");
    refused(p, "twice.so", "declares t::t twice");
    refused(p, "version.so", "v::v: has no version");
    refused(p, "params.so", "v::v: params_default is not a JSON object");
    refused(p, "schema.so", "s::s: params_schema: ");
    refused(p, "fifo.so", "not a regular file");
    refused(p, "dir.so", "not a regular file");
    refused(p, "dangling.so", "No such file");
    is_int(plugins_count(p), 2, "the good ones are there all the same");
    ok(plugins_find(p, "orphan::one", PLUGIN_SCORER, &err) != NULL, "the one with a child too");
    plugins_free(p);
    size_t n;
    CLEANUP_FREE char *pid2 = io_read_file(AT_FDCWD, tmp("bad/slow.so.pid2"), 64, &n, &err);
    /* killed; it may stand as a zombie of whoever adopted it for a while */
    CLEANUP_FREE char *stat = xasprintf("/proc/%ld/cmdline", pid2 != NULL ? atol(pid2) : 1L);
    char c;
    int fd = open(stat, O_RDONLY | O_CLOEXEC);
    ok(fd < 0 || read(fd, &c, 1) <= 0, "what a slow plugin started is gone as well");
    if (fd >= 0)
        close(fd);

    unlink(tmp("log"));
    unlink(tmp("bad/slow.so"));
    plugins_free(plugins_load(&conf, &err));
    is_int(probes(), 13, "refused files are probed at each start, the good ones are not");
}

static void
test_trust(void)
{
    fresh("trust", "open-dir");
    tmp_write_n("trust/group.so", ONE("g::g", "scorer"), strlen(ONE("g::g", "scorer")), 0664);
    tmp_write_n("trust/all.so", ONE("o::o", "scorer"), strlen(ONE("o::o", "scorer")), 0646);
    tmp_write("trust/good.so", ONE("good::one", "scorer"));
    tmp_write("open-dir/in.so", ONE("in::in", "scorer"));
    (void)!symlink(tmp("open-dir/in.so"), tmp("trust/link.so"));
    (void)!symlink("good.so", tmp("trust/same.so"));
    chmod(tmp("open-dir"), 0777);
    struct plugins *p = plugins_load(&conf, &err);
    refused(p, "group.so", "the file can be written by its group");
    refused(p, "all.so", "the file can be written by everyone");
    refused(p, "open-dir", "the directory can be written by everyone");
    refused(p, "link.so", "open-dir can be written by everyone");
    is_int(plugins_count(p), 1, "one is left, once, though two names lead to it");
    is_int(probes(), 1, "nothing that is not trusted was run");
    plugins_free(p);
    if (geteuid() != 0) {
        skip("only root can give a file away");
        return;
    }
    (void)!chown(tmp("trust/good.so"), 12345, 0);
    p = plugins_load(&conf, &err);
    refused(p, "good.so", "is owned by uid 12345");
    plugins_free(p);
}

static void
test_duplicates(void)
{
    fresh("dup", "dup2");
    tmp_write("dup/a.so", ONE("x::same", "scorer"));
    tmp_write("dup/b.so", ONE("x::other", "scorer"));
    tmp_write("dup2/a.so", ONE("x::same", "agent"));
    (void)!link(tmp("dup/b.so"), tmp("dup2/linked.so"));
    struct plugins *p = plugins_load(&conf, &err);
    is_int(plugins_count(p), 3, "both are listed, the linked file once");
    CLEANUP_FREE char *why = xasprintf("declared by %s and %s", tmp("dup/a.so"),
                                       tmp("dup2/a.so"));
    is_str(plugins_at(p, 1)->disabled, why, "the first names both files");
    is_str(plugins_at(p, 2)->disabled, why, "so does the second");
    ok(plugins_at(p, 0)->disabled == NULL, "a file under two names is no duplicate");
    ok(plugins_find(p, "x::same", PLUGIN_SCORER, &err) == NULL, "neither is used");
    ok(strstr(err.text, why) != NULL && err.code == ERR_INVALID, "the error says why");
    plugins_free(p);
}

static void
test_changed(void)
{
    fresh("change", NULL);
    tmp_write("change/a.so", ONE("c::a", "scorer"));
    tmp_write("change/b.so", ONE("c::b", "scorer"));
    tmp_write("change/c.so", ONE("c::c", "scorer"));
    tmp_write("change/d.so", ONE("c::d", "scorer"));
    struct plugins *p = plugins_load(&conf, &err);
    ok(plugins_find(p, "c::a", PLUGIN_SCORER, &err) != NULL, "unchanged");
    tmp_write("change/a.so", ONE("c::a", "agent"));
    ok(plugins_find(p, "c::a", PLUGIN_SCORER, &err) == NULL, "written over");
    is_str(err.text, "plugin 'c::a': plugin file changed on disk; restart evald", "the error");
    tmp_write("change/new", ONE("c::b", "scorer"));
    rename(tmp("change/new"), tmp("change/b.so"));
    ok(plugins_find(p, "c::b", PLUGIN_SCORER, &err) == NULL, "replaced");
    (void)!link(tmp("change/c.so"), tmp("change/backup"));
    ok(plugins_find(p, "c::c", PLUGIN_SCORER, &err) != NULL, "a second name changes nothing");
    chmod(tmp("change/c.so"), 0666);
    ok(plugins_find(p, "c::c", PLUGIN_SCORER, &err) == NULL, "no longer to be trusted");
    unlink(tmp("change/d.so"));
    ok(plugins_find(p, "c::d", PLUGIN_SCORER, &err) == NULL, "removed");
    plugins_free(p);
}

static void
test_many(void)
{
    fresh("many", NULL);
    for (int i = 0; i < 40; i++) {
        CLEANUP_FREE char *name = xasprintf("many/%02d.so", i);
        CLEANUP_FREE char *text =
            xasprintf("echo '{\"plugins\":[{\"id\":\"m::%02d\",\"version\":"
                      "\"1\",\"kind\":\"source\"}]}'\n",
                      i);
        tmp_write(name, text);
    }
    struct plugins *p = plugins_load(&conf, &err);
    is_int(plugins_count(p), 40, "more files than probes at once");
    plugins_free(p);
    free(conf.libexec_dir);
    conf.libexec_dir = xstrdup(tmp("nowhere"));
    p = plugins_load(&conf, &err);
    is_int(plugins_refusal_count(p), 40, "without a runner there are no plugins");
    refused(p, "00.so", "nowhere/evald-runner: No such file");
    plugins_free(p);
}

int
main(void)
{
    setup();
    test_good();
    test_cache();
    test_bad_files();
    test_trust();
    test_duplicates();
    test_changed();
    test_many();
    free(conf.libexec_dir);
    free(conf.state_dir);
    for (size_t i = 0; i < 3; i++)
        free(conf.plugin_paths[i]);
    free(conf.plugin_paths);
    return tap_done();
}
