#!/usr/bin/env bash
# 130-nat64ctl.sh - every show command in every format, filters, exit codes
source "$(dirname "$0")/../lib.sh"

formats()
{
	ctl show "$1" | head -50
	ctl --json show "$1" | pick "1 / (d['schema'] == 1)"
	if [ "$1" != status ]; then
		ctl --json show "$1" | pick "1 / ('$1' in d)"
	fi
	ctl --csv show "$1" | head -1
}

fields()
{
	ctl --json show "$1" | pick "[k for k in '$2'.split() if k not in d['$1'][0]]" | tee "$T/missing"
	[ -z "$(xargs <"$T/missing")" ]
}

usage()
{
	exits 2 ctl
	exits 2 ctl show
	exits 2 ctl show nonsense
	exits 2 ctl nonsense
	exits 2 ctl show bindings nonsense=1
	exits 2 ctl --nonsense show status
	exits 0 ctl --help
}

no_daemon()
{
	exits 3 "$B/nat64ctl" -s "$T/there-is-none.sock" show status
	[ "$(wc -l <"$T/said")" = 1 ]
}

filters()
{
	[ "$(ctl --json show bindings protocol=udp | pick "len(d['bindings'])")" = 1 ]
	[ "$(ctl --json show bindings protocol=tcp ip6=2001:db8:1::2 | pick "len(d['bindings'])")" = 1 ]
	[ "$(ctl --json show bindings ip6=2001:db8:9::9 | pick "len(d['bindings'])")" = 0 ]
	[ "$(ctl --json show bindings tenant=lab limit=1 | pick "len(d['bindings'])")" = 1 ]
}

session()
{
	[ "$(ctl --json show sessions protocol=udp |
		pick "[(s['remote_ip4'], s['remote_port4']) for s in d['sessions']][0]")" = "('203.0.113.2', 7)" ]
}

net_up
config
echo_server server 203.0.113.2 7
begin
peer client udp "$SERVER" 7 hello >"$T/peer"
peer client tcp "$SERVER" 7 hello >"$T/peer"
ping_server
for what in status tenants workers bindings sessions pools subscribers counters audit config; do
	check "show $what" formats $what
done
check 'fields of workers' fields workers 'tenant worker pid state restarts last_death received sandbox'
check 'fields of bindings' fields bindings 'tenant protocol ip6 port6 ip4 port4 kind sessions expires_seconds'
check 'fields of sessions' fields sessions \
	'tenant protocol ip6 port6 ip4 port4 remote_ip4 remote_port4 state expires_seconds'
check 'fields of pools' fields pools 'tenant protocol address ports_total ports_used ports_held'
check 'fields of subscribers' fields subscribers 'tenant prefix bindings sessions quota_drops'
check 'fields of counters' fields counters 'tenant name from action value'
check 'filters' filters
check 'a session' session
check 'usage errors' usage
check 'no daemon' no_daemon
check 'law 1' law1
finish
