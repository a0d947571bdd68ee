#!/usr/bin/env bash
# 075-netns.sh - the gateway as the bridge between namespaces: two tenants with the same addresses, one uplink
#
#   blue  2001:db8:1::2 ── device blue ─┐          ┌─ device blue ──┐
#                                       │ gateway  │                uplink ── server 203.0.113.2
#   green 2001:db8:1::2 ── device green ┘          └─ device green ─┘
#
# nat64d lives in gateway, which has no link at all. blue and green have the same addresses and both use 64:ff9b::/96;
# their pools, 198.51.100.8/29 and 198.51.100.16/29, are apart, because both are routed in uplink.
# alone: 5,000 packets a second while workers are killed
source "$(dirname "$0")/../lib.sh"

RUN=$SHM

places()
{
	local name

	for name in gateway blue green uplink server; do
		ip netns add "n64t-$$-$name"
		ip -n "n64t-$$-$name" link set lo up
		ns $name sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.dad_transmits=0 \
			net.ipv6.conf.all.accept_dad=0 net.ipv4.ping_group_range='0 2147483647' net.ipv6.icmp.ratelimit=0 \
			net.ipv4.icmp_ratelimit=0
	done
	ns uplink sysctl -qw net.ipv4.ip_forward=1
	link uplink 203.0.113.1/24 server 203.0.113.2/24
	ip -n "n64t-$$-server" route add default via 203.0.113.1
	for name in blue green; do
		ip -n "n64t-$$-$name" addr add 2001:db8:1::2/128 dev lo
	done
}

# tenants WORKERS - $T/nat64.ini
tenants()
{
	cat >"$T/nat64.ini" <<-END
		[gateway]
		run-dir = $RUN

		[tenant blue]
		netns6 = n64t-$$-blue
		netns4 = n64t-$$-uplink
		workers = $1
		offload = ${OFFLOAD-auto}
		pool = 198.51.100.8/29
		source = 2001:db8::/32
		allow = 203.0.113.0/24
		allow = 198.51.100.0/24
		static = udp 198.51.100.9:7000 [2001:db8:1::2]:7000

		[tenant green]
		netns6 = n64t-$$-green
		netns4 = n64t-$$-uplink
		workers = 1
		offload = ${OFFLOAD-auto}
		pool = 198.51.100.16/29
		source = 2001:db8::/32
		allow = 203.0.113.0/24
		allow = 198.51.100.0/24
		static = udp 198.51.100.17:7000 [2001:db8:1::2]:7000
	END
}

# all_over - all that nat64d could have changed, in every namespace
all_over()
{
	local name

	for name in gateway blue green uplink; do
		echo "$name"
		ip -n "n64t-$$-$name" -o link show | sed 's/^[0-9]*: //'
		ip -4 -n "n64t-$$-$name" route show table all | sort
		ip -6 -n "n64t-$$-$name" route show table all | sed 's/ expires [0-9]*sec//' | sort
		ns $name nft list ruleset
	done
	find "$RUN" -mindepth 1 2>/dev/null || true
}

# As in lib.sh, but of all namespaces.
guard_counter()
{
	local name

	for name in blue green uplink; do
		ns $name nft -j list counters
	done | python3 -c 'import json, sys
print(sum(c["counter"]["packets"] for line in sys.stdin for c in json.loads(line)["nftables"]
	if c.get("counter", {}).get("name") == sys.argv[1]))' "$1"
}

# device TENANT NAMESPACE - it is there, up, with its alias
device()
{
	expect "nat64d:$RUN:$1" ' mtu 1500' UP -- ip -n "n64t-$$-$2" -d link show "$1"
}

devices()
{
	local name

	for name in blue green; do
		device $name $name
		device $name uplink
		expect "dev $name" -- ip -6 -n "n64t-$$-$name" route show 64:ff9b::/96
		[ -z "$(ip -4 -n "n64t-$$-$name" route show table main)" ]
	done
	expect 'dev blue' -- ip -n "n64t-$$-uplink" route show 198.51.100.8/29
	expect 'dev green' -- ip -n "n64t-$$-uplink" route show 198.51.100.16/29
	[ -z "$(ip -6 -n "n64t-$$-uplink" route show 64:ff9b::/96)" ]
	[ -z "$(ip -n "n64t-$$-gateway" -o link show type tun)" ]
	expect 'forward packets, so none will be translated but of programs in it: ip netns exec n64t-' -- \
		cat "$T/gateway-nat64d.log"
}

told()
{
	ctl --csv show tenants | tee "$T/tenants"
	grep -q "^blue,.*,n64t-$$-blue,n64t-$$-uplink," "$T/tenants"
	grep -q "^green,.*,n64t-$$-green,n64t-$$-uplink," "$T/tenants"
	ns gateway curl -s http://127.0.0.1:9640/metrics >"$T/metrics"
	grep -qx "nat64_tenant_info{tenant=\"blue\",device=\"blue\",netns6=\"n64t-$$-blue\",netns4=\"n64t-$$-uplink\"} 1" \
		"$T/metrics"
}

