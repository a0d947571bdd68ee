# shellcheck shell=bash
# lib.sh - what every system test stands on: a small internet, a gateway in it, checks, and leaving no trace
#
#   client 2001:db8:1::2 ─┐                                 ┌─ server 203.0.113.2, 203.0.113.3
#                         gateway ── 192.0.2.0/30 ── router ┘
#   other  2001:db8:2::2 ─┘  pool 198.51.100.8/29, prefix 64:ff9b::/96
#
# Five network namespaces named n64t-PID-..., PID being the test's, so tests can run side by side. Everything a test
# starts is recorded and ended by its own pid; namespaces and files go when the test ends, also by a signal. What a
# test left that was killed outright, the next one removes.
set -euo pipefail

PATH=/usr/sbin:/usr/bin:/sbin:/bin # the tools of the packages, whatever else is installed
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
B=$(cd "$top" && realpath "${B:-build}")
flood=$B/tests/stress/flood
T=/tmp/n64t-$$
# shellcheck disable=SC2034 # a run directory on a tmpfs, for tests that write RUN=$SHM: what is there outlives nat64d
SHM=/dev/shm/n64t-$$
# shellcheck disable=SC2034 # used by the tests
SERVER=64:ff9b::203.0.113.2
hierarchy=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
passed=0 failed=0

# ns NAME COMMAND... - run it in one of the namespaces
ns()
{
	ip netns exec "n64t-$$-$1" "${@:2}"
}

# wait_for SECONDS COMMAND... - until it succeeds, at most that long
wait_for()
{
	local end=$((SECONDS + $1))

	until "${@:2}" >"$T/waiting" 2>&1; do
		if ((SECONDS >= end)); then
			echo "not within $1 s: ${*:2}"
			cat "$T/waiting"
			return 1
		fi
		sleep 0.05
	done
}

