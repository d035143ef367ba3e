#!/bin/sh
# The kvm host: the images of the other tests, the same files, in a virtual machine.
# How it starts and ends, what it serves over tap and over passt, and what is left of a
# rule that was broken. Skipped where there is no /dev/kvm.
. test/net_lib.sh

pith=$PWD/build/pith
out=$net_tmp/said
if [ ! -w /dev/kvm ]; then
    skip "kvm: there is no /dev/kvm to write to"
    exit 0
fi

# ---- hello, keys, memory, the end
hello() { timeout 20 "$pith" run hello --host kvm "$@" >"$out" 2>&1 && [ "$(cat "$out")" = "hello, world" ]; }
check kvm_hello hello
check kvm_hello_in_little_memory hello --mem 128k
check kvm_hello_in_8_gib hello --mem 8g
several_pages() {
    "$pith" run build/test/crash.pith --host kvm --how "$(head -c 9000 /dev/zero | tr '\0' x)" >"$out" 2>&1
    [ $? = 1 ] && grep -q '^crash: invalid$' "$out"
}
check kvm_boot_record_of_several_pages several_pages
refuses() { # WORDS ARGS …: says so, and 1
    words=$1
    shift
    "$pith" run hello --host kvm "$@" >"$out" 2>&1
    [ $? = 1 ] && grep -q "$words" "$out"
}
check kvm_refuses_too_little_memory refuses 'needs at least' --mem 4k
no_device() { unshare -rm sh -c "mount -t tmpfs none /dev && exec $pith run hello --host kvm" >"$out" 2>&1; }
explains() { ! no_device && grep -q 'there is no /dev/kvm' "$out"; }
check kvm_says_what_is_missing explains

# ---- broken rules: the reports are those of the process host
broken() { # HOW WORDS [FUNCTION]
    "$pith" run build/test/crash.pith --host kvm --how "$1" >"$out" 2>&1
    [ $? = 134 ] && head -n 1 "$out" | grep -q "^pith: crash crashed: .*$2" &&
        grep -q '^  fiber    breaker, in scope inner < ' "$out" && grep -q "${3:-at  .*boundary}+0x" "$out" &&
        grep -q '^  image    crash, build id [0-9a-f]\{40\}, at 0x' "$out" || { sed 's/^/# /' "$out"; false; }
}
check kvm_crash_bounds broken bounds 'outside of a view, span or array'
check kvm_crash_overflow broken overflow 'subtraction overflow'
check kvm_crash_cfi broken cfi 'control flow integrity'
check kvm_crash_null broken null 'read of 0x8, no memory: a null pointer'
check kvm_crash_wild broken wild "write to 0x123456789000, nothing of the image's"
check kvm_crash_text broken text 'write to 0x[0-9a-f]*, the code: [a-z_]*+'
check kvm_crash_constant broken constant 'write to 0x[0-9a-f]*, read-only data: constants+'
check kvm_crash_execute broken execute 'jump to 0x[0-9a-f]*, data: table+' 'at  .*table'
check kvm_crash_stack broken stack "the guard page of this fiber's stack" 'at  .*deeper'
check kvm_crash_canary broken canary 'stack overwritten' 'from .*overwrite_stack'
check kvm_crash_in_the_host broken host 'what the host was asked to do' 'from .*fiber_begin'

# ---- the monitor's sandbox, seen from outside
mkfifo "$net_tmp/fifo"
exec 9<>"$net_tmp/fifo"
"$pith" run build/test/crash.pith --host kvm --how stop >"$net_tmp/fifo" 2>&1 9<&- &
pith_pid=$!
read -r line <"$net_tmp/fifo"
sandboxed() {
    grep -q '^NoNewPrivs:.1' /proc/$pith_pid/status && grep -q '^Seccomp:.2' /proc/$pith_pid/status &&
        grep -q 'Max processes *0 *0' /proc/$pith_pid/limits
}
check kvm_says_waiting [ "$line" = waiting ]
check kvm_is_sandboxed sandboxed
only_processor() {
    [ "$(ls /proc/$pith_pid/fd | grep -vcx '[012]')" = 1 ] && ls -l /proc/$pith_pid/fd | grep -q vcpu
}
check kvm_keeps_only_the_processor only_processor
writes_or_executes() { ! grep -q ' .wx' /proc/$pith_pid/maps; }
check kvm_maps_nothing_writable_and_executable writes_or_executes
stop_pith
check kvm_stops_at_sigterm [ "$pith_status" = 0 ]
exec 9<&-
"$pith" run build/test/crash.pith --host kvm --how forever >/dev/null 2>&1 &
pith_pid=$!
sleep 0.3
kill -TERM $pith_pid
sleep 0.1
kill -TERM $pith_pid
wait $pith_pid
check kvm_a_second_sigterm_does_not_ask [ $? = 143 ]
pith_pid=