echo_of()
{
	expect ' 0% packet loss' -- ns "$1" ping -6 -n -c 2 -i 0.3 -W 5 -s "$2" "$SERVER"
}

# The same host and port, of each tenant: the server sees two.
same_host()
{
	peer blue udp "$SERVER" 7 hello 7001 | tee "$T/blue"
	peer green udp "$SERVER" 7 hello 7001 | tee "$T/green"
	grep -qE '^198\.51\.100\.([89]|1[0-5]) ' "$T/blue"
	grep -qE '^198\.51\.100\.(1[6-9]|2[0-3]) ' "$T/green"
	ctl --csv show bindings | grep -c '2001:db8:1::2,7001,198' | grep -qx 2
}

# talk TENANT - what the server saw of it is what it saw at first
talk()
{
	[ "$(peer "$1" udp "$SERVER" 7 hello 7001)" = "$(cat "$T/$1")" ]
}

both_talk()
{
	talk blue
	talk green
}

inbound()
{
	expect 64:ff9b::cb00:7102 hello -- peer server udp 198.51.100.9 7000 hello
	expect 64:ff9b::cb00:7102 hello -- peer server udp 198.51.100.17 7000 hello
}

# download TENANT [WORD...]
download()
{
	ns "$1" curl -sS --max-time 60 -o "$T/got" "${@:2}" "http://[$SERVER]/file"
	cmp "$T/got" "$T/www/file"
}

# Super-packets crossed, in and out; none where devices have no offloads.
segments()
{
	if [ "${OFFLOAD:-}" = off ]; then
		[ "$(counter queue_segments)" = "$(counter queue_packets)" ]
	else
		[ "$(counter queue_segments)" -gt $((2 * $(counter queue_packets))) ]
	fi
}

# The gateway, then the router behind it, then the server.
hops()
{
	ns blue traceroute -6 -n -q 1 -w 3 -N 1 -m 6 "$SERVER" | tee "$T/hops"
	awk 'NR > 1 { print $2 }' "$T/hops" >"$T/seen"
	printf '%s\n' 64:ff9b::c633:6408 64:ff9b::cb00:7101 64:ff9b::cb00:7102 | diff - "$T/seen"
}

# From the server's side: the link before the device is smaller.
path_mtu()
{
	ip -n "n64t-$$-uplink" link set to-server mtu 1300
	ip -n "n64t-$$-blue" -6 route flush cache
	ns blue ping -6 -n -c 2 -i 0.2 -W 2 -M "do" -s 1400 "$SERVER" >"$T/mtu" 2>&1 || true
	ip -n "n64t-$$-uplink" link set to-server mtu 1500
	ip -n "n64t-$$-blue" -6 route flush cache
	grep -q 'mtu[:=] *1320' "$T/mtu"
}

# A worker dies in the middle of 5,000 datagrams a second both ways, again and again: none is lost.
deaths()
{
	local i pid

	"$flood" "/run/netns/n64t-$$-blue" "/run/netns/n64t-$$-server" "$SERVER" 9 5000 60 >"$T/flood" 2>&1 &
	echo $! >"$T/flood.pid"
	sleep 0.5
	for i in {1..3}; do
		pid=$(ctl --json show workers | pick "[w['pid'] for w in d['workers'] if w['tenant'] == 'blue'][$i % 2]")
		kill -9 "$pid"
		sleep 0.3
	done
	flood_end
	grep -q ' lost 0 ' "$T/flood"
}

# growth NAME COMMAND... - the verdict is counted while this is done
growth()
{
	local before

	before=$(counter "$1")
	"${@:2}"
	wait_for 3 grown "$1" "$before"
}

grown()
{
	[ "$(counter "$1")" -gt "$2" ]
}

