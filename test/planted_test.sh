#!/bin/sh
# Every planted bug ends in a report that names it, or is harmless, or cannot be written.
cd "$(dirname "$0")/.." || exit 1
exec python3 test/planted/run.py --host process --host kvm
