#!/bin/sh
# Every attack of appliance/selfattack on every host, against the table of doc/security.md.
cd "$(dirname "$0")/.." || exit 1
exec python3 test/selfattack.py
