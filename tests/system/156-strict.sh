#!/usr/bin/env bash
# 156-strict.sh - a tenant with offload = off beside one whose worker lies to the kernel about what it sends
#
# The liar is the real worker in its real sandbox, but on a packet that says LIES it sends 100 packets to a binding of the
# strict tenant, each with a header for the device that is not true (tests/stress/hostile.c): of super-packets, sizes and
# checksums. The strict tenant's device knows no such header, so whatever the kernel made of them comes to it as packets that
# are what they seem, one by one.
source "$(dirname "$0")/../lib.sh"

STRICT=2001:db8:64::203.0.113.2

# of TENANT NAME - a counter of a tenant, of both families together
of()
{
	ctl --json show counters tenant="$1" | pick "sum(c['value'] for c in d['counters'] if c['name'] == '$2')"
}

no_header()
{
	ns gateway ip tuntap show | tee "$T/devices"
	[ "$(sed -n 's/:.* vnet_hdr.*//p' "$T/devices")" = nat64 ]
	[ "$(ctl --json show tenants | pick "[t['offload'] for t in d['tenants'] if t['name'] == 'strict']")" = off ]
}

# The binding that the lies go to, as the liar reads it: IPv4 address and port in hexadecimal.
binding()
{
	peer client udp "$STRICT" 7 hello 7002
	ctl --json show bindings tenant=strict | python3 -c 'import ipaddress, json, sys
b = next(b for b in json.load(sys.stdin)["bindings"] if b["port6"] == 7002)
print("%08x %04x" % (int(ipaddress.ip_address(b["ip4"])), b["port4"]))' >"$T/binding"
}

lied()
{
	local pid before

	before=$(of strict queue_packets)
	ns client curl -sS --max-time 60 --limit-rate 4M -o "$T/got" "http://[$STRICT]/file" &
	pid=$!
	for _ in {1..20}; do
		peer client send "$SERVER" 7 "LIES $(cat "$T/binding")"
		sleep 0.05
	done
	wait $pid
	cmp "$T/got" "$T/www/file"
	echo "read $(($(of strict queue_packets) - before)) packets meanwhile"
}

# Some of the lies were believed, and came: to port 7002, from the liar's pool.
came()
{
	ctl --json show sessions tenant=strict | tee "$T/sessions"
	[ "$(pick "sum(s['remote_ip4'] == '198.51.100.8' for s in d['sessions'])" <"$T/sessions")" -gt 0 ]
}

unharmed()
{
	[ "$(of strict queue_segments)" = "$(of strict queue_packets)" ]
	[ "$(of strict bad_offload)" = 0 ]
	ctl --json show workers tenant=strict >"$T/workers"
	[ "$(pick "sum(w['restarts'] for w in d['workers'])" <"$T/workers")" = 0 ]
	expect hello -- peer client udp "$STRICT" 7 hello 7003
}

net_up
mkdir "$T/www" "$T/bin"
head -c 4000000 /dev/urandom >"$T/www/file"
start server python3 -m http.server --directory "$T/www" 80
wait_for 5 listening server 80
echo_server server 203.0.113.2 7
cp "$B/nat64d" "$B/nat64-ctld" "$B/nat64ctl" "$B/tests/stress/hostile/nat64-worker" "$T/bin"
B=$T/bin
OFFLOAD=auto config
cat >>"$T/nat64.ini" <<-END
	[tenant strict]
	device = strict
	offload = off
	pool = 198.51.100.16/29
	prefix = 2001:db8:64::/96
	source = 2001:db8::/32
	allow = 203.0.113.0/24
END
begin
check 'only the other device has offloads' no_header
check 'a binding of the strict tenant' binding
check '2,000 lies: a download through the strict one is whole' lied
check 'some of the lies came there' came
check 'one by one, and none the worse for it' unharmed
check 'law 1' law1
finish
