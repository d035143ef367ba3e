#!/bin/sh
# gcc's analyser has nothing to say about any file of an image.
cd "$(dirname "$0")/.." || exit 1
if MAKEFLAGS='' make -s -k analyze >build/analyze.log 2>&1; then
    echo "ok analyze: gcc -fanalyzer"
else
    grep -E 'warning|error' build/analyze.log | sed 's/^/# /' | head -20
    echo "not ok analyze: gcc -fanalyzer; see build/analyze.log"
    exit 1
fi
