#!/usr/bin/env bash
# rig.sh - the rig of the benchmarks: one client, one server, and a gateway of each kind between them. To be sourced.
#
#                 ┌─ forward     plain IPv6 forwarding: the limit of a path without translation
#                 ├─ masquerade  the same with nftables masquerade: the limit of a stateful path
#   client (IPv6) ┼─ tayga       Debian's stateless translator                                   ┼ server
#                 ├─ single      nat64d with one worker
#                 └─ pair        the same with two workers
#
# Each gateway is a namespace of its own, so none pays for another's rules, and stands in all rounds beside the others, idle.
# Cables are veth with their offloads as the kernel sets them: that is what its own path uses. Gateway number N has the
# Ethernet addresses 02:00:00:00:0N:01 and :02, its device on either side is named after it, and for the client the server is
#   forward, masquerade  2001:db8:2:N::2        tayga, single, pair  192.0.2.(4N+2) in 2001:db8:64:N::/96
# Test frames go to 2001:db8:3:N::2 or 198.19.N.2, which the server does not have: they arrive, and nobody answers.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# shellcheck disable=SC2034 # used by bench.sh
CANDIDATES=(forward masquerade tayga single pair)
SUBSCRIBERS=2001:db8:100::/40 # of the test frames (tests/bench/frame.h)
declare -A NUMBER FAMILY

# cable CLIENT-OR-SERVER GATEWAY GATEWAY-ADDRESS OTHER-ADDRESS MAC - both ends are named after the gateway, but the gateway's
cable()
{
	ip link add "$2" netns "n64t-$$-$1" type veth peer name "to-$1" address "$5" netns "n64t-$$-$2"
	ip -n "n64t-$$-$1" addr add "$4" dev "$2"
	ip -n "n64t-$$-$2" addr add "$3" dev "to-$1"
	ip -n "n64t-$$-$1" link set "$2" up
	ip -n "n64t-$$-$2" link set "to-$1" up
}

namespace()
{
	ip netns add "n64t-$$-$1"
	ip -n "n64t-$$-$1" link set lo up
	ns "$1" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.dad_transmits=0 \
		net.ipv6.conf.all.accept_dad=0 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
}

# gateway NAME NUMBER FAMILY - FAMILY is that of the server's side
gateway()
{
	local name=$1 n=$2

	NUMBER[$name]=$n FAMILY[$name]=$3
	namespace "$name"
	ns "$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	cable client "$name" "2001:db8:1:$n::1/64" "2001:db8:1:$n::2/64" "02:00:00:00:0$n:01"
	ip -n "n64t-$$-$name" route add "$SUBSCRIBERS" via "2001:db8:1:$n::2"
	if [ "$3" = 6 ]; then
		cable server "$name" "2001:db8:2:$n::1/64" "2001:db8:2:$n::2/64" "02:00:00:00:0$n:02"
		ip -n "n64t-$$-client" route add "2001:db8:2:$n::/64" via "2001:db8:1:$n::1"
		ip -n "n64t-$$-server" route add "2001:db8:1:$n::/64" via "2001:db8:2:$n::1"
		ip -n "n64t-$$-$name" route add "2001:db8:3:$n::/64" via "2001:db8:2:$n::2"
	else
		cable server "$name" "192.0.2.$((4 * n + 1))/30" "192.0.2.$((4 * n + 2))/30" "02:00:00:00:0$n:02"
		ip -n "n64t-$$-client" route add "2001:db8:64:$n::/96" via "2001:db8:1:$n::1"
		ip -n "n64t-$$-server" route add "198.18.$((4 * n)).0/22" via "192.0.2.$((4 * n + 1))"
		ip -n "n64t-$$-$name" route add "198.19.$n.0/24" via "192.0.2.$((4 * n + 2))"
	fi
}

# address NAME - what the client calls the server through this gateway; local_address: what the server calls itself there
address()
{
	if [ "${FAMILY[$1]}" = 6 ]; then
		echo "2001:db8:2:${NUMBER[$1]}::2"
	else
		echo "2001:db8:64:${NUMBER[$1]}::$(local_address "$1")"
	fi
}
local_address()
{
	if [ "${FAMILY[$1]}" = 6 ]; then
		echo "2001:db8:2:${NUMBER[$1]}::2"
	else
		echo "192.0.2.$((4 * NUMBER[$1] + 2))"
	fi
}

# nowhere NAME - the address that test frames go to
nowhere()
{
	if [ "${FAMILY[$1]}" = 6 ]; then
		echo "2001:db8:3:${NUMBER[$1]}::2"
	else
		echo "2001:db8:64:${NUMBER[$1]}::198.19.${NUMBER[$1]}.2"
	fi
}