# No IPv4 from the device of the IPv6 side, whoever it is for; and the other way round.
astray()
{
	ip -n "n64t-$$-blue" addr add 10.0.0.1/32 dev lo
	ip -n "n64t-$$-blue" route add 198.51.100.0/24 dev blue
	growth wrong_device peer blue send 198.51.100.9 7000 astray
	growth wrong_device peer blue send 198.51.100.17 7000 astray
	ip -n "n64t-$$-blue" route del 198.51.100.0/24 dev blue
	ip -n "n64t-$$-blue" addr del 10.0.0.1/32 dev lo
	ip -n "n64t-$$-uplink" addr add 2001:db8:9::9/128 dev lo
	ip -n "n64t-$$-uplink" route add 64:ff9b::/96 dev blue
	growth wrong_device peer uplink send "$SERVER" 7 astray
	ip -n "n64t-$$-uplink" route del 64:ff9b::/96 dev blue
	ip -n "n64t-$$-uplink" addr del 2001:db8:9::9/128 dev lo
	! grep -q astray "$T"/*-python3.log
}

# What the one offers, the other reaches by way of the uplink, as anybody does.
neighbours()
{
	expect '64:ff9b::c633:64' hello -- peer blue udp 64:ff9b::198.51.100.17 7000 hello
	expect '64:ff9b::c633:64' hello -- peer green udp 64:ff9b::198.51.100.9 7000 hello
	ip -n "n64t-$$-uplink" link set green down
	expect unreachable -- peer blue udp 64:ff9b::198.51.100.17 7000 hello
	ip -n "n64t-$$-uplink" link set green up
	ip -n "n64t-$$-uplink" route add 198.51.100.16/29 dev green proto 64 scope link
}

guards()
{
	ns blue nft list table inet nat64d-blue | tee "$T/rules"
	grep -q 64:ff9b:: "$T/rules"
	[ "$(grep -c 198.51.100 "$T/rules")" = 0 ]
	ns uplink nft list table inet nat64d-blue | tee "$T/rules"
	grep -q 198.51.100.8 "$T/rules"
	[ "$(grep -c 64:ff9b:: "$T/rules")" = 0 ]
	[ "$(ctl --json show tenants | pick "[t['guard'] for t in d['tenants']]")" = 'on on' ]
}

# A worker has a queue on each side, and no more than that.
descriptors()
{
	local pid

	for pid in $(worker_pids); do
		find "/proc/$pid/fd" -type l -printf '%f %l\n' | sort -n | tee "$T/fds"
		[[ "$(cut -d' ' -f1 "$T/fds" | xargs)" == '3 4 5 6'* ]]
		grep -q '^3 .*/net/tun$' "$T/fds"
		grep -q '^5 .*/net/tun$' "$T/fds"
	done
}

# nat64d is where it was born, and has nothing in effect.
at_home()
{
	local pid

	pid=$(cat "$T/nat64d.pid")
	[ "$(readlink "/proc/$pid/ns/net")" = "$(ns gateway readlink /proc/self/ns/net)" ]
	grep -q '^CapEff:.0000000000000000' "/proc/$pid/status"
}

# numbers - of all devices, in every namespace
numbers()
{
	local name

	for name in blue green uplink; do
		ip -n "n64t-$$-$name" -o link show type tun | cut -d: -f1,2
	done
}

killed()
{
	numbers >"$T/numbers"
	"$1"
	gateway_start
	numbers | diff "$T/numbers" -
	both_talk
	inbound
	at_home
}

upgraded()
{
	numbers >"$T/numbers"
	ctl upgrade
	numbers | diff "$T/numbers" -
	both_talk
	inbound
	at_home
	guards
}

# queues N - so many on each device of blue
queues()
{
	local place

	for place in blue uplink; do
		[ "$(ns $place find /sys/class/net/blue/queues -name 'rx-*' | wc -l)" = "$1" ]
	done
}

reloaded()
{
	tenants "$1"
	ctl reload
	wait_for 5 queues "$1"
	both_talk
	echo_of blue 1400
}

# A pool that grows has its route in the uplink, and the guard knows.
pool()
{
	sed -i 's,^pool = 198.51.100.8/29,&\npool = 198.51.100.32/30,' "$T/nat64.ini"
	ctl reload
	expect 'dev blue' -- ip -n "n64t-$$-uplink" route show 198.51.100.32/30
	expect 198.51.100.32 -- ns uplink nft list table inet nat64d-blue
	both_talk
}

# Killed, and the tenant then lives elsewhere: nothing stays where it was.
moved()
{
	kill_all
	tenants 2
	sed -i "/^\[tenant green\]/,\$ s/^netns6.*/netns6 = own/" "$T/nat64.ini"
	gateway_start
	grep -q 'removed 2 devices that an earlier nat64d left' "$T/gateway-nat64d.log"
	[ -z "$(ip -n "n64t-$$-green" -o link show type tun)" ]
	device green gateway
	expect "own,n64t-$$-uplink" -- ctl --csv show tenants
	talk blue
	kill_all
	tenants 2
	gateway_start
	both_talk
}

# refused LINE WORD... - nat64d does not start with netns6 of blue so, names the line, and leaves nothing
refused()
{
	sed "s/^netns6 = n64t-$$-blue/$1/" "$T/nat64.ini" >"$T/wrong.ini"
	exits 1 timeout 20 ip netns exec "n64t-$$-gateway" "$B/nat64d" -c "$T/wrong.ini"
	expect "$T/wrong.ini:5: [tenant blue] netns6: " "${@:2}" -- cat "$T/said"
	all_over | diff "$T/before" -
}

