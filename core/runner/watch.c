#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crumb.h"
#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "runner/host.h"
#include "runner/watch.h"

#define STACK   (64u << 10)
#define LOAD_NS INT64_C(10000000000) /* on top of the limit */

static struct crumb_page private_page;
static struct crumb_page *page = &private_page;
static __thread unsigned my_slot = CRUMB_SLOTS - 1; /* of threads that are not named */
static __thread const struct plugin *my_plugin;

void (*watch_last_words)(int sig, const struct plugin *p);

static void
deadly(int sig)
{
    int saved = errno;
    struct crumb *c = &page->slots[my_slot];
    uint32_t busy = CRUMB_BUSY;
    if (my_plugin != NULL) {
        c->signal = (uint32_t)sig;
        atomic_compare_exchange_strong(&c->state, &busy, CRUMB_CRASHED);
    }
    if (watch_last_words != NULL)
        watch_last_words(sig, my_plugin);
    /* SA_RESETHAND has put the default action back: this is the end. */
    errno = saved;
    raise(sig);
}

/* A plugin called exit().  What it would take down on the way is of no use to anyone. */
static void
exiting(void)
{
    if (my_plugin == NULL)
        return;
    struct crumb *c = &page->slots[my_slot];
    uint32_t busy = CRUMB_BUSY;
    c->signal = 0;
    atomic_compare_exchange_strong(&c->state, &busy, CRUMB_CRASHED);
    if (watch_last_words != NULL)
        watch_last_words(0, my_plugin);
    _exit(1);
}

static void
enter(const struct plugin *p, int32_t phase, uint64_t row, uint32_t epoch)
{
    struct crumb *c = &page->slots[my_slot];
    c->signal = 0;
    c->plugin = p->crumb;
    c->phase = phase;
    c->epoch = epoch;
    c->row = row;
    __atomic_store_n(&c->since_ns, time_mono_coarse_ns(), __ATOMIC_RELAXED);
    my_plugin = p;
    atomic_store_explicit(&c->state, CRUMB_BUSY, memory_order_release);
}

/* Loading a large file from a slow disk is no plugin's fault: it may take longer. */
static void
enter_load(uint32_t crumb)
{
    static __thread struct plugin file;
    file.crumb = crumb;
    enter(&file, -1, 0, 0);
    __atomic_store_n(&page->slots[my_slot].since_ns, time_mono_ns() + LOAD_NS, __ATOMIC_RELAXED);
}

static void
leave(void)
{
    atomic_store_explicit(&page->slots[my_slot].state, CRUMB_IDLE, memory_order_release);
    my_plugin = NULL;
}

void
watch_begin(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };
    struct sigaction sa = { .sa_handler = deadly,
                            .sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER };
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
    atexit(exiting);
    host_enter = enter;
    host_leave = leave;
    host_enter_load = enter_load;
}

void
watch_thread(unsigned n)
{
    my_slot = n < CRUMB_SLOTS - 1 ? n : CRUMB_SLOTS - 1;
    void *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED)
        return; /* a stack overflow will then not be charged to its plugin, all else will */
    stack_t ss = { .ss_sp = stack, .ss_size = STACK };
    sigaltstack(&ss, NULL);
}

int
watch_page(int fd, struct err *err)
{
    struct crumb_page *new = &private_page;
    struct stat st;
    if (fd >= 0) {
        if (fstat(fd, &st) < 0 || (size_t)st.st_size < sizeof *new)
            return err_set(err, ERR_PROTO, "the breadcrumb page is too short");
        new = mmap(NULL, sizeof *new, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (new == MAP_FAILED)
            return err_set(err, ERR_IO, "map the breadcrumb page: %m");
    }
    struct crumb_page *old = __atomic_exchange_n(&page, new, __ATOMIC_ACQ_REL);
    if (old != &private_page)
        munmap(old, sizeof *old);
    return 0;
}

void
watch_check(int64_t now_ns, int64_t limit_ns)
{
    for (unsigned i = 0; i < CRUMB_SLOTS; i++) {
        struct crumb *c = &page->slots[i];
        uint32_t busy = CRUMB_BUSY;
        if (atomic_load_explicit(&c->state, memory_order_acquire) != CRUMB_BUSY
            || now_ns - __atomic_load_n(&c->since_ns, __ATOMIC_RELAXED) <= limit_ns)
            continue;
        if (!atomic_compare_exchange_strong(&c->state, &busy, CRUMB_HUNG))
            continue;
        log_error("a plugin's callback is over its time row=%llu phase=%d",
                  (unsigned long long)c->row, c->phase);
        _exit(WATCH_EXIT_HUNG);
    }
}
