/* evalctl - the command line client of evald; evalctl(1). */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "ctl/ctl.h"

volatile sig_atomic_t ctl_interrupted;

/* Options beyond those that every command has. */
enum { OPT_STATUS = 1, OPT_REPLACE = 2, OPT_OWNER = 4, OPT_LIMIT = 8, OPT_PARAMS = 16,
       OPT_SCORER = 32, OPT_DIFFERENCES = 64 };

#define ARGS_MAX 1000 /* of commands that take any number */

struct command {
    const char *name;
    ctl_command_fn *fn;
    int min_args, max_args;
    int options;
    const char *synopsis; /* behind the name */
    const char *summary;
    const char *help; /* more, or NULL */
};

static const struct command commands[] = {
    { "run", run_command, 1, 1, OPT_REPLACE, "[--replace] FILE",
      "register a benchmark, run it, and print its scores",
      "FILE is a JSON object:\n"
      "  \"benchmark\": {\"benchmark_id\", \"dataset_id\", \"scoring_functions\",\n"
      "               \"metadata\"}\n"
      "  \"dataset\":   {\"dataset_id\", \"purpose\", \"source\", \"metadata\"}, optional;"
      " a source\n"
      "               {\"type\": \"file\", \"path\": NAME} sends the rows of a JSONL file\n"
      "  \"runs\":      [BenchmarkConfig, ...]; or \"benchmark_config\": one of them\n"
      "Names of files are relative to FILE's folder.\n"
      "  --replace  register anew what is registered with other content\n"
      "Ends with 5 when the jobs completed but some of their rows failed." },
    { "jobs", jobs_list, 0, 0, OPT_STATUS | OPT_OWNER, "[--status STATUS] [--owner USER]",
      "list jobs",
      "  --status STATUS  only those that are scheduled, in_progress, completed, failed or\n"
      "                   cancelled\n"
      "  --owner USER     only those of USER, a name or a number" },
    { "status", jobs_status, 1, 1, 0, "JOB", "print the status of a job", NULL },
    { "detail", jobs_detail, 1, 1, 0, "JOB", "print times, progress and manifest of a job",
      NULL },
    { "result", jobs_result, 1, 1, 0, "JOB", "print the scores of a completed job",
      "With --json: generations, score rows, aggregates and statistics." },
    { "rows", rows_command, 1, 1, OPT_STATUS | OPT_LIMIT, "[--status STATUS] [--limit N] JOB",
      "print the rows of a job, whether it has ended or not",
      "  --status STATUS  only those that are ok, error, truncated or pending\n"
      "  --limit N        no more than N" },
    { "events", events_command, 1, 1, 0, "JOB",
      "print what happens to a job, from its beginning until its end", NULL },
    { "follow", jobs_follow, 1, 1, 0, "JOB",
      "show a job's progress until its end, then its scores", "Ends as run does." },
    { "cancel", jobs_cancel, 1, 1, 0, "JOB", "cancel a job", NULL },
    { "pause", control_pause, 1, 1, 0, "JOB", "let a job rest until it is resumed", NULL },
    { "resume", control_resume, 1, 1, 0, "JOB", "let a paused job go on", NULL },
    { "retry", control_retry, 1, 1, 0, "JOB", "do the failed rows of a job again", NULL },
    { "rescore", control_rescore, 1, ARGS_MAX, OPT_PARAMS, "[--params FILE] JOB [FUNCTION...]",
      "score the generations of a job anew, as a job of its own",
      "By default with the job's own functions.\n"
      "  --params FILE  a JSON object: function to its parameters" },
    { "compare", compare_command, 2, ARGS_MAX, 0, "BASELINE CANDIDATE [FUNCTION...]",
      "compare two jobs row by row", "By default by all functions that both have." },
    { "conformance", conformance_command, 1, ARGS_MAX, OPT_SCORER | OPT_DIFFERENCES,
      "[--scorer ID] [--differences N] DIR|FILE...",
      "play recorded cases to the scorers and say what differs",
      "Needs no evald; evald-conformance(7) describes the cases, *.jsonl of DIR.\n"
      "  --scorer ID      only the cases of this scorer\n"
      "  --differences N  show so many of the cases that differ, 10 by default\n"
      "Ends with 0 only when no case differs." },
    { "score-batch", score_batch_command, 2, ARGS_MAX, OPT_PARAMS,
      "[--params FILE] DATASET FUNCTION...", "score the rows of a data set",
      "  --params FILE  a JSON object: function to its parameters" },
    { "append", append_command, 2, 2, 0, "DATASET FILE", "append rows to a data set",
      "FILE is JSONL: a JSON object on each line." },
    { "function", function_command, 2, 2, 0, "register FILE | delete ID",
      "register or delete a scoring function",
      "FILE is the JSON object that POST /v1/scoring-functions takes." },
    { "models", lists_models, 0, 0, 0, "", "list models", NULL },
    { "datasets", lists_datasets, 0, 0, 0, "", "list data sets", NULL },
    { "benchmarks", lists_benchmarks, 0, 0, 0, "", "list benchmarks", NULL },
    { "functions", lists_functions, 0, 0, 0, "", "list scoring functions", NULL },
    { "plugin", plugin_command, 1, 2, 0, "list | show ID | check FILE.so",
      "list or describe evald's plugins; check a plugin file",
      "check needs no evald: it loads FILE.so in a process of its own and prints what the\n"
      "file declares, or why evald would refuse it." },
    { "health", lists_health, 0, 0, 0, "", "say whether evald is well", NULL },
    { "version", lists_version, 0, 0, 0, "", "print the versions of evalctl and evald", NULL },
};