wrong()
{
	refused 'netns6 = nowhere' 'nowhere: there is no network namespace of that name; make it (ip netns add nowhere)'
	touch "/run/netns/n64t-$$-file"
	refused "netns6 = n64t-$$-file" 'that is no network namespace'
	rm "/run/netns/n64t-$$-file"
	sed -i "s/netns4 = n64t-$$-uplink/netns4 = own/" "$T/nat64.ini"
	sed "s/^netns6 = n64t-$$-blue/netns6 = n64t-$$-gateway/" "$T/nat64.ini" >"$T/wrong.ini"
	exits 1 timeout 20 ip netns exec "n64t-$$-gateway" "$B/nat64d" -c "$T/wrong.ini"
	expect "own and n64t-$$-gateway are one network namespace; write the same name for it everywhere" -- cat "$T/said"
	tenants 2
	ip -n "n64t-$$-green" link add green type veth peer name neerg
	exits 1 timeout 20 ip netns exec "n64t-$$-gateway" "$B/nat64d" -c "$T/nat64.ini"
	expect "there is a device green already in the network namespace n64t-$$-green" -- cat "$T/said"
	ip -n "n64t-$$-green" link del green
	ip -n "n64t-$$-uplink" addr add 198.51.100.20/32 dev lo
	exits 1 timeout 20 ip netns exec "n64t-$$-gateway" "$B/nat64d" -c "$T/nat64.ini"
	expect "[tenant green] pool: 198.51.100.20 is this host's own address on lo" -- cat "$T/said"
	ip -n "n64t-$$-uplink" addr del 198.51.100.20/32 dev lo
	all_over | diff "$T/before" -
}

stopped()
{
	gateway_stop
	all_over | diff "$T/before" -
}

# Both sides in one namespace that is not nat64d's: one device, there.
together()
{
	sed "s/^netns6 = .*/netns6 = n64t-$$-uplink/" "$T/nat64.ini" | sed '/^\[tenant green\]/,$ d' >"$T/one.ini"
	mv "$T/one.ini" "$T/nat64.ini"
	ip -n "n64t-$$-uplink" addr add 2001:db8:1::2/128 dev lo
	gateway_start
	device blue uplink
	[ "$(numbers | wc -l)" = 1 ]
	expect ' 0% packet loss' -- ns uplink ping -6 -n -c 2 -i 0.3 -W 5 "$SERVER"
	gateway_stop
	ip -n "n64t-$$-uplink" addr del 2001:db8:1::2/128 dev lo
	all_over | diff "$T/before" -
}

# A worker that was taken over writes both families to the device of the IPv6 side, all from wrong sources: none passes.
hostile()
{
	mkdir "$T/bin"
	cp "$B/nat64d" "$B/nat64-ctld" "$B/nat64ctl" "$B/tests/stress/hostile/nat64-worker" "$T/bin"
	B=$T/bin
	tenants 2
	gateway_start
	peer blue send "$SERVER" 7 SPOOF
	wait_for 5 spoofed '100 100'
	gateway_stop
	all_over | diff "$T/before" -
}

spoofed()
{
	[ "$(guard_counter spoofed4) $(guard_counter spoofed6)" = "$1" ]
}

places
mkdir "$T/www"
head -c 8000000 /dev/urandom >"$T/www/file"
start server python3 -m http.server --directory "$T/www" 80
wait_for 5 listening server 80
echo_server server 203.0.113.2 7
for name in blue green; do
	echo_server $name 2001:db8:1::2 7000
done
all_over >"$T/before"
tenants 2
check 'wrong namespaces are named' wrong
begin
check 'a device on each side, and its routes' devices
check 'it is told' told
check 'blue: echo' echo_of blue 1452
check 'green: echo' echo_of green 56
check 'the same host and port of both' same_host
check 'inbound' inbound
check 'traceroute' hops
check 'path MTU' path_mtu
check 'blue: a file' download blue
check 'green: a file' download green
check 'packets that stand for several' segments
check 'queues of a worker' descriptors
check 'a guard on each side' guards
check 'a worker killed again and again: none lost' deaths
check 'wrong_device' astray
check 'neighbours meet by way of the uplink' neighbours
check 'nat64d is at home' at_home
check 'law 1' law1
check 'nat64d killed' killed kill_nat64d
check 'everything killed' killed kill_all
check 'an upgrade' upgraded
check 'three workers' reloaded 3
check 'one worker' reloaded 1
check 'a larger pool' pool
check 'another namespace after a crash' moved
check 'law 1' law1
check 'a stop leaves nothing anywhere' stopped
check 'both sides together, elsewhere' together
check 'a hostile worker on the wrong device: 200 packets, none passes' hostile
finish
