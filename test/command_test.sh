#!/bin/sh
# build, bundle and inspect, as a user types them: what they make, that the same
# input makes the same bytes, and that each mistake is one clear line that leaves
# nothing behind.
set -u
cd "$(dirname "$0")/.." || exit 1
pith=$PWD/build/pith
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
export TMPDIR="$tmp" # so that what a build leaves behind is seen
out=$tmp/out # what the last command said
: >"$out"
bad=0

ok() { echo "ok command: $1"; }
not_ok() {
    echo "not ok command: $1"
    sed 's/^/# /' "$out"
    bad=1
}
check() { # NAME COMMAND…: succeeds
    name=$1
    shift
    if "$@" >"$out" 2>&1; then ok "$name"; else not_ok "$name"; fi
}
says() { # NAME WORDS COMMAND…: succeeds and prints a line with WORDS
    name=$1 words=$2
    shift 2
    if "$@" >"$out" 2>&1 && grep -q -- "$words" "$out"; then ok "$name"; else not_ok "$name"; fi
}
files() { find "$tmp" | wc -l; }
refuses() { # NAME WORDS COMMAND…: fails with one line that has WORDS, leaving no file
    name=$1 words=$2
    shift 2
    before=$(files)
    "$@" >"$out" 2>&1
    code=$?
    if [ $code -ne 0 ] && [ $code -lt 126 ] && [ "$(wc -l <"$out")" = 1 ] &&
        grep -q -- "$words" "$out" && [ "$(files)" = "$before" ]; then
        ok "$name"
    else
        not_ok "$name (exit code $code)"
    fi
}

# ---- a site with a bit of everything
site=$tmp/site
mkdir -p "$site/css" "$site/.git" "$site/.well-known/acme" "$tmp/empty"
echo '<!doctype html><title>Home</title><h1>Welcome</h1>' >"$site/index.html"
seq 1 2000 >"$site/numbers.txt"
echo 'body { color: #222 }' >"$site/css/site.CSS"
head -c 5000 /dev/urandom >"$site/noise.bin"
: >"$site/nothing"
echo secret >"$site/.git/config"
echo secret >"$site/.env"
echo token >"$site/.well-known/acme/x"
cp "$site/index.html" "$site/$(printf 'caf\303\251.html')"
ln -s numbers.txt "$site/latest.txt"
ln -s css "$site/style"
find "$site" -exec touch -h -d @1700000000 {} +

check "a directory becomes a bundle" "$pith" bundle "$site" -o "$tmp/a.bundle"
check "every byte of it is as it was made" "$pith" bundle --check "$tmp/a.bundle"
cp -a "$site" "$tmp/copy"
"$pith" bundle "$tmp/copy/" -q -o "$tmp/b.bundle"
check "the same files give the same bytes" cmp "$tmp/a.bundle" "$tmp/b.bundle"
rm -rf "$tmp/copy"
check "a reader written from the format's description reads it" \
    python3 test/bundle_read.py "$tmp/a.bundle" "$site"
"$pith" bundle --list --json "$tmp/a.bundle" >"$tmp/list.json"
check "the listing is JSON, in order, without what is hidden" python3 - "$tmp/list.json" <<'END'
import json, sys
files = json.load(open(sys.argv[1]))["files"]
paths = [f["path"] for f in files]
assert paths == sorted(paths, key=str.encode), paths
assert set(paths) == {"/.well-known/acme/x", "/café.html", "/css/site.CSS", "/index.html", "/latest.txt",
                      "/noise.bin", "/nothing", "/numbers.txt", "/style/site.CSS"}, paths
kind = {f["path"]: f["type"] for f in files}
assert kind["/css/site.CSS"] == "text/css; charset=utf-8"
assert kind["/noise.bin"] == "application/octet-stream"
assert kind["/.well-known/acme/x"] == "text/plain; charset=utf-8"
assert [f["path"] for f in files if f["gzip_size"]] == ["/latest.txt", "/numbers.txt"]
assert all(f["modified"] == 1700000000 for f in files)
END
"$pith" bundle "$site" -q --epoch 1000 --level 0 -o "$tmp/old.bundle"
"$pith" bundle --list --json "$tmp/old.bundle" >"$tmp/old.json"
check "--epoch and --level 0 are kept to" python3 - "$tmp/old.json" <<'END'
import json, sys
files = json.load(open(sys.argv[1]))["files"]
assert files and all(f["modified"] == 1000 and f["gzip_size"] is None for f in files)
END

