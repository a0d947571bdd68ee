#!/usr/bin/env bash
# 123-many-tenants.sh - 64 tenants, as many as there can be: each has its own of everything; one goes and another one comes
source "$(dirname "$0")/../lib.sh"

# tenants NUMBER... - one for each, with an address and a prefix of its own
tenants()
{
	local n

	{
		printf '%s\n' '[gateway]' "run-dir = $RUN" 'metrics = 127.0.0.1:9640' 'spares = 0'
		for n; do
			printf '%s\n' "[tenant t$n]" "pool = 198.51.100.$n" "prefix = 2001:db8:64:$n::/96" 'workers = 1' \
				'source = 2001:db8::/32' 'allow = 203.0.113.0/24' 'max-sessions = 1k' \
				"offload = ${OFFLOAD-auto}"
		done
	} >"$T/nat64.ini"
}

# each - with 64 tenants: a worker, an uid, a device, a guard, a table and a line each, and no others
each()
{
	local pids

	mapfile -t pids < <(ours)
	[ ${#pids[@]} = 66 ]
	[ "$(ps -o args= -p "${pids[@]}" | grep -c '^nat64-worker t[0-9]*$')" = 64 ]
	[ "$(ps -o args= -p "${pids[@]}" | sort -u | wc -l)" = 66 ]
	[ "$(ps -o uid= -p "${pids[@]}" | sort -u | wc -l)" = 66 ]
	[ "$(ns gateway ip -o link show type tun | wc -l)" = 64 ]
	[ "$(ns gateway nft list tables | grep -c ' nat64d-t')" = 64 ]
	[ "$(find "$RUN" -name '*.region' | wc -l)" = 64 ]
	[ "$(ctl --csv show tenants | grep -c '^t[0-9]*,nat64,t[0-9]*,1,')" = 64 ]
	[ "$(ns gateway curl -s http://127.0.0.1:9640/metrics | grep -c '^nat64_worker_up{.*} 1$')" = 64 ]
}

# serve NUMBER... - through each of these a page is fetched
serve()
{
	local n

	for n; do
		expect hello -- ns client curl -s -m 5 "http://[2001:db8:64:$n::203.0.113.2]:8080/hello"
	done
}

# workers - the others' are the same all the while
workers()
{
	ctl --json show workers |
		pick "[w['tenant'] + '=' + str(w['pid']) for w in d['workers'] if w['tenant'] not in ('t7', 't65')]"
}

one_more()
{
	tenants {1..65}
	exits 1 ctl reload
	grep 'more than 64 tenants' "$T/said"
}

swapped()
{
	local before

	before=$(workers)
	tenants {1..6} {8..65}
	exits 1 ctl reload
	grep 'there is no room for more; remove some, reload, then add others' "$T/said"
	tenants {1..6} {8..64}
	exits 0 ctl reload
	grep 'removed \[tenant t7\]' "$T/said"
	[ ! -e "$RUN/t7.region" ]
	tenants 65 {64..8} {6..1}
	exits 0 ctl reload
	grep 'added \[tenant t65\]' "$T/said"
	[ "$(workers)" = "$before" ]
	each
	serve 1 65 64
}

# All but one go at once, and come back.
most()
{
	tenants 33
	exits 0 ctl reload
	[ "$(ours | wc -l)" = 3 ]
	serve 33
	tenants {1..64}
	exits 0 ctl reload
	each
	serve 1 64
}

sixty_six()
{
	[ "$(ours | wc -l)" = 66 ]
}

killed()
{
	kill_nat64d
	gateway_start
	wait_for 10 sixty_six # the nat64-ctld before may take a moment to notice
	grep -q 'has left its estate and 64 workers; taking over' "$T/gateway-nat64d.log"
	[ "$(grep -c 'starting afresh' "$T/gateway-nat64d.log")" = 0 ]
	each
	serve 2 63
}

stops()
{
	gateway_stop
	nothing_left
}

net_up
RUN=$SHM
mkdir "$RUN" "$T/www"
echo hello >"$T/www/hello"
start server python3 -m http.server -d "$T/www" 8080
wait_for 5 listening server 8080
tenants {1..64}
wait_for 10 settled
host >"$T/before"
begin
check 'each of 64 has its own' each
check 'pages through some' serve 1 2 17 32 33 63 64
check 'one more is refused' one_more
check 'one goes, another one comes, and 63 do not notice' swapped
check 'a start takes all of them over' killed
check 'law 1, of each' law1
check '63 go at once, and come' most
check 'it stops, and nothing is left' stops
finish
