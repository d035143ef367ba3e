# Networks for shell tests: source it with `. test/net_lib.sh` from the root of the house.
#
#   namespace pith-$$-NAME
#     tap0  10.9.0.1/24  ----  build/pith run … --net tap:tap0 --ip 10.9.0.2/24
#     curl, python3: on the kernel's side of tap0
#
#   net_up NAME           the namespace with its tap; ends the test with "skip" without root
#   in_net COMMAND …      runs a command in it
#   start_pith ARG …      starts `pith run ARG …` in it on tap0 as 10.9.0.2; pid in $pith_pid
#   start_user ARG …      starts `pith run ARG …` with --net user, in no namespace
#   pith_host=kvm         set before, makes both run on another host
#   stop_pith             asks it to end; its exit status in $pith_status, output in $pith_out
#   wait_for TRIES CMD …  tries a command every 0.1 s until it succeeds; false when it never does
#   ok / not_ok / skip    one line a scenario; `check NAME CMD …` prints the one that fits
#   finish                the exit status: 1 after a not_ok
#
# Whatever was made or started is gone when the shell exits, however it does.

net_name=
net_failed=0
pith_pid=
net_tmp=$(mktemp -d "${TMPDIR:-/tmp}/pith-test-XXXXXX")
pith_out=$net_tmp/out

ok() { echo "ok $*"; }
not_ok() {
    echo "not ok $*"
    net_failed=1
}
skip() { echo "skip $*"; }
check() {
    check_name=$1
    shift
    if "$@"; then ok "$check_name"; else not_ok "$check_name"; fi
}
finish() { exit "$net_failed"; }

net_cleanup() {
    [ -z "$pith_pid" ] || kill -9 "$pith_pid" 2>/dev/null
    [ -z "$net_name" ] || ip netns delete "$net_name" 2>/dev/null
    rm -rf "$net_tmp"
}
trap net_cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

# net_up NAME
net_up() {
    if [ "$(id -u)" != 0 ]; then
        skip "$1: network namespaces need root"
        exit 0
    fi
    if [ ! -c /dev/net/tun ]; then
        skip "$1: there is no /dev/net/tun (modprobe tun)"
        exit 0
    fi
    net_name=pith-$$-$1
    ip netns add "$net_name" &&
        ip -n "$net_name" link set lo up &&
        ip -n "$net_name" tuntap add tap0 mode tap &&
        ip -n "$net_name" address add 10.9.0.1/24 dev tap0 &&
        ip -n "$net_name" link set tap0 up || {
        not_ok "$1: cannot make a network namespace"
        exit 1
    }
}

in_net() { ip netns exec "$net_name" "$@"; }

start_pith() {
    ip netns exec "$net_name" build/pith run "$@" --host "${pith_host:-process}" \
        --net tap:tap0 --ip 10.9.0.2/24 >"$pith_out" 2>&1 &
    pith_pid=$!
}

start_user() {
    build/pith run "$@" --host "${pith_host:-process}" --net user >"$pith_out" 2>&1 &
    pith_pid=$!
}

stop_pith() {
    kill -TERM "$pith_pid"
    (sleep 5 && kill -9 "$pith_pid") 2>/dev/null &
    stop_guard=$!
    wait "$pith_pid"
    pith_status=$?
    kill "$stop_guard" 2>/dev/null
    wait "$stop_guard" 2>/dev/null
    pith_pid=
    return 0
}

# wait_for TRIES COMMAND …
wait_for() {
    wait_tries=$1
    shift
    while [ "$wait_tries" -gt 0 ]; do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
        wait_tries=$((wait_tries - 1))
    done
    echo "# never worked: $*"
    return 1
}
