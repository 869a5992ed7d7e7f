/* The rules of csv.h, one by one.  What is expected follows from that text and from the
 * reference's table reader, which tries int64, uint64, double and boolean in this order. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/io.h"
#include "common/mem.h"
#include "common/rows.h"
#include "tap.h"

/* The rows, each on a line; or "error: ...". */
static char *
read_csv(const char *p, size_t n)
{
    CLEANUP_CLOSE int fd = memfd_create("csv", MFD_CLOEXEC);
    if (fd < 0 || io_write_full(fd, p, n) < 0)
        abort();
    struct err err = { 0 };
    struct rows *r = rows_open(fd, ROWS_CSV, (int64_t)n, "t.csv", &err);
    struct text t = TEXT_INIT;
    if (r == NULL) {
        text_putf(&t, "error: %s", err.text);
        return text_take(&t);
    }
    struct str row;
    int64_t line;
    enum rows_result res;
    while ((res = rows_next(r, &row, &line, &err)) == ROWS_ROW) {
        text_put_str(&t, row);
        text_putc(&t, '\n');
    }
    if (res != ROWS_END)
        text_putf(&t, "error: %s", err.text);
    rows_free(r);
    return text_take(&t);
}

static void
csv_case(const char *input, size_t n, const char *want, const char *what)
{
    CLEANUP_FREE char *got = read_csv(input, n);
    is_str(got, want, "%s", what);
}
#define CSV(what, input, want) csv_case(input, sizeof(input) - 1, want, what)

/* One column of cells, and its values. */
static void
column_case(const char *cells, const char *values, const char *what)
{
    CLEANUP_TEXT struct text in = TEXT_INIT, want = TEXT_INIT;
    /* A second column keeps empty cells from making blank lines. */
    text_puts(&in, "v,\n");
    for (const char *p = cells;;) {
        size_t k = strcspn(p, "|");
        text_put(&in, p, k);
        text_puts(&in, ",\n");
        if (p[k] == '\0')
            break;
        p += k + 1;
    }
    for (const char *p = values;;) {
        size_t k = strcspn(p, "|");
        text_puts(&want, "{\"v\":");
        text_put(&want, p, k);
        text_puts(&want, ",\"Unnamed: 1\":null}\n");
        if (p[k] == '\0')
            break;
        p += k + 1;
    }
    CLEANUP_FREE char *got = read_csv(in.ptr, in.len);
    is_str(got, want.ptr, "%s", what);
}
#define COLUMN(what, cells, values) column_case(cells, values, what)

static void
test_header(void)
{
    CSV("duplicate names are numbered", "a,a,b,a\n1,2,3,4\n",
        "{\"a\":1,\"a.1\":2,\"b\":3,\"a.2\":4}\n");
    CSV("a name that another header has is passed over", "a,a,a.1\n1,2,3\n",
        "{\"a\":1,\"a.2\":2,\"a.1\":3}\n");
    CSV("also when it stands in front", "a.1,a,a\n1,2,3\n", "{\"a.1\":1,\"a\":2,\"a.2\":3}\n");
    CSV("duplicates of numbered names", "a,a,a.1,a.1\n1,2,3,4\n",
        "{\"a\":1,\"a.2\":2,\"a.1\":3,\"a.1.1\":4}\n");
    CSV("empty names are unnamed", ",b,\n1,2,3\n",
        "{\"Unnamed: 0\":1,\"b\":2,\"Unnamed: 2\":3}\n");
    CSV("a quoted empty name is empty", "\"\",b\n1,2\n", "{\"Unnamed: 0\":1,\"b\":2}\n");
    CSV("a given name goes before an unnamed one", ",Unnamed: 0\n1,2\n",
        "{\"Unnamed: 0.1\":1,\"Unnamed: 0\":2}\n");
    CSV("spaces in names are kept", " a , b\n1,2\n", "{\" a \":1,\" b\":2}\n");
    CSV("names are quoted like cells", "\"a\"\"b\",\"c\nd\"\n1,2\n",
        "{\"a\\\"b\":1,\"c\\nd\":2}\n");
    CSV("numbers and markers are names", "1,NA\nx,y\n", "{\"1\":\"x\",\"NA\":\"y\"}\n");
    CSV("a byte order mark is skipped", "\xef\xbb\xbf" "a\n1\n", "{\"a\":1}\n");
    CSV("and one before a quoted name", "\xef\xbb\xbf\"a\"\n1\n", "{\"a\":1}\n");
    CSV("a header without rows gives zero rows", "a,b\n", "");
    CSV("without a line end, too", "a,b", "");
    CSV("no header is an error", "", "error: t.csv: there is no header line");
    CSV("blank lines are none", "\n \t\r\n\n", "error: t.csv: there is no header line");
    CSV("a byte order mark is none", "\xef\xbb\xbf", "error: t.csv: there is no header line");
    CSV("an unclosed name is an error", "a,\"b\n1,2\n",
        "error: t.csv:1: a quoted field is not closed");
    CSV("a name that is no UTF-8 is an error", "a,\xff\n1,2\n",
        "error: t.csv:1: the name of column 2: invalid UTF-8");
}