masquerade_start()
{
	ns masquerade nft -f - <<-'END'
		table ip6 nat {
			chain postrouting {
				type nat hook postrouting priority 100
				oifname "to-server" masquerade
			}
		}
	END
}

tayga_start()
{
	local n=${NUMBER[tayga]}

	printf '%s\n' 'tun-device translator' "ipv4-addr 198.18.$((4 * n)).1" "prefix 2001:db8:64:$n::/96" \
		"dynamic-pool 198.18.$((4 * n)).0/22" "data-dir $T" >"$T/tayga.conf"
	ns tayga tayga -c "$T/tayga.conf" --mktun >"$T/tayga-mktun.log" 2>&1
	ip -n "n64t-$$-tayga" link set translator up
	ip -n "n64t-$$-tayga" route add "198.18.$((4 * n)).0/22" dev translator
	ip -n "n64t-$$-tayga" route add "2001:db8:64:$n::/96" dev translator
	start tayga tayga -c "$T/tayga.conf" --nodetach
	cp "$T/pid" "$T/tayga.pid"
}

# nat64d_start NAME WORKERS [POOL] - the table is large enough for all rounds together, for what began in one is not over in
# the next; and so are the quotas, for connects is one subscriber, and its rivals have none. KEYS: more lines for its tenant.
# $T/NAME.pid is nat64d's.
nat64d_start()
{
	local n=${NUMBER[$1]}

	cat >"$T/$1.ini" <<-END
		[gateway]
		run-dir = $SHM/$1
		metrics = off

		[tenant bench]
		workers = $2
		prefix = 2001:db8:64:$n::/96
		pool = ${3-198.18.$((4 * n)).0/26}
		source = 2001:db8:1::/48
		source = $SUBSCRIBERS
		allow = 192.0.2.0/24
		allow = 198.19.0.0/16
		max-sessions = 4M
		new-bindings-per-second = 1000000
		max-bindings-per-subscriber = 4M
		max-sessions-per-subscriber = 4M
		${KEYS-}
	END
	: >"$T/$1-nat64d.log"
	start "$1" "$B/nat64d" -c "$T/$1.ini"
	cp "$T/pid" "$T/$1.pid"
	wait_for 60 grep -q 'nat64d: ready' "$T/$1-nat64d.log" || { cat "$T/$1-nat64d.log"; return 1; }
}

# traffic NAME - what blast needs to know of a gateway
traffic()
{
	echo "client=/run/netns/n64t-$$-client server=/run/netns/n64t-$$-server device=$1 to=02:00:00:00:0${NUMBER[$1]}:01" \
		"back=02:00:00:00:0${NUMBER[$1]}:02 destination=$(nowhere "$1") family=${FAMILY[$1]}"
}

# warm NAME... - use every page of the tables once: a page that was never used costs tens of microseconds, in which no packet
# passes, and that is another figure
warm()
{
	local name pids=()

	for name in "$@"; do
		# shellcheck disable=SC2046 # it is words
		"$B/tests/bench/blast" open $(traffic "$name") flows=160000 rate=16000 >"$T/warm-$name" &
		pids+=($!)
	done
	wait "${pids[@]}"
}

# reached NAME - does a ping get through?
reached()
{
	ns client ping -6 -n -c 1 -W 1 "$(address "$1")"
}

# up NAME - the gateway of this name, at work
up()
{
	case $1 in
	forward) gateway forward 1 6 ;;
	masquerade) gateway masquerade 2 6 && masquerade_start ;;
	tayga) gateway tayga 3 4 && tayga_start ;;
	single) gateway single 4 4 && nat64d_start single 1 ;;
	pair) gateway pair 5 4 && nat64d_start pair 2 ;;
	esac
	wait_for 10 reached "$1"
}

# rig_up NAME... - client, server and these gateways
rig_up()
{
	local name

	mkdir -p "$SHM"
	namespace client
	namespace server
	for name in "$@"; do
		up "$name"
	done
}

# rig_words - the rig as JSON, for rounds.py
rig_words()
{
	local name sep=

	echo '{'
	for name in "${!NUMBER[@]}"; do
		echo "$sep\"$name\": {\"address\": \"$(address "$name")\", \"local\": \"$(local_address "$name")\","
		echo "\"traffic\": \"$(traffic "$name")\", \"pids\": \"$([ "$name" != tayga ] || cat "$T/tayga.pid")\","
		echo "\"control\": \"$([ ! -e "$SHM/$name/control.sock" ] || echo "$SHM/$name/control.sock")\"}"
		sep=,
	done
	echo '}'
}
