#!/usr/bin/env bash
# 110-host.sh - the host is left as it was: after a stop, and after every start that fails
#
# A failed start says why in one clear line, exits with status 1 and leaves nothing behind.
source "$(dirname "$0")/../lib.sh"

# host - all that nat64d could have changed
host()
{
	ip -n "n64t-$$-gateway" -o link show | sed 's/^[0-9]*: //'
	ip -4 -n "n64t-$$-gateway" -o addr show
	ip -6 -n "n64t-$$-gateway" -o addr show
	ip -4 -n "n64t-$$-gateway" route show table all | sort
	ip -6 -n "n64t-$$-gateway" route show table all | sed 's/ expires [0-9]*sec//' | sort
	ip -4 -n "n64t-$$-gateway" rule show
	ip -6 -n "n64t-$$-gateway" rule show
	ns gateway nft list ruleset
	ns gateway sysctl -a 2>/dev/null | grep -v stable_secret |
		grep -E '^net\.ipv[46]\.(conf\.(all|default|to-)|ip_forward|neigh\.default)' || true
	find "$T" -path "$T/run*" -type s
}

unchanged()
{
	host >"$T/after"
	diff "$T/before" "$T/after"
}

stopped()
{
	local worked=0

	gateway_start
	ping_server || worked=$?
	host >"$T/during"
	gateway_stop
	unchanged
	[ $worked = 0 ]
	grep -q nat64 "$T/during" # so what is gone now was there
	[ -z "$(pgrep -s "$(cat "$T/nat64d.pid")" || true)" ]
}

# The exit status says that it stopped on request.
status()
{
	local pid

	ip netns exec "n64t-$$-gateway" "$B/nat64d" -c "$T/nat64.ini" >"$T/gateway-nat64d.log" 2>&1 &
	pid=$!
	echo $pid >>"$T/pids"
	wait_for 20 grep -q 'nat64d: ready' "$T/gateway-nat64d.log"
	kill "-$1" $pid
	wait $pid
	unchanged
}

# fails WORD COMMAND... - the start fails, in one line that holds WORD
fails()
{
	exits 1 timeout 20 ip netns exec "n64t-$$-gateway" "${@:2}"
	cat "$T/said"
	[ "$(wc -l <"$T/said")" = 1 ]
	grep -qi -- "$1" "$T/said"
	unchanged
}

# "$1" names the device that is there already
name_in_use()
{
	ip -n "n64t-$$-gateway" link add nat64 type veth peer name nat46
	host >"$T/before"
	fails nat64 "$B/nat64d" -c "$T/nat64.ini"
	ip -n "n64t-$$-gateway" link del nat64
	host >"$T/before"
}

pool_overlaps()
{
	sed 's,^pool.*,pool = 192.0.2.0/30,' "$T/nat64.ini" >"$T/overlap.ini"
	fails 192.0.2.1 "$B/nat64d" -c "$T/overlap.ini"
}

router_overlaps()
{
	echo 'router4 = 192.0.2.1' | cat "$T/nat64.ini" - >"$T/overlap.ini"
	fails 'router4.*192.0.2.1' "$B/nat64d" -c "$T/overlap.ini"
}

no_root()
{
	mkdir -p "$T/bin"
	cp "$B"/nat64{d,-worker,-ctld} "$T/bin"
	fails root setpriv --reuid 65534 --regid 65534 --clear-groups "$T/bin/nat64d" -c "$T/nat64.ini"
}

no_tun()
{
	# shellcheck disable=SC2016
	fails /dev/net/tun unshare -m sh -c 'mount -t tmpfs none /dev/net && exec "$@"' sh "$B/nat64d" -c "$T/nat64.ini"
}

no_worker()
{
	mkdir -p "$T/alone"
	cp "$B"/nat64{d,-ctld} "$T/alone"
	fails 'run .*nat64-worker' "$T/alone/nat64d" -c "$T/nat64.ini"
}

metrics_in_use()
{
	start gateway python3 -m http.server --bind 127.0.0.1 9640
	wait_for 5 listening gateway 9640
	fails 9640 "$B/nat64d" -c "$T/nat64.ini"
	end "$(cat "$T/pid")"
}

bad_config()
{
	echo 'no-such-key = 1' >"$T/bad.ini"
	exits 2 "$B/nat64d" -c "$T/bad.ini"
	exits 2 "$B/nat64d" -c "$T/there-is-none.ini"
	exits 2 "$B/nat64d" --no-such-option
	unchanged
}

by_hand()
{
	exits 2 "$B/nat64-worker"
	grep -q nat64d "$T/said"
	exits 2 "$B/nat64-ctld"
	grep -q nat64d "$T/said"
}

net_up
config
mkdir -p "$T/run"
wait_for 10 settled # the kernel adds its own routes to new links a moment later
host >"$T/before"
check 'start, work, stop' stopped
check 'again' stopped
check 'SIGTERM ends with status 0' status TERM
check 'SIGINT ends with status 0' status INT
check 'device name in use' name_in_use
check 'pool holds an address of the host' pool_overlaps
check 'router4 is an address of the host' router_overlaps
check 'not root' no_root
check 'no /dev/net/tun' no_tun
check 'no worker program' no_worker
check 'metrics port in use' metrics_in_use
check 'bad configuration' bad_config
check 'children started by hand' by_hand
check 'it still starts' stopped
finish
