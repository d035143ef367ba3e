#!/bin/sh
# A decoder is proved, and a bound made wrong is noticed: the short form of make prove.
cd "$(dirname "$0")/.." || exit 1
if ! command -v frama-c >/dev/null || ! command -v z3 >/dev/null; then
    echo "skip prove: no frama-c or z3 here; make prove installs them"
    exit 0
fi
for what in "prove eth" "mutants --mutants udp"; do
    set -- $what
    name=$1
    shift
    if python3 test/prove/prove.py "$@" >build/prove.out 2>&1; then
        echo "ok prove/$name"
    else
        cat build/prove.out
        echo "not ok prove/$name"
    fi
done
