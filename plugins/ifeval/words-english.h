/* words-english.h - what sentences_english() knows of English words, in place of what Punkt
 * learns from text.  All lists are in order and in lower case. */
#ifndef EVALD_IFEVAL_WORDS_ENGLISH_H
#define EVALD_IFEVAL_WORDS_ENGLISH_H

#define WORD_ROOM 16

/* Abbreviations without their last period: those that American newspapers use.  Punkt's
 * English model was trained on one, so "etc.", "e.g.", "fig." and "no." end a sentence, and
 * single letters and pairs are here when they are common initials. */
static const char abbreviations[][WORD_ROOM] = {
    "a.a", "a.d", "a.g", "a.h", "a.m", "a.t", "adm", "ala", "ariz", "aug", "ave", "b.f",
    "b.v", "bros", "c", "c.v", "calif", "chg", "cie", "co", "col", "colo", "conn", "corp",
    "cos", "ct", "d", "d.c", "d.h", "d.w", "dec", "dr", "e", "e.f", "e.h", "e.l", "e.m",
    "f", "f.g", "f.j", "feb", "fla", "fri", "ft", "g", "g.d", "g.f", "g.k", "ga", "gen",
    "h", "h.c", "h.f", "h.m", "ill", "inc", "j.b", "j.c", "j.j", "j.k", "j.p", "j.r", "jan",
    "jr", "k", "kan", "ky", "l", "l.a", "l.f", "l.p", "lt", "ltd", "m", "m.b.a", "m.j",
    "maj", "messrs", "mg", "mich", "minn", "mr", "mrs", "ms", "n", "n.c", "n.d", "n.h",
    "n.j", "n.m", "n.v", "n.y", "nev", "nov", "oct", "okla", "ore", "p", "p.m", "pa",
    "ph.d", "prof", "r", "r.a", "r.h", "r.i", "r.j", "r.k", "r.t", "rep", "reps", "s",
    "s.a", "s.c", "s.g", "s.p.a", "sen", "sens", "sep", "sept", "sr", "st", "t", "t.j",
    "tenn", "tues", "u.k", "u.n", "u.s", "u.s.a", "u.s.s.r", "v", "va", "vs", "vt", "w",
    "w.c", "w.r", "w.va", "w.w", "wash", "wed", "wis", "yr",
};

/* Words that begin so many sentences that one begins even behind an abbreviation. */
static const char sentence_starters[][WORD_ROOM] = {
    "a", "according", "after", "also", "although", "among", "another", "as", "at", "both",
    "but", "despite", "during", "for", "he", "his", "however", "i", "if", "in", "instead",
    "it", "many", "meanwhile", "moreover", "most", "nevertheless", "separately", "since",
    "some", "still", "such", "the", "there", "these", "they", "this", "under", "we", "when",
    "while", "yet", "you",
};

/* Words that are usually in lower case: with a capital behind an initial they begin a
 * sentence, where anything else is taken for a name. */
static const char common_words[][WORD_ROOM] = {
    "a", "about", "above", "according", "after", "again", "all", "almost", "along",
    "already", "also", "although", "always", "am", "among", "an", "and", "another", "any",
    "anyone", "anything", "are", "around", "as", "at", "away", "back", "be", "because",
    "been", "before", "being", "below", "between", "both", "but", "by", "came", "can",
    "come", "could", "day", "days", "despite", "did", "do", "does", "done", "down",
    "during", "each", "early", "either", "else", "enough", "even", "ever", "every",
    "everyone", "everything", "few", "finally", "first", "five", "for", "found", "four",
    "from", "further", "gave", "get", "give", "go", "goes", "gone", "good", "great", "had",
    "half", "has", "have", "having", "he", "her", "here", "hers", "herself", "high", "him",
    "himself", "his", "how", "however", "i", "if", "in", "indeed", "instead", "into", "is",
    "it", "its", "itself", "just", "keep", "kept", "know", "last", "later", "least", "left",
    "less", "let", "like", "little", "long", "look", "looks", "made", "make", "makes",
    "many", "may", "maybe", "me", "meanwhile", "might", "mine", "more", "moreover", "most",
    "much", "must", "my", "myself", "near", "nearly", "neither", "never", "nevertheless",
    "new", "next", "nine", "no", "nobody", "none", "nor", "not", "nothing", "now", "of",
    "off", "often", "old", "on", "once", "one", "only", "or", "other", "others",
    "otherwise", "our", "ours", "out", "over", "own", "people", "perhaps", "place",
    "please", "put", "quite", "rather", "read", "really", "right", "said", "same", "saw",
    "say", "says", "second", "see", "seem", "seems", "seen", "separately", "seven",
    "several", "shall", "she", "should", "since", "six", "so", "some", "someone",
    "something", "sometimes", "soon", "still", "such", "take", "taken", "ten", "than",
    "thank", "thanks", "that", "the", "their", "them", "themselves", "then", "there",
    "therefore", "these", "they", "thing", "things", "think", "third", "this", "those",
    "though", "three", "through", "thus", "time", "times", "to", "today", "together",
    "told", "tomorrow", "too", "took", "toward", "two", "under", "until", "up", "upon",
    "us", "use", "used", "using", "very", "want", "was", "way", "we", "well", "went",
    "were", "what", "whatever", "when", "where", "whether", "which", "while", "who",
    "whole", "whom", "whose", "why", "will", "with", "within", "without", "work", "would",
    "yes", "yesterday", "yet", "you", "your", "yours",
};

#endif
