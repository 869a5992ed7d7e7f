scorerexampledir = $(docdir)/examples/scorer
dist_scorerexample_DATA = %D%/exact.c %D%/exact.jsonl
