/* Sound while it is probed; its constructor takes the runner of a job down. */
#include <stdio.h>
#include <stdlib.h>

#define BROKEN_ID "test::ctor"
#include "broken.h"

__attribute__((constructor)) static void
crash(void)
{
    char line[4096];
    FILE *f = fopen("/proc/self/cmdline", "r");
    size_t n = f != NULL ? fread(line, 1, sizeof line - 1, f) : 0;
    for (size_t i = 0; i < n; i++)
        if (line[i] == '\0')
            line[i] = ' ';
    line[n] = '\0';
    if (f != NULL)
        fclose(f);
    if (strstr(line, "--probe") == NULL)
        abort();
}