static void
print_usage(FILE *to)
{
    fputs("usage: evalctl [--socket PATH] [--json] COMMAND [ARGUMENT...]\n\ncommands:\n", to);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "  --socket PATH  evald's socket; else $EVALD_SOCKET, else "
          EVALD_RUNDIR "/evald.sock\n"
          "  --json         print the API's documents as they are, one on a line\n"
          "  --help         also behind a command: what that command takes\n"
          "  --version      print evalctl's version\n"
          "\n"
          "exit status: 0 done; 1 the request or the job failed; 2 usage; 3 evald cannot be\n"
          "reached; 4 the job ended cancelled; 5 the job completed, but some rows failed\n",
          to);
}

static void
print_help(const struct command *cmd)
{
    printf("usage: evalctl [--socket PATH] [--json] %s%s%s\n\n%s\n", cmd->name,
           *cmd->synopsis != '\0' ? " " : "", cmd->synopsis, cmd->summary);
    if (cmd->help != NULL)
        printf("\n%s\n", cmd->help);
}

static int
usage_error(const struct command *cmd)
{
    if (cmd != NULL)
        fprintf(stderr, "usage: evalctl [--socket PATH] [--json] %s %s\n", cmd->name,
                cmd->synopsis);
    else
        fputs("usage: evalctl [--socket PATH] [--json] COMMAND [ARGUMENT...]; "
              "see evalctl --help\n", stderr);
    return CTL_USAGE;
}

static const struct command *
find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

void
ctl_put_safe(FILE *to, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        /* C0 and DEL, and C1 as UTF-8 spells it, become a space. */
        bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
        bool c0 = (*p < 0x20 && *p != '\n') || *p == 0x7f;
        fputc(c0 || c1 ? ' ' : *p, to);
        p += c1;
    }
}

int
ctl_fail(const struct ctl *c, const struct err *err)
{
    CLEANUP_FREE char *line = xstrdup(err->text);
    for (char *p = line; *p != '\0'; p++)
        if (*p == '\n')
            *p = ' ';
    fputs("evalctl: ", stderr);
    ctl_put_safe(stderr, line);
    fputc('\n', stderr);
    if (ctl_interrupted)
        return CTL_INTERRUPTED;
    if (err->code == ERR_REMOTE && c->client != NULL && client_status(c->client) == 0)
        return CTL_UNREACHABLE;
    return err_exit_status(err->code);
}

const char *
ctl_socket_option(const struct ctl *c)
{
    static char option[160];
    if (!c->socket_given)
        return "";
    snprintf(option, sizeof option, " --socket %s", c->socket);
    return option;
}

char *
ctl_program(const char *name)
{
    const char *dir = getenv("EVALD_LIBEXECDIR");
    return xasprintf("%s/%s", dir != NULL && *dir != '\0' ? dir : EVALD_LIBEXECDIR, name);
}

void
ctl_put_document(struct str doc)
{
    fwrite(doc.ptr, 1, doc.len, stdout);
    putchar('\n');
}

