#!/bin/sh
# <evald/plugin.h> is the whole interface: it compiles alone, without a warning, in every
# language and with every compiler that a plugin's author may have.
#
# Run from the top of the build tree; needs nothing that was built.
set -u
src=${srcdir:-$(dirname "$0")/..}
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
n=0
bad=0

result() { # STATUS TEXT
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        bad=1
        echo "not ok $n - $2"
        sed 's/^/#   /' "$tmp/log"
    fi
}

# Includes it twice, uses every wrapper once, and takes nothing from elsewhere.
cat > "$tmp/use.c" <<'CODE'
#include <evald/plugin.h>
#include <evald/plugin.h>
extern int32_t use(struct evald_call *, void *, const struct evald_row *);
extern void *use_more(struct evald_call *, struct evald_str);
int32_t
use(struct evald_call *c, void *self, const struct evald_row *row)
{
    struct evald_buf b = EVALD_BUF;
    struct evald_str key;
    struct evald_value v = evald_get(c, row->json, "/a");
    size_t at = 0;
    (void)self;
    while (evald_each(c, row->json, &at, &key, &v))
        evald_put_value(c, &b, v);
    evald_putf(c, &b, "%s", evald_quote(c, evald_s("x")));
    evald_log(c, 7, "%d", 1);
    evald_text(c, "text", b.text);
    evald_null(c, "null");
    evald_integer(c, "integer", 1);
    evald_json(c, "json", evald_s("{}"));
    evald_ask_model(c, "judge", evald_s("{}"));
    evald_ask_tool(c, "search", evald_s("{}"));
    evald_ask_http(c, "/", evald_s("{}"));
    if (!EVALD_HAS(c, next_scored))
        return evald_fail(c, EVALD_E_NOTSUP, "no %s", "aggregate");
    return evald_score(c, 1);
}
void *
use_more(struct evald_call *c, struct evald_str s)
{
    struct evald_str f = evald_fmt(c, "%zu", s.len);
    return evald_alloc(c, f.len);
}
static const char *const columns[] = { "generated_answer", NULL };
static const struct evald_plugin plugin = {
    EVALD_HEAD(EVALD_SCORER),
#if defined __cplusplus && __cplusplus < 202002L
    EVALD_PARALLEL, 0, "test::header", "1", "summary", NULL, NULL, NULL, NULL, columns,
    NULL, NULL, use, NULL, NULL
#else
    .threads = EVALD_PARALLEL, .host_size = 0, .id = "test::header", .version = "1",
    .summary = "summary", .params_schema = NULL, .params_default = NULL, .return_type = NULL,
    .metrics = NULL, .columns = columns, .open = NULL, .close = NULL, .score = use,
    .step = NULL, .aggregate = NULL
#endif
};
EVALD_PLUGINS(&plugin)
CODE
cp "$tmp/use.c" "$tmp/use.cc"
printf '#include <evald/plugin.h>\nextern int alone;\nint alone;\n' > "$tmp/alone.c"
cp "$tmp/alone.c" "$tmp/alone.cc"

flags="-Wall -Wextra -Werror -pedantic -Wshadow -I$src/include -c -o /dev/null"
check() { # COMPILER SUFFIX STANDARDS...
    compiler=$1 suffix=$2
    shift 2
    for std; do
        for file in alone use; do
            text="$compiler -std=$std: $file"
            if ! command -v "$compiler" > /dev/null 2>&1; then
                n=$((n + 1))
                echo "ok $n - $text # SKIP $compiler is not installed"
            elif ! echo 'int x;' | "$compiler" -x "$lang" -std="$std" -c -o /dev/null - \
                       2> "$tmp/log"; then
                n=$((n + 1))
                echo "ok $n - $text # SKIP $compiler knows no $std"
            else
                # shellcheck disable=SC2086
                "$compiler" -std="$std" $flags "$tmp/$file.$suffix" > "$tmp/log" 2>&1
                result $? "$text"
            fi
        done
    done
}
lang=c
for cc in gcc clang; do check $cc c c99 c11 c17; done
lang=c++
for cc in g++ clang++; do check $cc cc c++11 c++14 c++17 c++20; done

# The README shows this file; somebody who has the header alone can build it.
cc=${CC:-cc}
# shellcheck disable=SC2086
$cc -I "$src/include" -shared -fPIC -Wall -Wextra -Werror -o "$tmp/exact.so" \
    "$src/examples/scorer/exact.c" > "$tmp/log" 2>&1
result $? "examples/scorer/exact.c compiles with -I include and nothing else"
runner=${EVALD_RUNNER:-core/runner/evald-runner}
if [ -x "$runner" ] && [ -e "$tmp/exact.so" ]; then
    "$runner" --replay "$tmp/exact.so" "$src/examples/scorer/exact.jsonl" > "$tmp/log" 2>&1
    result $? "and scores as its tape says"
else
    n=$((n + 1))
    echo "ok $n - and scores as its tape says # SKIP no $runner"
fi
echo "1..$n"
exit $bad
