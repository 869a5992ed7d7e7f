#!/bin/sh
# bats.sh SUITE - runs one bats suite as TAP; skipped where there is no bats, or no jq.
if [ "$BATS" = no ] || [ -z "$BATS" ]; then
    echo "1..0 # SKIP bats is not installed"
    exit 0
fi
if ! command -v jq >/dev/null; then
    echo "1..0 # SKIP jq is not installed"
    exit 0
fi
exec "$BATS" --tap "$1"
