#!/bin/sh
# A second of fuzzing for each target, in two lanes; `make fuzz` is the long run.
cd "$(dirname "$0")/.." || exit 1
names=$(sh test/fuzz/names)
lane() { echo "$names" | awk -v lane="$1" 'NR % 2 == lane'; }
python3 test/fuzz/seeds.py build/fuzz/seeds || exit 1
# shellcheck disable=SC2046 # lists of words
sh test/fuzz/run 1 $(lane 0) >build/fuzz/lane.log 2>&1 &
sh test/fuzz/run 1 $(lane 1)
status=$?
wait $! || status=1
cat build/fuzz/lane.log
exit $status
