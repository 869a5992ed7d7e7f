#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

static const char *log_name = "evald";
static enum log_level log_max = LOG_LEVEL_INFO;
static int log_prefix = -1; /* "<N>" before each line? */
static __thread const struct log_scope *innermost;

void
log_init(const char *name, enum log_level max)
{
    log_name = name;
    log_max = max;
    log_prefix = !isatty(STDERR_FILENO);
}

void
log_set_level(enum log_level max)
{
    log_max = max;
}

int
log_level_parse(const char *word)
{
    static const struct { const char *word; enum log_level level; } words[] = {
        { "error", LOG_LEVEL_ERROR }, { "warning", LOG_LEVEL_WARNING },
        { "info", LOG_LEVEL_INFO }, { "debug", LOG_LEVEL_DEBUG },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i].word) == 0)
            return (int)words[i].level;
    return -1;
}

enum log_level
log_level_clamp(int64_t level)
{
    return level <= LOG_LEVEL_ERROR     ? LOG_LEVEL_ERROR
           : level == LOG_LEVEL_WARNING ? LOG_LEVEL_WARNING
           : level <= LOG_LEVEL_INFO    ? LOG_LEVEL_INFO
                                        : LOG_LEVEL_DEBUG;
}

static size_t
put_scopes(char *line, size_t used, size_t room, const struct log_scope *s)
{
    if (s == NULL)
        return used;
    used = put_scopes(line, used, room, s->outer);
    int n = snprintf(line + used, room - used, " %s", s->text);
    return n < 0 || (size_t)n >= room - used ? room - 1 : used + (size_t)n;
}

void
log_at(enum log_level level, const char *fmt, ...)
{
    if (level > log_max)
        return;
    int saved = errno;
    char line[1024];
    size_t room = sizeof line - 1; /* one byte for the newline */
    size_t used = 0;
    if (log_prefix > 0)
        used = (size_t)snprintf(line, room, "<%d>", (int)level);
    used += (size_t)snprintf(line + used, room - used, "%s: ", log_name);
    va_list ap;
    va_start(ap, fmt);
    errno = saved;
    int n = vsnprintf(line + used, room - used, fmt, ap);
    va_end(ap);
    if (n > 0)
        used = (size_t)n >= room - used ? room - 1 : used + (size_t)n;
    used = put_scopes(line, used, room, innermost);
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < 0x20)
            line[i] = ' ';
    line[used++] = '\n';
    ssize_t w = write(STDERR_FILENO, line, used);
    (void)w;
    errno = saved;
}

void
log_scope_push(struct log_scope *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->text, sizeof s->text, fmt, ap);
    va_end(ap);
    s->outer = innermost;
    innermost = s;
}

void
log_scope_pop(struct log_scope *s)
{
    innermost = s->outer;
}