void
ctl_format_time(int64_t unix_ms, char *buf, size_t size)
{
    time_t t = (time_t)(unix_ms / 1000);
    struct tm tm;
    if (unix_ms <= 0 || localtime_r(&t, &tm) == NULL
        || strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        snprintf(buf, size, "-");
}

static void
on_interrupt(int sig)
{
    (void)sig;
    ctl_interrupted = 1;
}

static void
catch_interrupts(void)
{
    /* Once: a second Ctrl-C ends evalctl where it stands. */
    struct sigaction sa = { .sa_handler = on_interrupt, .sa_flags = SA_RESETHAND }, before;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* nohup */
        sigaction(SIGHUP, &sa, NULL);
}

static bool
is_number(const char *z)
{
    return z[strspn(z, "0123456789")] == '\0' && *z != '\0';
}

/* Parses the options in front of the command (cmd NULL: "+" stops there) or behind it.
 * -1: go on; else the exit status. */
static int
parse_options(struct ctl *c, int argc, char **argv, const struct command *cmd)
{
    static const struct option options[] = {
        { "socket", required_argument, NULL, 's' },  { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },          { "version", no_argument, NULL, 'V' },
        { "status", required_argument, NULL, 'S' },  { "replace", no_argument, NULL, 'r' },
        { "owner", required_argument, NULL, 'o' },   { "limit", required_argument, NULL, 'l' },
        { "params", required_argument, NULL, 'p' },  { "scorer", required_argument, NULL, 'c' },
        { "differences", required_argument, NULL, 'd' },
        { NULL, 0, NULL, 0 },
    };
    int own = cmd != NULL ? cmd->options : 0;
    for (int opt;
         (opt = getopt_long(argc, argv, cmd == NULL ? "+" : "", options, NULL)) != -1;) {
        if (opt == 's') {
            c->socket = optarg;
            c->socket_given = true;
        } else if (opt == 'j') {
            c->json = true;
        } else if (opt == 'h') {
            if (cmd != NULL)
                print_help(cmd);
            else
                print_usage(stdout);
            return CTL_OK;
        } else if (opt == 'V' && cmd == NULL) {
            puts("evalctl " PACKAGE_VERSION);
            return CTL_OK;
        } else if (opt == 'S' && (own & OPT_STATUS)) {
            c->status = optarg;
        } else if (opt == 'r' && (own & OPT_REPLACE)) {
            c->replace = true;
        } else if (opt == 'o' && (own & OPT_OWNER)) {
            c->owner = optarg;
        } else if (opt == 'p' && (own & OPT_PARAMS)) {
            c->params = optarg;
        } else if (opt == 'c' && (own & OPT_SCORER)) {
            c->scorer = optarg;
        } else if (opt == 'l' && (own & OPT_LIMIT) && is_number(optarg)) {
            c->limit = strtoll(optarg, NULL, 10);
        } else if (opt == 'd' && (own & OPT_DIFFERENCES) && is_number(optarg)) {
            c->differences = strtoll(optarg, NULL, 10);
        } else {
            return usage_error(cmd);
        }
    }
    return -1;
}

int
main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    setlocale(LC_MESSAGES, "");
    const char *env = getenv("EVALD_SOCKET");
    bool named = env != NULL && *env != '\0';
    struct ctl ctl = { .socket = named ? env : EVALD_RUNDIR "/evald.sock",
                       .limit = -1, .differences = 10 };

    int status = parse_options(&ctl, argc, argv, NULL);
    if (status >= 0)
        return status;
    if (optind >= argc)
        return usage_error(NULL);
    const struct command *cmd = find_command(argv[optind]);
    if (cmd == NULL) {
        fprintf(stderr, "evalctl: unknown command \"%s\"; see evalctl --help\n", argv[optind]);
        return CTL_USAGE;
    }
    argc -= optind;
    argv += optind;
    optind = 0; /* argv[0] is the command's name now: start over */
    status = parse_options(&ctl, argc, argv, cmd);
    if (status >= 0)
        return status;
    if (argc - optind < cmd->min_args || argc - optind > cmd->max_args)
        return usage_error(cmd);

    struct err err;
    ctl.client = client_new(ctl.socket, &err);
    if (ctl.client == NULL)
        return ctl_fail(&ctl, &err);
    catch_interrupts();
    status = cmd->fn(&ctl, argv + optind);
    client_free(ctl.client);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "evalctl: write: %s\n", strerror(errno));
        status = CTL_FAILED;
    }
    return status;
}
