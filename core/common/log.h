/* log.h - one line per event to stderr; message first, then key=value.
 *
 * When stderr is not a terminal each line starts with "<N>", which journald reads.
 * Any thread.  Nothing logs prompts, outputs or credentials. */
#ifndef EVALD_LOG_H
#define EVALD_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

/* name stands before each line, like "evald-runner"; borrowed for ever. */
void log_init(const char *name, enum log_level max);
void log_set_level(enum log_level max);
/* Parses "error", "warning", "info", "debug"; -1 for any other word. */
int log_level_parse(const char *word);
/* The level that another process names, or the nearest there is. */
enum log_level log_level_clamp(int64_t level);

void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...)   log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* The key=value text put at the end of every line of this thread while the scope lasts:
 *     LOG_SCOPE("job=%s", id);                                                     */
struct log_scope { char text[120]; const struct log_scope *outer; };
void log_scope_push(struct log_scope *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_scope_pop(struct log_scope *s);
#define LOG_SCOPE(...) \
    __attribute__((cleanup(log_scope_pop))) struct log_scope log_scope_here_; \
    log_scope_push(&log_scope_here_, __VA_ARGS__)

#endif
