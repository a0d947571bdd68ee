#!/usr/bin/env bash
# crowd.sh [SUBSCRIBERS FLOWS SECONDS RATE] - one attacker beside so many good subscribers, on a pool of one address
#
# The attacker asks for a new binding RATE times a second. Of what the good ones ask for, 99.9 % must work, also when a worker is
# killed in the middle; the table's counts must be right; and the attacker must be the one whom show subscribers names.
source "$(dirname "$0")/../lib.sh"

subscribers=${1:-1000} flows=${2:-10} seconds=${3:-20} rate=${4:-20000}

crowd_begin()
{
	ns client python3 "$top/tests/stress/crowd.py" "$SERVER" 7 "$subscribers" "$flows" "$seconds" "$rate" >"$T/crowd" 2>&1 &
	echo $! >"$T/crowd.pid"
	cat "$T/crowd.pid" >>"$T/pids"
}

killed()
{
	sleep "$((seconds / 2))"
	alive "$(cat "$T/crowd.pid")"
	kill -9 "$(worker_pids | tr ' ' '\n' | head -1)"
	sleep "$((seconds / 2))"
}

crowd_end()
{
	wait_for 60 gone "$(cat "$T/crowd.pid")"
	cat "$T/crowd"
	grep -q '^crowd: .*good enough' "$T/crowd"
}

refusals()
{
	local what

	for what in bindings_quota bindings_rate bindings_share sessions_quota sessions_share ports_exhausted sessions_full; do
		echo "$what $(counter $what)"
	done | tee "$T/refusals"
	[ "$(counter bindings_rate)" -gt 0 ]
	[ "$(counter ports_exhausted)" = 0 ]
}

# The log says so, in one line a minute at most, and names nobody.
logged()
{
	wait_for 5 grep -q 'refused for want of room or by a quota: .*bindings_rate' "$T/gateway-nat64d.log"
	grep 'refused for' "$T/gateway-nat64d.log"
	[ "$(grep -c 'refused for' "$T/gateway-nat64d.log")" -le $((seconds / 60 + 2)) ]
	if grep -q 2001:db8 "$T/gateway-nat64d.log"; then
		return 1
	fi
}

# The attacker stands first; what it was refused is written beside it; nobody else was refused anything.
named()
{
	ctl show subscribers limit=4
	ctl --json show subscribers >"$T/subscribers"
	[ "$(pick "d['subscribers'][0]['prefix']" <"$T/subscribers")" = 2001:db8:1ff:ffff::/64 ]
	[ "$(pick "d['subscribers'][0]['quota_drops'] > 1000" <"$T/subscribers")" = True ]
	[ "$(pick "sum(s['quota_drops'] for s in d['subscribers'][1:])" <"$T/subscribers")" = 0 ]
	[ "$(pick "len(d['subscribers'])" <"$T/subscribers")" = $((subscribers + 1)) ]
	[ "$(pick "set(s['bindings'] for s in d['subscribers'][1:]) == {$flows}" <"$T/subscribers")" = True ]
}

# What the entries say is what the bindings add up to, also after a death.
counted()
{
	ctl --json audit | tee "$T/audit"
	[ "$(pick "d['audit'][0]['violations']" <"$T/audit")" = 0 ]
	[ "$(pick "sum(s['bindings'] for s in d['subscribers'])" <"$T/subscribers")" = "$(ctl --json show bindings | pick "len(d['bindings'])")" ]
}

# A reload lowers the quota: nobody loses anything, nobody gets more, and a host is told so.
lowered()
{
	local before

	before=$(bindings | sha256sum)
	echo 'max-bindings-per-subscriber = 2' >>"$T/nat64.ini"
	kill -HUP "$(cat "$T/nat64d.pid")"
	wait_for 10 reloaded
	expect one -- peer client udp "$SERVER" 7 one 7001
	expect two -- peer client udp "$SERVER" 7 two 7002
	expect unreachable -- peer client udp "$SERVER" 7 three 7003
	expect one -- peer client udp "$SERVER" 7 one 7001
	expect other -- peer other udp "$SERVER" 7 other
	[ "$(bindings | grep -v ' 2001:db8:[12]::2 ' | sha256sum)" = "$before" ]
}

reloaded()
{
	[ "$(ctl --json show config | pick "[k['value'] for k in d['config'] if k['key'] == 'max-bindings-per-subscriber']")" = 2 ]
}

net_up
ip -6 -n "n64t-$$-client" route add local 2001:db8:100::/40 dev lo
ip -6 -n "n64t-$$-gateway" route add 2001:db8:100::/40 via 2001:db8:1::2
echo_server server 203.0.113.2 7
WORKERS=2 config
sed -i 's,^pool = .*,pool = 198.51.100.8,' "$T/nat64.ini"
begin
crowd_begin
check 'a worker is killed meanwhile' killed
check 'the good ones got what they asked for' crowd_end
cat "$T/crowd"
check 'the attacker did not' refusals
check 'the log says so once' logged
check 'show subscribers names it' named
check 'all is counted' counted
check 'a lower quota ends nothing' lowered
check 'law 1' law1
finish