refuses "a directory that is not there" "No such file" "$pith" bundle "$tmp/none" -o "$tmp/x"
refuses "a directory without files" "no files to serve" "$pith" bundle "$tmp/empty" -o "$tmp/x"
refuses "an output that cannot be written" "cannot be written" "$pith" bundle "$site" -o "$tmp/none/x"
refuses "an output that is a directory" "is a directory" "$pith" bundle "$site" -o "$tmp"
refuses "no output" "-o FILE" "$pith" bundle "$site"
refuses "an unknown option" "--nonsense" "$pith" bundle "$site" -o "$tmp/x" --nonsense
refuses "a level that makes no sense" "level" "$pith" bundle "$site" -o "$tmp/x" --level 12
ln -s /etc/hostname "$site/out"
refuses "a link out of the directory" "out of the directory" "$pith" bundle "$site" -o "$tmp/x"
ln -sf nowhere "$site/out"
refuses "a link that leads nowhere" "leads nowhere" "$pith" bundle "$site" -o "$tmp/x"
ln -sfn . "$site/out"
refuses "a link that goes in circles" "holds it" "$pith" bundle "$site" -o "$tmp/x"
rm "$site/out"
mkfifo "$site/pipe"
refuses "a pipe among the files" "regular file" "$pith" bundle "$site" -o "$tmp/x"
rm "$site/pipe"
latin=$(printf '%s/caf\351' "$site")
: >"$latin"
refuses "a name that is not UTF-8" "not UTF-8" "$pith" bundle "$site" -o "$tmp/x"
rm "$latin"
chmod 755 "$tmp"
chmod 000 "$site/noise.bin"
user="$([ "$(id -u)" != 0 ] || echo "setpriv --reuid=65534 --regid=65534 --clear-groups")"
mkdir -m 777 "$tmp/open"
cp "$pith" "$tmp/open/pith" # the user may not reach this directory
refuses "a file that may not be read" "Permission denied" \
    $user "$tmp/open/pith" bundle "$site" -o "$tmp/open/x"
chmod 644 "$site/noise.bin"
mkdir "$tmp/small"
: >"$tmp/small/CNAME"
echo '<h1>x</h1>' >"$tmp/small/index.html"
check "files smaller than what gzip adds to them" "$pith" bundle "$tmp/small" -o "$tmp/small.bundle"
refuses "an output among the files" "into itself" sh -c "cd '$tmp/small' && '$pith' bundle . -o x"
mkfifo "$tmp/pipe"
refuses "an output that is no file, such as /dev/null" "not a regular file" \
    "$pith" bundle "$site" -o "$tmp/pipe"
check "which stays as it was" test -p "$tmp/pipe"
for command in build bundle; do
    refuses "$command -o without a file" "--output needs a value" "$pith" $command "$site" -o
done
refuses "a listing that does not arrive" "No space left" \
    sh -c "'$pith' bundle --list --json '$tmp/a.bundle' >/dev/full"
refuses "a file that is no bundle" "not a Pith image" "$pith" bundle --list "$site/numbers.txt"
refuses "an empty file" "is empty" "$pith" bundle --list "$site/nothing"

# ---- an appliance that prints its bundle
mkdir "$tmp/show"
cat >"$tmp/show/main.c" <<'END'
#include "fiber/appliance.h"
#include "show.h"

APPLIANCE(.name = "show", .about = "prints the names of its files", .flags = MANIFEST_BUNDLE, .mem_kib = 512,
          .mem_min_kib = 128, .stack_kib = 16, .fibers = 1);

enum err appliance_main(struct scope *root)
{
    struct bundle b;
    (void)root;
    TRY(bundle_open(&b, boot_bundle()));
    for (u32 i = 0; i < b.header.files; i++)
        show_file(&b, i);
    return OK;
}
END
cat >"$tmp/show/show.h" <<'END'
#include "store/bundle.h"

void show_file(const struct bundle *b, u32 index);
END
cat >"$tmp/show/show.c" <<'END'
#include "show.h"

#include "base/fmt.h"
#include "fiber/appliance.h"
#include "sig/console.h"

KEY(mark, KEY_TEXT, "*", "what to print before each name");

void show_file(const struct bundle *b, u32 index)
{
    u8 line[200];
    struct bundle_file f;
    struct writer w = writer_of(SPAN_OF(line));
    bundle_at(b, index, &f);
    put_bytes(&w, key_text("mark"));
    put_bytes(&w, f.path);
    put_u8(&w, '\n');
    console_write(written(&w));
}
END
check "a directory becomes an image" sh -c "cd '$tmp/show' && '$pith' build"
check "and its debug information, and no more" \
    test "$(cd "$tmp/show" && echo *)" = "main.c show.c show.debug show.h show.pith"
