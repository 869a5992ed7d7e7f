/* make-profiles - from the language profiles of Python's langdetect to a table in C.
 *
 * make-profiles DIRECTORY >TABLE.  DIRECTORY is that of the package: profiles/CODE, JSON with
 * the count of each sequence ("freq") and of all of one length ("n_words"), and
 * utils/messages.properties, whose NGram.KANJI_ lines list characters that count as one.
 * Runs while evald is built. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles.h"

/* What a sequence that a language does not have counts, as a part of all sequences. */
#define FLOOR (0.5 / 10000)

/* With so many languages a row takes less time to add than pairs do. */
#define PAIRS_MAX 9

struct entry {
    uint64_t key;
    struct profile_pair pair;
};

static struct entry *entries;
static size_t n_entries, entries_room;

static _Noreturn void
die(const char *what, const char *why)
{
    fprintf(stderr, "make-profiles: %s: %s\n", what, why);
    exit(1);
}

static void *
grow(void *p, size_t n, size_t size)
{
    p = reallocarray(p, n, size);
    if (p == NULL)
        die("memory", strerror(errno));
    return p;
}

/* 0 when it is not one to three characters of the basic plane. */
static uint64_t
key_of(const char *s)
{
    uint64_t key = 0;
    int n = 0;
    for (const unsigned char *p = (const unsigned char *)s; *p != '\0'; n++) {
        uint32_t c;
        if (*p < 0x80) {
            c = *p++;
        } else if (*p < 0xe0 && p[1] != 0) {
            c = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
            p += 2;
        } else if (*p < 0xf0 && p[1] != 0 && p[2] != 0) {
            c = (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
            p += 3;
        } else {
            return 0;
        }
        key = key << 16 | c;
    }
    return n <= 3 ? key : 0;
}

static void
add(uint64_t key, size_t language, double part)
{
    if (n_entries == entries_room) {
        entries_room = 2 * entries_room + 4096;
        entries = grow(entries, entries_room, sizeof *entries);
    }
    entries[n_entries++] = (struct entry){
        key,
        { (uint16_t)language, (int16_t)lround(log2((part + FLOOR) / FLOOR) * PROFILE_BIT) },
    };
}

static void
read_profile(const char *directory, const char *name, size_t language)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/profiles/%s", directory, name);
    struct json_object *json = json_object_from_file(path);
    struct json_object *counts, *all;
    if (json == NULL || !json_object_object_get_ex(json, "freq", &counts)
        || !json_object_object_get_ex(json, "n_words", &all)
        || !json_object_is_type(counts, json_type_object)
        || !json_object_is_type(all, json_type_array) || json_object_array_length(all) != 3)
        die(path, "not a language profile");
    double n[3];
    for (size_t i = 0; i < 3; i++)
        n[i] = json_object_get_double(json_object_array_get_idx(all, i));
    json_object_object_foreach(counts, gram, count)
    {
        uint64_t key = key_of(gram);
        int last = key >> 32 != 0 ? 2 : key >> 16 != 0 ? 1 : 0;
        double part = json_object_get_double(count) / n[last];
        if (key == 0 || !(part > 0 && part <= 1))
            die(path, "a sequence with an impossible count");
        add(key, language, part);
    }
    json_object_put(json);
}

static int
by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->pair.language - y->pair.language;
}

