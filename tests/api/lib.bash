# lib.bash - the suites of the API stand on the same as those of the faults.
load "$EVALD_SRCDIR/tests/faults/lib"