says "the image runs on a directory" "^-/index.html" "$pith" run "$tmp/show/show.pith" "$site" --mark=-
says "it runs on a bundle" "^\*/index.html" "$pith" run "$tmp/show/show.pith" "$tmp/a.bundle"
check "files are added to an image without a compiler" \
    env PATH=/nonexistent "$pith" bundle "$tmp/show/show.pith" "$site" -o "$tmp/sealed.pith"
says "the image then runs on what was added" "^\*/style/site.CSS" "$pith" run "$tmp/sealed.pith"
"$pith" bundle --list --json "$tmp/sealed.pith" >"$tmp/inside.json"
check "which is the same bundle as one on its own" cmp "$tmp/inside.json" "$tmp/list.json"
mkdir "$tmp/one"
echo one >"$tmp/one/one.txt"
"$pith" bundle "$tmp/sealed.pith" "$tmp/one" -q -o "$tmp/sealed.pith"
says "another bundle takes the place of the first" "^\*/one.txt" "$pith" run "$tmp/sealed.pith"
"$pith" bundle "$tmp/show/show.pith" "$tmp/one" -q -o "$tmp/direct.pith"
check "and leaves nothing of it" cmp "$tmp/direct.pith" "$tmp/sealed.pith"
(cd "$tmp/show" && "$pith" build -q --bundle "$tmp/one" -o "$tmp/with.pith") >"$out" 2>&1
says "build --bundle does both at once" "^\*/one.txt" "$pith" run "$tmp/with.pith"
refuses "files for an appliance that takes none" "takes no files" "$pith" bundle hello "$site" -o "$tmp/x"
refuses "an image without a bundle has nothing to list" "has no bundle" "$pith" bundle --list hello

# ---- damage
cat >"$tmp/damage.py" <<'END'
import random, subprocess, sys
good, bad, *command = sys.argv[1:]
whole = open(good, "rb").read()
seed = random.randrange(1 << 32)
random.seed(seed)
print("seed", seed)
places = list(range(0, 1200, 13)) + list(range(len(whole) - 60, len(whole)))
places += [random.randrange(len(whole)) for _ in range(300)]
cases = [whole[:p] + bytes([whole[p] ^ 1 << random.randrange(8)]) + whole[p + 1:] for p in places]
cases += [whole[:random.randrange(len(whole))] for _ in range(60)] + [whole[:-1], whole + b"x", b""]
for case in cases:
    open(bad, "wb").write(case)
    r = subprocess.run(command + [bad], capture_output=True, text=True)
    assert r.returncode in (1, 2) and r.stdout == "" and r.stderr.count("\n") == 1, (seed, r)
END
check "no wrong byte of an image and no cut goes unnoticed" \
    python3 "$tmp/damage.py" "$tmp/direct.pith" "$tmp/damaged" "$pith" run
check "nor of a bundle" \
    python3 "$tmp/damage.py" "$tmp/a.bundle" "$tmp/damaged" "$pith" run "$tmp/show/show.pith"
llvm-strip-19 -o "$tmp/stripped" "$tmp/direct.pith"
refuses "a stripped image has lost its seal" "no seal" "$pith" run "$tmp/stripped"

# ---- mistakes that a compiler or linker finds
wrong=$tmp/wrong
mkdir "$wrong"
refuses "a directory without a source" "no .c file" "$pith" build "$wrong"
hint() { # NAME WORDS: the build of $wrong fails with that hint, and leaves nothing
    before=$(files)
    "$pith" build "$wrong" >"$out" 2>&1
    code=$?
    if [ $code = 1 ] && grep -q "^pith: hint: .*$2" "$out" && [ "$(files)" = "$before" ]; then
        ok "$1"
    else
        not_ok "$1 (exit code $code)"
    fi
}
printf 'int f(const int *p);\nint f(const int *p)\n{\n    return p[1];\n}\n' >"$wrong/main.c"
hint "a raw pointer is refused, and the rule is named" "views, not pointers"
printf '#include "fibre/fiber.h"\n' >"$wrong/main.c"
hint "a header that is not there" "from the root of Pith"
printf '%s\n' '#include "fiber/appliance.h"' 'APPLIANCE(.name = "x", .mem_kib = 256, .stack_kib = 16);' \
    >"$wrong/main.c"
