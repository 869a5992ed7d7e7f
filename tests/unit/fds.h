/* fds.h - how many descriptors are open: a number to compare with itself. */
#ifndef EVALD_FDS_H
#define EVALD_FDS_H

#include <dirent.h>

static int
count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

#endif
