/* counts.h - what the server was sent: totals, and requests for each prompt.  Any thread. */
#ifndef SERVER_COUNTS_H
#define SERVER_COUNTS_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/text.h"
#include "options.h"

struct counts {
    atomic_long total, chat, completions, embeddings, models, other;
    atomic_long ok, injected[FAIL_MODES], limited, unauthorized, bad_request, aborted;
    atomic_long in_flight, max_in_flight, conns, max_conns, accepted;
    atomic_long bytes_in, bytes_out;
};
extern struct counts counts;

static inline void
count_one(atomic_long *n)
{
    atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}
void count_max(atomic_long *max, long value);
void counts_reset(void);
void counts_json(struct text *t);

uint64_t hash_text(struct str s, uint64_t seed);

/* Counts a request for this prompt; returns how many came before.  The prompt's name is X
 * where its text holds [[ID:X]], else its hash in 16 hex digits. */
uint32_t prompts_count(uint64_t hash, struct str prompt);
/* {"NAME":REQUESTS,...} */
void prompts_json(struct text *t);

#endif
