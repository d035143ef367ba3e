#!/bin/sh
# The documentation as a site: every page renders, every link leads somewhere, and
# every file and message that the documentation names is there.
set -u
cd "$(dirname "$0")/.." || exit 1
site=$(mktemp -d "${TMPDIR:-/tmp}/pith-site.XXXXXX")
trap 'rm -rf "$site"' EXIT
failed=0

say() {
    if [ -z "$2" ]; then
        echo "ok site: $1"
    else
        echo "$2" | sed 's/^/# /'
        echo "not ok site: $1"
        failed=1
    fi
}

wrong=
sh doc/site/render "$site" || wrong="doc/site/render failed"
for page in doc/*.md; do
    [ -s "$site/$(basename "$page" .md).html" ] || wrong="$wrong $page is in no navigation"
done
say "renders" "$wrong"

wrong=
for page in "$site"/*.html; do
    for link in $(grep -o 'href="[^"]*"' "$page" | sed 's/^href="//; s/"$//; s/#.*//' | sort -u); do
        case $link in
        '' | http*) continue ;;
        */) link=$link/index.html ;;
        esac
        [ -e "$site/$link" ] || wrong="$wrong
$(basename "$page"): $link leads nowhere"
    done
done
say "links lead somewhere" "$wrong"

wrong=
rooms='base|sig|wire|host|fiber|net|store|lib|appliance|pith|test|bench|doc'
for name in $(grep -ohE "\`($rooms)/[a-zA-Z0-9_/.-]+\`" README.md doc/*.md | tr -d '\`' | sort -u); do
    case $name in *NAME*) continue ;; esac
    [ -e "$name" ] || wrong="$wrong
$name is named and is not there"
done
say "names files that are there" "$wrong"

# The fixed part of a message, the longest piece between its placeholders, is in the code.
wrong=$(grep -oE '^\*\*.*\*\*' doc/troubleshooting.md | grep -oE '`[^`]*`' | tr -d '`' | sort -u |
    while read -r message; do
        part=$(printf '%s\n' "$message" | sed -E 's/\b(NAME|N|X|IMAGE)\b|…/\n/g' |
            awk '{ if (length > length(best)) best = $0 } END { gsub(/^[ -]+| +$/, "", best); print best }')
        grep -rqF -- "$part" pith host wire || echo "no message says: $message"
    done)
say "explains messages that exist" "$wrong"
exit $failed