# ---- gdb, from the first instruction to what a crash leaves
debug() { # WORDS ARGS …: commands of gdb's on standard input
    words=$1
    shift
    timeout 60 "$pith" debug "$@" --host kvm >"$out" 2>&1 && grep -q "$words" "$out" ||
        { sed 's/^/# /' "$out"; false; }
}
crash=build/test/crash.pith
stops_at_first() { echo 'info symbol $pc' | debug 'guest_entry in section .text' "$crash"; }
breaks() { printf 'break boundary\ncontinue\nbacktrace\n' | debug '#1 .* in fiber_begin' "$crash"; }
steps() { printf 'break boundary\ncontinue\nnext\nstepi\nprint how\n' | debug 'n = 6}' "$crash"; }
writes() { printf 'break boundary\ncontinue\nset var zero=7\nprint zero+1\n' | debug '= 8' "$crash"; }
dies() { printf 'continue\nbacktrace 1\ncontinue\n' | debug 'exited with code 0206' "$crash"; }
if [ -x /usr/bin/gdb ]; then
    check kvm_gdb_stops_at_the_first_instruction stops_at_first
    check kvm_gdb_breaks breaks
    check kvm_gdb_steps steps
    check kvm_gdb_writes_memory writes
    check kvm_gdb_sees_a_crash dies
else
    skip kvm_gdb: gdb is not installed
fi
core() { "$pith" run "$crash" --host kvm --core >"$out" 2>&1; [ $? = 2 ]; }
check kvm_refuses_core core

# ---- networks
pith_host=kvm
site=$net_tmp/site
mkdir "$site"
head -c 3000000 /dev/urandom >"$site/large"
echo small >"$site/index.html"
if [ -x /usr/bin/passt ]; then
    port=$((30000 + $$ % 10000))
    start_user web "$site" -p "$port:80"
    check kvm_web_user wait_for 50 curl -fsS "http://127.0.0.1:$port/"
    curl -fsS "http://127.0.0.1:$port/large" -o "$net_tmp/got"
    check kvm_web_user_3_mb cmp -s "$site/large" "$net_tmp/got"
    stop_pith
    check kvm_web_user_stops [ "$pith_status" = 0 ]
else
    skip kvm_web_user: passt is not installed
fi

net_up kvm
client() { in_net python3 test/echo_client.py "$@"; }
start_pith web "$site" --pcap "$net_tmp/web.pcap"
check kvm_web wait_for 50 in_net curl -fsS http://10.9.0.2/
in_net curl -fsS http://10.9.0.2/large -o "$net_tmp/got"
check kvm_web_3_mb cmp -s "$site/large" "$net_tmp/got"
stop_pith
check kvm_web_stops [ "$pith_status" = 0 ]
check kvm_captures [ "$(tshark -r "$net_tmp/web.pcap" -Y http.response 2>/dev/null | wc -l)" = 2 ]
start_pith echo
check kvm_echo wait_for 50 client tcp 10.9.0.2 7 10
check kvm_echo_tcp_4_mib client tcp 10.9.0.2 7 4194304
check kvm_echo_100_at_once client many 10.9.0.2 7 100
check kvm_echo_udp client udp 10.9.0.2 7 1472
check kvm_echo_udp_in_fragments client udp 10.9.0.2 7 65507
kill -9 "$pith_pid"
wait "$pith_pid" 2>/dev/null
pith_pid=
start_pith echo
check kvm_starts_again_after_sigkill wait_for 50 client tcp 10.9.0.2 7 10
stop_pith
finish
