#!/bin/sh
# `pith new hi && cd hi && pith build && pith run`: the template builds as it is and
# serves at once; and what `pith new` refuses.
. test/net_lib.sh

url=http://10.9.0.2
pith=$PWD/build/pith
dir=$net_tmp/hi
fetch() { in_net curl -s -m 20 "$@"; }

makes_a_directory() {
    "$pith" new "$dir" >/dev/null && [ "$(wc -l <"$dir/main.c")" -le 60 ] && [ -s "$dir/README.md" ] &&
        grep -q '\.name = "hi"' "$dir/main.c" && ! grep -q greeter "$dir/main.c" "$dir/README.md"
}
refused() {
    "$pith" new "$1" >/dev/null 2>"$net_tmp/said"
    [ $? = "$2" ] && [ "$(wc -l <"$net_tmp/said")" = 1 ] && grep -q "$3" "$net_tmp/said"
}
refuses_what_it_cannot_make() {
    refused "$dir" 1 'there already' && refused 'Not-a-name' 2 'no name' && refused '1st' 2 'no name' &&
        refused "$net_tmp/no/such/place" 1 'cannot make' && refused --what 2 'one name' &&
        [ ! -e "$net_tmp/no" ]
}
builds() {
    (cd "$dir" && "$pith" build >"$net_tmp/built" 2>&1) && return
    sed 's/^/# /' "$net_tmp/built"
    false
}
answers() {
    wait_for 50 fetch -o /dev/null "$url/" && [ "$(fetch "$url/hello/you%20there")" = 'moin, you there!' ] &&
        [ "$(fetch -o /dev/null -w '%{http_code}' -X PUT "$url/echo")" = 405 ]
}
# Larger than the appliance's memory for a request by far; curl waits for 100 Continue.
echoes_streams() {
    head -c 900000 /dev/urandom >"$net_tmp/data"
    fetch -H 'Expect: 100-continue' --data-binary @"$net_tmp/data" "$url/echo" | cmp -s - "$net_tmp/data" &&
        fetch -H 'Transfer-Encoding: chunked' --data-binary @"$net_tmp/data" "$url/echo" |
        cmp -s - "$net_tmp/data"
}
stops() {
    stop_pith
    [ "$pith_status" = 0 ]
}

check new_makes_a_directory makes_a_directory
check new_refuses_what_it_cannot_make refuses_what_it_cannot_make
check new_builds builds
net_up new
start_pith "$dir/hi.pith" --greeting moin
check new_answers answers
check new_echoes_streams echoes_streams
check new_stops_at_sigterm stops
finish
