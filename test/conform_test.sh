#!/bin/sh
# The conformance suite (test/conform) on every host that boots image files; on the
# simulator it is conform_sim_test.c.
. test/net_lib.sh
net_up conform
in_net sysctl -qw net.ipv6.conf.tap0.disable_ipv6=1
in_net python3 test/conform/run.py "$@" || net_failed=1
finish