# start NAMESPACE COMMAND... - in the background, in a session of its own, to be ended at the latest with the test.
# $T/pid holds its pid, $T/NAMESPACE-COMMAND.log what it says.
start()
{
	local name=${2##*/}

	setsid ip netns exec "n64t-$$-$1" "${@:2}" >>"$T/$1-$name.log" 2>&1 </dev/null &
	echo $! | tee "$T/pid" >>"$T/pids"
}

alive()
{
	[ -e "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

gone()
{
	! alive "$1"
}

# end PID [SECONDS] - ask a process to end, wait for it, insist
end()
{
	kill "$1" 2>/dev/null || return 0
	wait_for "${2:-5}" gone "$1" || { kill -9 "$1" 2>/dev/null || true; return 1; }
}

# members TEST - the pids of our programs in sessions that the test with this pid began. A session's number may be that of
# another test's by now, which then has its first process in that one's namespaces.
members()
{
	local sid

	[ -e "/tmp/n64t-$1/pids" ] || return 0
	while read -r sid; do
		case $(ip netns identify "$sid" 2>/dev/null) in
		'' | "n64t-$1-"*) pgrep -s "$sid" nat64 || true ;;
		esac
	done <"/tmp/n64t-$1/pids"
}

# remove PID - everything that the test with this pid had: processes, namespaces, files
# A recorded pid may belong to somebody else by now, so only what lives in the test's namespaces is ended, and then
# those of our programs that live in a session which one of those began.
remove()
{
	local pid name dir=/tmp/n64t-$1 names

	names=$(ip netns list | grep -o "^n64t-$1-[a-z]*" || true)
	for name in $names; do
		for pid in $(ip netns pids "$name"); do
			if grep -qx "$pid" "$dir/pids" 2>/dev/null; then
				kill "$pid" 2>/dev/null || true
			fi
		done
	done
	for name in $names; do
		for _ in {1..200}; do
			[ -n "$(ip netns pids "$name")" ] || break
			sleep 0.05
		done
		for pid in $(ip netns pids "$name"); do
			kill -9 "$pid" 2>/dev/null || true
		done
	done
	for pid in $(members "$1"); do
		kill -9 "$pid" 2>/dev/null || true
	done
	for name in $names; do
		ip netns del "$name" 2>/dev/null || true # another test may be faster
		rm -rf "/etc/netns/$name"
	done
	rmdir /etc/netns 2>/dev/null || true
	rm -rf "$dir" "/dev/shm/n64t-$1"
	if [ "$hierarchy" ]; then
		find "$hierarchy/n64t-$1" "$hierarchy/n64t-$1"-* -depth -type d -exec rmdir {} + 2>/dev/null || true
	fi
}

# leftovers - remove what tests left that no longer live
leftovers()
{
	local pid

	for pid in $( (ip netns list; ls /tmp /dev/shm ${hierarchy:+"$hierarchy"}) |
		sed -n 's/^n64t-\([0-9]*\).*/\1/p' | sort -u); do
		[ -e "/proc/$pid" ] || remove "$pid"
	done
}

on_exit()
{
	local rc=$?

	trap '' INT TERM
	set +e
	remove $$ >/dev/null 2>&1
	exit $rc
}

[ "$(id -u)" = 0 ] || { echo "${0##*/}: namespaces need root" >&2; exit 1; }
leftovers
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -m 755 "$T"
: >"$T/pids"

# link A ADDRESS B ADDRESS - a cable between two namespaces; each end is named after what it leads to
link()
{
	ip link add "to-$3" netns "n64t-$$-$1" type veth peer name "to-$1" netns "n64t-$$-$3"
	ip -n "n64t-$$-$1" addr add "$2" dev "to-$3"
	ip -n "n64t-$$-$3" addr add "$4" dev "to-$1"
	ip -n "n64t-$$-$1" link set "to-$3" up
	ip -n "n64t-$$-$3" link set "to-$1" up
}

# net_up - raise the picture above, without the gateway's program
net_up()
{
	local name

	for name in client other gateway router server; do
		ip netns add "n64t-$$-$name"
		ip -n "n64t-$$-$name" link set lo up
		ns $name sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.dad_transmits=0 \
			net.ipv6.conf.all.accept_dad=0 net.ipv4.ping_group_range='0 2147483647'
	done
	ns gateway sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ns router sysctl -qw net.ipv4.ip_forward=1
	# A gateway and a router that answer every probe: Linux would tell a host of one error a second.
	ns gateway sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	ns router sysctl -qw net.ipv4.icmp_ratelimit=0
	ns server sysctl -qw net.ipv4.icmp_ratelimit=0
	ns client sysctl -qw net.ipv6.icmp.ratelimit=0
	link client 2001:db8:1::2/64 gateway 2001:db8:1::1/64
	link other 2001:db8:2::2/64 gateway 2001:db8:2::1/64
	link gateway 192.0.2.1/30 router 192.0.2.2/30
	link router 203.0.113.1/24 server 203.0.113.2/24
	ip -n "n64t-$$-server" addr add 203.0.113.3/24 dev to-router
	ip -n "n64t-$$-client" route add default via 2001:db8:1::1
	ip -n "n64t-$$-other" route add default via 2001:db8:2::1
	ip -n "n64t-$$-gateway" route add default via 192.0.2.2
	ip -n "n64t-$$-router" route add 198.51.100.0/24 via 192.0.2.1
	ip -n "n64t-$$-server" route add default via 203.0.113.1
}

# config [LINE...] - write $T/nat64.ini: the picture above, and more lines for its tenant. GATEWAY holds a line for
# [gateway]. OFFLOAD=off: all that follows on devices without offloads; WORKERS: how many, where the test does not say. Queues
# are long, so that packets wait while a busy machine does other things.
config()
{
	cat >"$T/nat64.ini" <<-END
		[gateway]
		run-dir = ${RUN:-$T/run}
		${GATEWAY:-metrics = 127.0.0.1:9640}

		[tenant lab]
		device = nat64
		workers = ${WORKERS-1}
		offload = ${OFFLOAD-auto}
		queue-length = ${QUEUE-20000}
		pool = 198.51.100.8/29
		source = 2001:db8::/32
		allow = 203.0.113.0/24
		allow = 192.0.2.0/24
	END
	if [ $# != 0 ]; then
		printf '%s\n' "$@" >>"$T/nat64.ini"
	fi
}

# gateway_start - run nat64d with $T/nat64.ini in the gateway until it says ready; its pid goes to $T/nat64d.pid
gateway_start()
{
	: >"$T/gateway-nat64d.log"
	start gateway "$B/nat64d" -c "$T/nat64.ini"
	cp "$T/pid" "$T/nat64d.pid"
	wait_for 20 gateway_settled
	grep -q 'nat64d: ready' "$T/gateway-nat64d.log" || { cat "$T/gateway-nat64d.log"; return 1; }
}

# hasty N - for workers from now on a second is N (60 or 600); gateway_start comes later
hasty()
{
	mkdir "$T/bin"
	cp "$B/nat64d" "$B/nat64-ctld" "$B/nat64ctl" "$B/tests/stress/hasty-$1/nat64-worker" "$T/bin"
	B=$T/bin
}

gateway_settled()
{
	grep -q 'nat64d: ready' "$T/gateway-nat64d.log" || gone "$(cat "$T/nat64d.pid")"
}

# begin - start the gateway as a test of its own; without it the others would say nothing
begin()
{
	check 'the gateway starts' gateway_start
	[ $failed = 0 ] || { finish; exit 1; }
}

gateway_stop()
{
	end "$(cat "$T/nat64d.pid")" 15
}

# ctl WORD... - nat64ctl of the gateway under test
ctl()
{
	"$B/nat64ctl" -s "${RUN:-$T/run}/control.sock" "$@"
}

# pick EXPRESSION - of the JSON on stdin, which is d; lists are printed with blanks between
pick()
{
	python3 -c 'import json, sys
d = json.load(sys.stdin)
x = eval(sys.argv[1])
print(*x) if isinstance(x, list) else print(x)' "$1"
}

# counter NAME - its value, a verdict's from both sides together
counter()
{
	ctl --json show counters | pick "sum(c['value'] for c in d['counters'] if c['name'] == '$1')"
}

# bindings - one line each, without what time changes
bindings()
{
	ctl --json show bindings | python3 -c 'import json, sys
for b in json.load(sys.stdin)["bindings"]:
	print(b["protocol"], b["ip6"], b["port6"], b["ip4"], b["port4"])' | sort
}

# sessions - likewise
sessions()
{
	ctl --json show sessions | python3 -c 'import json, sys
for s in json.load(sys.stdin)["sessions"]:
	print(s["protocol"], s["ip6"], s["port6"], s["ip4"], s["port4"], s["remote_ip4"], s["remote_port4"], s["state"])' | sort
}

# counters_grow BEFORE AFTER - files of `--json show counters`: none steps back; one that another build does not have was 0
counters_grow()
{
	python3 -c 'import json, sys
before, after = (json.load(open(f))["counters"] for f in sys.argv[1:])
key = lambda c: (c["tenant"], c["name"], c["from"])
now = {key(c): c["value"] for c in after}
back = [key(c) for c in before if now.get(key(c), 0) < c["value"]]
print("counters that stepped back:", back)
sys.exit(bool(back))' "$1" "$2"
}

# flood_start RATE - numbered datagrams from the client to the server's port 9, in the background, for a minute at most
flood_start()
{
	"$flood" "/run/netns/n64t-$$-client" "/run/netns/n64t-$$-server" "$SERVER" 9 "$1" 60 >"$T/flood" 2>&1 &
	echo $! >"$T/flood.pid"
}

# flood_end - they go on for a second, then that was enough; $T/flood says what arrived. If they had ended before, there was no
# load all the while.
flood_end()
{
	local pid rc=0

	pid=$(cat "$T/flood.pid")
	sleep 1
	kill "$pid" || { echo "the load ended before"; rc=1; }
	wait "$pid" || rc=1
	cat "$T/flood"
	return $rc
}

# host - all that nat64d could have changed in the gateway, and what is in its run directory
host()
{
	ip -n "n64t-$$-gateway" -o link show | sed 's/^[0-9]*: //'
	ip -4 -n "n64t-$$-gateway" route show table all | sort
	ip -6 -n "n64t-$$-gateway" route show table all | sed 's/ expires [0-9]*sec//' | sort
	ns gateway nft list ruleset
	find "${RUN:-$T/run}" -mindepth 1 2>/dev/null || true
}

# settled - has the kernel added its own routes to the gateway's new links?
settled()
{
	[ "$(ip -6 -n "n64t-$$-gateway" route show table local type multicast | grep -c ff00)" = 3 ]
	[ "$(ip -6 -n "n64t-$$-gateway" route show table local | grep -c '^local fe80')" = 3 ]
}

# nothing_left - is the gateway as `host` found it in $T/before, and no process of ours there?
nothing_left()
{
	host | diff "$T/before" -
	wait_for 10 nobody_left # a spare that was sent home may still be at its end when nat64d is gone
}

nobody_left()
{
	ours
	[ -z "$(ours)" ]
}

# own_cgroup - make $G, a cgroup of the test's own that is marked as delegated; fails where there is none to be had
own_cgroup()
{
	G=${hierarchy:-/none}/n64t-$$
	mkdir "$G" 2>/dev/null || return 1
	python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.delegate", b"1")' "$G" || true
}

# mount_cgroups - lines of a shell script: the hierarchy is at /sys/fs/cgroup, where ip netns exec has hidden it, and $G is as
# a service manager hands it over
mount_cgroups()
{
	cat <<-END
		mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 126
		for c in \$(cat /sys/fs/cgroup/n64t-$$/cgroup.subtree_control); do
			echo "-\$c" >/sys/fs/cgroup/n64t-$$/cgroup.subtree_control
		done
	END
}

# ours - the pids of nat64d and its children that live, whichever start they are from
ours()
{
	local pid

	for pid in $(members $$); do
		if alive "$pid"; then
			echo "$pid"
		fi
	done
}

# kill_nat64d - outright; its workers live on
kill_nat64d()
{
	kill -9 "$(cat "$T/nat64d.pid")"
	wait_for 5 gone "$(cat "$T/nat64d.pid")"
}

# kill_all - nat64d and all it started. It comes first, so that nobody is replaced.
kill_all()
{
	local pids pid

	mapfile -t pids < <(ours)
	kill -9 "${pids[@]}" || true # a service manager may have been faster with some
	for pid in "${pids[@]}"; do
		wait_for 5 gone "$pid"
	done
}

# five - nat64d, nat64-ctld, two workers and a spare, and no others
five()
{
	[ "$(ours | wc -l)" = 5 ]
}

# talk - one datagram there and back, from port 7001; says what the server saw
talk()
{
	peer client udp "$SERVER" 7 hello 7001
}

# remember - bindings, sessions and counters as they are, and that of talk is among them. Not those of ICMP: they live for a
# minute only, and the machine may be slow.
remember()
{
	bindings | sed '/^icmp /d' >"$T/bindings"
	sessions | sed '/^icmp /d' >"$T/sessions"
	ctl --json show counters >"$T/counters"
	grep -q ' 7001 ' "$T/bindings"
}

# all_there - two workers are at work, and all that was remembered is there
all_there()
{
	wait_for 5 running 2
	bindings >"$T/now"
	comm -23 "$T/bindings" "$T/now" | tee "$T/missing"
	[ ! -s "$T/missing" ]
	sessions >"$T/now"
	comm -23 "$T/sessions" "$T/now" | tee "$T/missing"
	[ ! -s "$T/missing" ]
	ctl --json show counters >"$T/counters-now"
	counters_grow "$T/counters" "$T/counters-now"
}

# listening NAMESPACE PORT - does somebody there take TCP connections on it?
listening()
{
	[ -n "$(ns "$1" ss -Hltn "sport = :$2")" ]
}

# peer NAMESPACE WHAT ... - talk as tests/net.py does
peer()
{
	ns "$1" python3 "$top/tests/net.py" "${@:2}"
}

# echo_server NAMESPACE ADDRESS PORT - echo TCP and UDP from now on
echo_server()
{
	start "$1" python3 "$top/tests/net.py" serve "$2" "$3"
	wait_for 5 listening "$1" "$3"
}

# clat_start - give the client a CLAT (RFC 6877), for programs that speak only IPv4: their 192.0.0.1 is 2001:db8:1:64::1 for
# the gateway. tayga takes no documentation address in 64:ff9b::/96, so the tenant needs another prefix: $CLAT_PREFIX.
CLAT_PREFIX=2001:db8:64::/96
clat_start()
{
	printf '%s\n' 'tun-device clat' 'ipv4-addr 192.0.0.2' 'ipv6-addr 2001:db8:1:64::2' "prefix $CLAT_PREFIX" \
		'map 192.0.0.1 2001:db8:1:64::1' "data-dir $T" >"$T/tayga.conf"
	ns client tayga -c "$T/tayga.conf" --mktun
	ns client sysctl -qw net.ipv6.conf.all.forwarding=1
	ip -n "n64t-$$-client" link set clat mtu 1480 up
	ip -n "n64t-$$-client" addr add 192.0.0.1/32 dev clat
	ip -n "n64t-$$-client" route add default dev clat
	ip -n "n64t-$$-client" route add 2001:db8:1:64::/64 dev clat
	ip -n "n64t-$$-gateway" route add 2001:db8:1:64::/64 via 2001:db8:1::2
	start client tayga -c "$T/tayga.conf" --nodetach
	wait_for 10 ns client ping -n -c 1 -W 1 203.0.113.2
}

# ping_server [NAMESPACE] - one echo to the server and back
ping_server()
{
	expect ' 0% packet loss' -- ns "${1-client}" ping -6 -n -c 1 -W 5 "$SERVER"
}

# worker_pids - of the workers at work
worker_pids()
{
	ctl --json show workers | pick "[w['pid'] for w in d['workers'] if w['state'] == 'running']"
}

# kill_workers - outright, all that are at work
kill_workers()
{
	local pids

	read -ra pids <<<"$(worker_pids)"
	kill -9 "${pids[@]}"
}

# running N - are exactly N workers at work?
running()
{
	[ "$(worker_pids | wc -w)" = "$1" ]
}

# law1 - every packet read has exactly one verdict, what was handed over has arrived, and no honest worker sent anything
# that the source guard dropped
law1()
{
	wait_for 5 law1_now
	[ "$(guard_drops 4) $(guard_drops 6)" = '0 0' ]
}

# guard_drops 4|6 - how many packets of this family the source guard has dropped, as the kernel counts
guard_drops()
{
	guard_counter "spoofed$1"
}

# guard_counter NAME - of the source guards' counters with this name, the sum
guard_counter()
{
	ns gateway nft -j list counters |
		pick "sum(c['counter']['packets'] for c in d['nftables'] if c.get('counter', {}).get('name') == '$1')"
}

law1_now()
{
	ctl --json show counters | python3 "$top/tests/law1.py"
}

# expect WORD... -- COMMAND... - its output holds every word
expect()
{
	local words=() out word rc=0

	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	out=$("${@:2}" 2>&1) || rc=$?
	[ $rc = 0 ] || { echo "$out"; echo "exit $rc of: ${*:2}"; return 1; }
	for word in "${words[@]}"; do
		grep -qF -- "$word" <<<"$out" || { echo "$out"; echo "no \"$word\" from: ${*:2}"; return 1; }
	done
}

# exits STATUS COMMAND... - it ends with this status; its output is in $T/said
exits()
{
	local rc=0

	"${@:2}" >"$T/said" 2>&1 || rc=$?
	[ "$rc" = "$1" ] || { cat "$T/said"; echo "exit $rc, not $1: ${*:2}"; return 1; }
}

# check NAME COMMAND... - one test: run the command (mostly a function) and say how it went
check()
{
	local name=$1 rc

	set +e
	(
		set -e
		"${@:2}"
	) >"$T/out" 2>&1
	rc=$?
	set -e
	if [ $rc = 0 ]; then
		passed=$((passed + 1))
		echo "ok $name"
		return
	fi
	failed=$((failed + 1))
	echo "FAILED $name: $(tail -1 "$T/out")"
	sed 's/^/    /' "$T/out"
	if [ -s "$T/gateway-nat64d.log" ]; then
		echo "    --- the gateway's log"
		tail -20 "$T/gateway-nat64d.log" | sed 's/^/    /'
		echo "    --- its counters"
		{ timeout 5 "$B/nat64ctl" -s "${RUN:-$T/run}/control.sock" --csv show counters 2>&1 || true; } | grep -v ',0$' |
			sed 's/^/    /' || true
	fi
}

# finish - the last line of every test script
finish()
{
	echo "$passed passed, $failed failed"
	[ $failed = 0 ]
}
