/* jsonc_parse - the yardstick of scoring: one thread reads a JSONL file line by line, json-c
 * makes a tree of each line, and nothing is done with it but freeing it.
 *
 *   jsonc_parse FILE
 *
 * Prints one line of JSON; exit 1 when a line does not parse. */
#include "config.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/io.h"
#include "common/mem.h"

static double
cpu_s(void)
{
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec)
           + (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

int
main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "re") : NULL;
    if (f == NULL) {
        fprintf(stderr, argc == 2 ? "jsonc_parse: %s: %s\n" : "usage: jsonc_parse FILE\n",
                argv[argc - 1], strerror(errno));
        return 2;
    }
    struct json_tokener *tokener = json_tokener_new();
    CLEANUP_FREE char *line = NULL;
    size_t room = 0, bytes = 0;
    long rows = 0, bad = 0;
    ssize_t n;
    int64_t start_ns = time_mono_ns();
    while ((n = getline(&line, &room, f)) > 0) {
        json_tokener_reset(tokener);
        struct json_object *row = json_tokener_parse_ex(tokener, line, (int)n);
        bad += row == NULL;
        json_object_put(row);
        rows++;
        bytes += (size_t)n;
    }
    double wall_s = (double)(time_mono_ns() - start_ns) / 1e9;
    json_tokener_free(tokener);
    fclose(f);
    printf("{\"rows\":%ld,\"bad\":%ld,\"rows_s\":%.0f,\"mb_s\":%.1f,\"cpu_us_per_row\":%.2f,"
           "\"json_c\":\"%s\"}\n",
           rows, bad, (double)rows / wall_s, (double)bytes / 1e6 / wall_s,
           cpu_s() * 1e6 / (double)(rows > 0 ? rows : 1), json_c_version());
    return bad != 0;
}
