# What a newcomer copies.  EXAMPLES are installed as documents, as they stand.
exampledir = $(docdir)/examples
generaldir = $(exampledir)/general
dist_general_DATA = %D%/general/general.jsonl %D%/general/run.json
include %D%/scorer/local.mk