hint "no appliance_main" "appliance_main"
cat >>"$wrong/main.c" <<'END'
extern int getpid(void);

enum err appliance_main(struct scope *root)
{
    (void)root;
    return getpid() > 1 ? OK : ERR_IO;
}
END
hint "there is no C library" "no C library"
sed -i 's/.stack_kib = 16//; s/getpid()/2/' "$wrong/main.c"
refuses "an appliance without a stack" "stack_kib" "$pith" build "$wrong"
refuses "an output in a directory that is not there" "cannot be written" \
    "$pith" build "$tmp/show" -o "$tmp/none/x.pith"
refuses "files that are not there, before anything is built" "No such file" \
    "$pith" build "$tmp/show" --bundle "$tmp/none" -o "$tmp/x.pith"
refuses "files that cannot be added" "no files to serve" \
    "$pith" build "$tmp/show" --bundle "$tmp/empty" -o "$tmp/x.pith"
rm "$tmp/show/show.pith" "$tmp/show/show.debug"
before=$(files)
"$pith" build "$tmp/show" >"$out" 2>&1 &
building=$!
sleep 0.05
kill -TERM $building
wait $building
code=$?
check "a build that is stopped leaves nothing (exit code $code)" test $code = 143 -a "$(files)" = "$before"
mkdir "$tmp/slow"
cat >"$tmp/slow/llvm-objcopy-19" <<END
#!/bin/sh
rm "$tmp/slow/not-yet"
exec sleep 10
END
chmod +x "$tmp/slow/llvm-objcopy-19"
: >"$tmp/slow/not-yet"
before=$(files)
env PATH="$tmp/slow:$PATH" "$pith" build "$tmp/show" >"$out" 2>&1 &
building=$!
while [ -e "$tmp/slow/not-yet" ] && kill -0 $building; do sleep 0.05; done
kill -TERM $building
wait $building
code=$?
: >"$tmp/slow/not-yet"
check "nor one that is stopped at its end (exit code $code)" test $code = 143 -a "$(files)" = "$before"
check "and can be started again" "$pith" build "$tmp/show"
refuses "no compiler" "apt-get install" env PATH=/nonexistent "$pith" build "$tmp/show"

# ---- inspect
"$pith" inspect "$tmp/direct.pith" --json --symbols >"$tmp/without.json"
cp "$tmp/show/show.debug" "$tmp/direct.debug"
"$pith" inspect "$tmp/direct.pith" --json --symbols >"$tmp/with.json"
check "inspect tells keys, bundle, memory, and where bytes come from" \
    python3 - "$tmp/without.json" "$tmp/with.json" <<'END'
import json, sys
without, i = (json.load(open(name)) for name in sys.argv[1:])
assert without["rooms"] is None
assert i["name"] == "show" and i["keys"][0]["name"] == "mark" and i["keys"][0]["default"] == "*"
assert [f["path"] for f in i["bundle"]] == ["/one.txt"]
m = i["memory"]
assert m["worst_bytes"] == m["image_bytes"] + 512 * 1024 + m["bundle_bytes"]
rooms = i["rooms"]
assert {"fiber", "host", "wire", "base", "application"} <= set(rooms), rooms
assert not {"net", "lib"} & set(rooms), rooms
assert sum(r["code"] + r["data"] for r in rooms.values()) < i["file_bytes"]
files = {s["name"]: s["file"] for s in i["symbols"]}
assert files["image_main"] == "fiber/boot.c" and files["appliance_note"] == "main.c", files
END
odd=$(printf '%s/caf\351"\\.pith' "$tmp")
cp "$tmp/direct.pith" "$odd"
check "JSON of a file with an odd name" sh -c "'$pith' inspect '$odd' --json | python3 -m json.tool"
rm "$odd"
says "why a symbol is there: its file" "from fiber/boot.c" "$pith" inspect "$tmp/direct.pith" --why image_main
says "and who needs it" "^  " "$pith" inspect "$tmp/direct.pith" --why image_main
says "text for people" "memory, at most" "$pith" inspect hello
refuses "a symbol that is not there" "no symbol" "$pith" inspect hello --why nonsense
refuses "an image that is not there" "no image" "$pith" inspect nonsense

# ---- installed
check "make install" make -s install PREFIX="$tmp/usr"
says "an installed copy finds its catalogue" "^hello" "$tmp/usr/bin/pith" list
rm -f "$tmp/show/show.pith" "$tmp/show/show.debug"
check "and builds" "$tmp/usr/bin/pith" build "$tmp/show"
exit $bad
