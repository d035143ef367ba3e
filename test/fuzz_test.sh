#!/bin/sh
# A second of fuzzing for each decoder; `make fuzz` is the long run.
exec sh "$(dirname "$0")/fuzz/run" 1