static int
is_profile(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void
write_pairs(const struct entry *e, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("{%d,%d},", e[i].pair.language, e[i].pair.bits);
    printf("\n");
}

static void
write_row(const struct entry *e, size_t n)
{
    printf("{");
    for (size_t i = 0; i < n; i++)
        printf("[%d]=%d,", e[i].pair.language, e[i].pair.bits);
    printf("},\n");
}

/* The entries of one sequence from i on: up to which. */
static size_t
next_gram(size_t i)
{
    size_t next = i + 1;
    while (next < n_entries && entries[next].key == entries[i].key)
        next++;
    return next;
}

/* All pairs, or all rows; with slots, notes there where each is. */
static void
write_bits(bool rows, struct profile_gram *slots, unsigned bits)
{
    size_t written = 0;
    for (size_t i = 0, next; i < n_entries; i = next) {
        next = next_gram(i);
        if ((next - i > PAIRS_MAX) != rows)
            continue;
        size_t at = profile_slot(entries[i].key, bits);
        while (slots[at].key != 0)
            at = (at + 1) % ((size_t)1 << bits);
        slots[at] = (struct profile_gram){ entries[i].key, (uint32_t)written,
                                           rows ? PROFILE_ROW : (uint32_t)(next - i) };
        (rows ? write_row : write_pairs)(entries + i, next - i);
        written += rows ? 1 : next - i;
    }
}

static void
write_grams(void)
{
    qsort(entries, n_entries, sizeof *entries, by_key);
    size_t n = 0;
    for (size_t i = 0; i < n_entries; i = next_gram(i))
        n++;
    unsigned bits = 1;
    while ((size_t)1 << bits < n + n / 3)
        bits++;
    size_t n_slots = (size_t)1 << bits;
    struct profile_gram *slots = grow(NULL, n_slots, sizeof *slots);
    memset(slots, 0, n_slots * sizeof *slots);
    printf("static const int16_t profile_rows[][PROFILES_MAX] = {\n");
    write_bits(true, slots, bits);
    printf("};\nstatic const struct profile_pair profile_pairs[] = {\n");
    write_bits(false, slots, bits);
    printf("};\n#define PROFILE_SLOT_BITS %u\n", bits);
    printf("static const struct profile_gram profile_grams[%zu] = {\n", n_slots);
    for (size_t i = 0; i < n_slots; i++) {
        if (slots[i].key != 0)
            printf("[%zu]={0x%llx,%u,%uu},\n", i, (unsigned long long)slots[i].key, slots[i].at,
                   slots[i].n_pairs);
    }
    printf("};\n");
    free(slots);
}

/* One line: \uXXXX after \uXXXX; the first stands for all. */
static void
write_kanji_line(const char *list)
{
    unsigned first = 0, c;
    for (; sscanf(list, "\\u%4x", &c) == 1; list += 6) {
        if (first == 0)
            first = c;
        if (c < 0x4e00 || c > 0x9fff)
            die("NGram.KANJI", "a character that is none");
        printf("[0x%x]=0x%x,\n", c - 0x4e00, first);
    }
}

static void
write_kanji(const char *directory)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/utils/messages.properties", directory);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        die(path, strerror(errno));
    char *line = NULL;
    size_t room = 0;
    printf("static const uint16_t profile_kanji[0x5200] = { /* 0: stands for itself */\n");
    while (getline(&line, &room, f) > 0) {
        const char *list = strchr(line, '=');
        if (list != NULL && strncmp(line, "NGram.KANJI_", 12) == 0)
            write_kanji_line(list + 1);
    }
    printf("};\n");
    free(line);
    fclose(f);
}

int
main(int argc, char **argv)
{
    if (argc != 2)
        die("usage", "make-profiles DIRECTORY");
    char path[4096];
    snprintf(path, sizeof path, "%s/profiles", argv[1]);
    struct dirent **names;
    int n = scandir(path, &names, is_profile, alphasort);
    if (n < 2 || n > PROFILES_MAX)
        die(path, n < 0 ? strerror(errno) : n < 2 ? "no language profiles" : "too many languages");
    printf("#define PROFILE_N %d\n", n);
    printf("static const char *const profile_names[PROFILE_N] = {\n");
    for (int i = 0; i < n; i++) {
        printf("\"%s\",\n", names[i]->d_name);
        read_profile(argv[1], names[i]->d_name, (size_t)i);
        free(names[i]);
    }
    free(names);
    printf("};\n");
    write_grams();
    write_kanji(argv[1]);
    free(entries);
    if (fflush(stdout) != 0 || ferror(stdout))
        die("output", "cannot be written");
    return 0;
}
