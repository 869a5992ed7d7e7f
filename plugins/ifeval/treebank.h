/* treebank.h - words as the Penn Treebank has them: punctuation, clitics (DON'T is DO N'T)
 * and parts of contractions (CANNOT is CAN NOT) stand alone. */
#ifndef EVALD_IFEVAL_TREEBANK_H
#define EVALD_IFEVAL_TREEBANK_H

#include <evald/plugin.h>

/* How many of them are upper case, as str.isupper() has it.  The substitutions are those of
 * NLTK's NLTKWordTokenizer, one by one, in each English sentence. */
size_t treebank_count_upper(struct evald_call *c, struct evald_str text);

#endif