static void
test_shape(void)
{
    CSV("LF, CR and CRLF end a line", "a,b\n1,2\r\n3,4\r5,6\r\r\n7,8",
        "{\"a\":1,\"b\":2}\n{\"a\":3,\"b\":4}\n{\"a\":5,\"b\":6}\n{\"a\":7,\"b\":8}\n");
    CSV("CR alone", "a\r1\r2\r", "{\"a\":1}\n{\"a\":2}\n");
    CSV("lines of blanks are skipped, before the header too", "\n  \n\t\na\n\n1\n \t \n2\n  ",
        "{\"a\":1}\n{\"a\":2}\n");
    CSV("a blank line with CR", " \ra\r \r1\r", "{\"a\":1}\n");
    CSV("blanks behind a CR belong to the next line", "a,b\r x,1\r\ty,2\r",
        "{\"a\":\" x\",\"b\":1}\n{\"a\":\"\\ty\",\"b\":2}\n");
    CSV("a blank line before a header that begins without a name", "\r,b\r1,2\r",
        "{\"Unnamed: 0\":1,\"b\":2}\n");
    CSV("LF behind CR is one end, CR behind LF another", "a\n\r1\r\n2\n\r\r\n3",
        "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
    CSV("a quoted empty cell is no blank line", "a\nx\n\"\"\ny\n",
        "{\"a\":\"x\"}\n{\"a\":null}\n{\"a\":\"y\"}\n");
    CSV("a quoted blank is no blank line", "a\nx\n\" \"\n", "{\"a\":\"x\"}\n{\"a\":\" \"}\n");
    CSV("a comma makes a row", "a,b\n,\n", "{\"a\":null,\"b\":null}\n");
    CSV("nothing is trimmed", "a,b\n x ,\ty\n", "{\"a\":\" x \",\"b\":\"\\ty\"}\n");
    CSV("leading blanks of a line belong to its first cell", "a,b\n  x,y\n",
        "{\"a\":\"  x\",\"b\":\"y\"}\n");
    CSV("quoted commas, quotes and line feeds", "a,b\n\"x,\"\"y\"\"\",\"1\n2\"\n",
        "{\"a\":\"x,\\\"y\\\"\",\"b\":\"1\\n2\"}\n");
    CSV("CRLF inside quotes is kept", "a\n\"x\r\ny\rz\"\n", "{\"a\":\"x\\r\\ny\\rz\"}\n");
    CSV("text behind a closing quote is appended", "a,b\n\"x\" y,\"p\"q\"r\"\n",
        "{\"a\":\"x y\",\"b\":\"pq\\\"r\\\"\"}\n");
    CSV("a quote inside an unquoted field is literal", "a,b\nx\"y\", \"z\"\n",
        "{\"a\":\"x\\\"y\\\"\",\"b\":\" \\\"z\\\"\"}\n");
    CSV("a quoted field that a line end follows", "a\n\"x\"\r\n\"y\"\r\"z\"",
        "{\"a\":\"x\"}\n{\"a\":\"y\"}\n{\"a\":\"z\"}\n");
    CSV("an unclosed quote names its line", "a\n\"x\ny\"\n1\n\"z\n\n",
        "error: t.csv:5: a quoted field is not closed");
    CSV("short rows are padded", "a,b,c\nx\nx,y\n",
        "{\"a\":\"x\",\"b\":null,\"c\":null}\n{\"a\":\"x\",\"b\":\"y\",\"c\":null}\n");
    CSV("a row longer than the header names its line", "a,b\n1,2\n\"x\n\",3,4\n",
        "error: t.csv:3: 3 cells, but the header has 2 columns");
    CSV("even if what is more is empty", "a\n1,\n",
        "error: t.csv:2: 2 cells, but the header has 1 columns");
    CSV("line ends inside quotes count once each", "a\n\"1\r\n2\r3\n4\"\nx,y\n",
        "error: t.csv:6: 2 cells, but the header has 1 columns");
    CSV("invalid UTF-8 is named", "a,b\nx,y\nx,\xc3\n",
        "error: t.csv:3: column 'b': invalid UTF-8");
    CSV("two cells never make one character", "a,b\n\xc3,\xa9\n",
        "error: t.csv:2: column 'a': invalid UTF-8");
    CSV("a NUL byte is named", "a,b\nx,y\0z\n", "error: t.csv:2: column 'b': a NUL byte");
    CSV("and one inside quotes", "a\n\"\0\"\n", "error: t.csv:2: column 'a': a NUL byte");
    CSV("text is UTF-8, control characters are escaped", "a\n\xc3\xa9\x01\\\n",
        "{\"a\":\"\xc3\xa9\\u0001\\\\\"}\n");
}

static void
test_integers(void)
{
    COLUMN("integers", "1|-2|0", "1|-2|0");
    COLUMN("signs, spaces, leading zeros", "+7| 8|9 |007|-0|-012", "7|8|9|7|0|-12");
    COLUMN("the ends of int64", "9223372036854775807|-9223372036854775808",
           "9223372036854775807|-9223372036854775808");
    COLUMN("uint64 when none is negative", "9223372036854775808|18446744073709551615|1",
           "9223372036854775808|18446744073709551615|1");
    COLUMN("above int64 beside a negative one: text", "9223372036854775808|-1",
           "\"9223372036854775808\"|\"-1\"");
    COLUMN("beyond uint64: text", "18446744073709551616|1", "\"18446744073709551616\"|\"1\"");
    COLUMN("below int64: text", "-9223372036854775809|1", "\"-9223372036854775809\"|\"1\"");
    COLUMN("leading zeros do not make a number large",
           "000000000000000000000000000000000000000001|2", "1|2");
    COLUMN("with a missing cell they are floats", "1||3", "1.0|null|3.0");
    COLUMN("above int64 beside missing cells: text", "9223372036854775808||1",
           "\"9223372036854775808\"|null|\"1\"");
    COLUMN("missing first: text as well", "|9223372036854775808",
           "null|\"9223372036854775808\"");
    COLUMN("and a marker beside it is missing all the same", "NULL|18446744073709551616||5",
           "null|\"18446744073709551616\"|null|\"5\"");
    COLUMN("the least integer is a number beside missing cells, too",
           "-9223372036854775808||1", "-9.223372036854776e+18|null|1.0");
    COLUMN("-0 is 0, and -0.0 where floats are", "-0|-0", "0|0");
    COLUMN("zeros in front count for nothing in a float", "00000000000000000000001|.5",
           "1.0|0.5");
    COLUMN("an integer beyond uint64 before a float: text", "18446744073709551616|1.5",
           "\"18446744073709551616\"|\"1.5\"");
    COLUMN("behind one it is a float", "1.5|18446744073709551616",
           "1.5|1.8446744073709552e+19");
    COLUMN("in uint64's range it is one before, too", "9223372036854775808|1.5",
           "9.223372036854776e+18|1.5");
    CSV("spaces around a quoted integer", "a\n\" 4\t\"\n\"\n5\"\n", "{\"a\":4}\n{\"a\":5}\n");
}

static void
test_floats(void)
{
    COLUMN("decimals", "1.5|2|-3.25", "1.5|2.0|-3.25");
    COLUMN("1e3, 1., .5, +.5e-1", "1e3|1.|.5|+.5e-1|1E+2", "1000.0|1.0|0.5|0.05|100.0");
    COLUMN("infinities are numbers, and null as JSON", "inf|-inf|+Infinity|INFINITY|1.5",
           "null|null|null|null|1.5");
    COLUMN("spaces around a number", " 1.5 |2.5", "1.5|2.5");
    COLUMN("but not around an infinity", " inf|2.5", "\" inf\"|\"2.5\"");
    COLUMN("nor a sign alone", "+|2.5", "\"+\"|\"2.5\"");
    COLUMN("an exponent needs digits", "1e|2", "\"1e\"|\"2\"");
    COLUMN("nor a sign only", "1e+|2", "\"1e+\"|\"2\"");
    COLUMN("a point alone is text", ".|1", "\".\"|\"1\"");
    COLUMN("too large for a double: text", "1e400|1.5", "\"1e400\"|\"1.5\"");
    COLUMN("wherever it stands", "1.5|-1e400", "\"1.5\"|\"-1e400\"");
    COLUMN("too small is zero", "1e-400|1.5", "0.0|1.5");
    COLUMN("correctly rounded", "0.1|9007199254740993.0|1.7976931348623157e308|5e-324",
           "0.1|9007199254740992.0|1.7976931348623157e+308|5e-324");
    COLUMN("one text cell makes all text", "1.5|NA|x1", "\"1.5\"|null|\"x1\"");
    COLUMN("numbers with missing cells", "1.5|NaN||2", "1.5|null|null|2.0");
    COLUMN("underscores and hex are text", "1_000|0x10", "\"1_000\"|\"0x10\"");
    COLUMN("nan that is no marker is text", "NAN|1.5", "\"NAN\"|\"1.5\"");
}

static void
test_others(void)
{
    COLUMN("booleans in any case", "True|false|tRUE|FALSE", "true|false|true|false");
    COLUMN("with missing cells", "true||False", "true|null|false");
    COLUMN("spaces make text", " true|false", "\" true\"|\"false\"");
    COLUMN("mixed with numbers: text", "True|1", "\"True\"|\"1\"");
    COLUMN("numbers with text: text as it stands", "1|007|x| 2", "\"1\"|\"007\"|\"x\"|\" 2\"");
    COLUMN("text with missing cells", "x||y", "\"x\"|null|\"y\"");
    COLUMN("only missing cells", "|NA|null", "null|null|null");
    COLUMN("all markers",
           "x||#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|"
           "NaN|None|n/a|nan|null",
           "\"x\"|null|null|null|null|null|null|null|null|null|null|null|null|null|null|null|"
           "null|null|null|null");
    COLUMN("what only looks like one", "na|NONE|Null|none|<na>|#n/a| NA|NA ",
           "\"na\"|\"NONE\"|\"Null\"|\"none\"|\"<na>\"|\"#n/a\"|\" NA\"|\"NA \"");
    CSV("quotes do not protect a marker", "a\n\"NA\"\n\"\"\nx\n",
        "{\"a\":null}\n{\"a\":null}\n{\"a\":\"x\"}\n");
    CSV("nor a number", "expected_answer\n\"42\"\n", "{\"expected_answer\":42}\n");
    CSV("each column has its own type", "i,f,b,s\n1,1,true,1\n2,2.5,false,x\n",
        "{\"i\":1,\"f\":1.0,\"b\":true,\"s\":\"1\"}\n"
        "{\"i\":2,\"f\":2.5,\"b\":false,\"s\":\"x\"}\n");
    CSV("padding makes an integer column floats", "a,b\n1,2\n3\n",
        "{\"a\":1,\"b\":2.0}\n{\"a\":3,\"b\":null}\n");
}

/* The same file fed at every buffer border gives the same rows. */
static void
test_borders(void)
{
    static const char rec[] = "\"a\"\"b\r\n\xc3\xa9\",x\"y,1.5\r\n";
    for (size_t pad = 262144 - 30; pad < 262144 + 4; pad += 1) {
        CLEANUP_TEXT struct text in = TEXT_INIT;
        text_puts(&in, "s,t,f\n");
        while (in.len < pad)
            text_putc(&in, '\n');
        text_puts(&in, rec);
        text_puts(&in, rec);
        CLEANUP_FREE char *got = read_csv(in.ptr, in.len);
        static const char want[] =
            "{\"s\":\"a\\\"b\\r\\n\xc3\xa9\",\"t\":\"x\\\"y\",\"f\":1.5}\n"
            "{\"s\":\"a\\\"b\\r\\n\xc3\xa9\",\"t\":\"x\\\"y\",\"f\":1.5}\n";
        if (strcmp(got, want) != 0) {
            is_str(got, want, "a buffer ends inside a record (%zu)", pad);
            return;
        }
    }
    ok(true, "a record may lie across buffers in any way");
}

static void
test_long(void)
{
    CLEANUP_TEXT struct text in = TEXT_INIT;
    text_puts(&in, "a,b\n1,x\nlong,\"");
    size_t n = ROWS_ROW_MAX + 10;
    text_reserve(&in, n + 64);
    memset(in.ptr + in.len, 'y', n);
    in.len += n;
    text_puts(&in, "\"\n3,z\n");
    CLEANUP_CLOSE int fd = memfd_create("csv", MFD_CLOEXEC);
    if (fd < 0 || io_write_full(fd, in.ptr, in.len) < 0)
        abort();
    struct rows *r = rows_open(fd, ROWS_CSV, (int64_t)in.len, "t.csv", NULL);
    struct err err = { 0 };
    struct str row;
    int64_t line;
    ok(rows_next(r, &row, &line, &err) == ROWS_ROW && str_is(row, "{\"a\":1,\"b\":\"x\"}"),
       "a record over the limit has no say in the types");
    is_int(rows_next(r, &row, &line, &err), ROWS_BAD, "it is bad");
    is_str(err.text, "t.csv:3: the row is longer than 16 MiB", "and named");
    ok(rows_next(r, &row, &line, &err) == ROWS_ROW && line == 4
           && str_is(row, "{\"a\":3,\"b\":\"z\"}"),
       "the reader goes on");
    is_int(rows_next(r, &row, &line, &err), ROWS_END, "to the end");
    rows_free(r);
}

static void
test_changed(void)
{
    CLEANUP_CLOSE int fd = memfd_create("csv", MFD_CLOEXEC);
    if (fd < 0 || io_write_full(fd, "a\n1\n2\n", 6) < 0)
        abort();
    struct rows *r = rows_open(fd, ROWS_CSV, 6, "t.csv", NULL);
    if (io_pwrite_full(fd, "x", 1, 4) < 0)
        abort();
    struct rows_mark mark = rows_tell(r);
    rows_seek(r, &mark);
    struct err err = { 0 };
    struct str row;
    int64_t line;
    is_int(rows_next(r, &row, &line, &err), ROWS_ROW, "a cell changes between the passes");
    is_int(rows_next(r, &row, &line, &err), ROWS_FAIL, "which is found");
    is_str(err.text, "t.csv:3: column 'a': the data set changed while it was read",
           "and named");
    rows_free(r);
}

static void
test_wide(void)
{
    CLEANUP_TEXT struct text in = TEXT_INIT;
    for (int i = 0; i < 65535; i++)
        text_puts(&in, "a,");
    text_puts(&in, "a\n");
    CLEANUP_FREE char *got = read_csv(in.ptr, in.len);
    is_str(got, "", "65536 columns of one name");
    in.len--;
    text_puts(&in, ",a\n");
    CLEANUP_FREE char *more = read_csv(in.ptr, in.len);
    is_str(more, "error: t.csv:1: more than 65536 columns", "one more is too many");
}

int
main(void)
{
    test_header();
    test_shape();
    test_integers();
    test_floats();
    test_others();
    test_borders();
    test_long();
    test_changed();
    test_wide();
    return tap_done();
}
