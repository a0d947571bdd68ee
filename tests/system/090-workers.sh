#!/usr/bin/env bash
# 090-workers.sh - two workers share the traffic of many subscribers; one is killed in the middle of it
source "$(dirname "$0")/../lib.sh"

# 64 flows, each from a /64 of its own, which is a subscriber of its own.
flows()
{
	expect 64 -- peer client flows "$SERVER" 7 64 2001:db8:100::/48
}

both_received()
{
	local received

	received=$(ctl --json show workers | pick "[w['received'] for w in d['workers'] if w['received'] > 0]")
	echo "received: $received"
	[ "$(wc -w <<<"$received")" = 2 ]
}

both_translated()
{
	[ "$(ctl --json show bindings limit=1000 | pick "len(d['bindings'])")" -ge 64 ]
}

transfers()
{
	timeout 30 ip netns exec "n64t-$$-client" iperf3 -6 -J -P 8 -t 2 -c "$SERVER" >"$T/iperf"
	pick "1 / (d['end']['sum_received']['bytes'] > 100000)" <"$T/iperf"
}

# Each worker dies once while eight connections run; all eight go on.
killed()
{
	local pid pids client

	ip netns exec "n64t-$$-client" iperf3 -6 -J -P 8 -t 6 -c "$SERVER" >"$T/iperf" &
	client=$!
	read -r -a pids <<<"$(worker_pids)"
	for pid in "${pids[@]}"; do
		sleep 0.3
		kill -9 "$pid"
		wait_for 10 running 2
		alive $client
	done
	wait $client
	# what each received in the last second, long after the deaths
	pick "[s['bytes'] for s in d['intervals'][-1]['streams']]" <"$T/iperf" | tee "$T/last"
	pick "1 / all(s['bytes'] > 0 for s in d['intervals'][-1]['streams'])" <"$T/iperf"
	[ "$(ctl --json show workers | pick "sum(w['restarts'] for w in d['workers'])")" -ge 2 ]
}

net_up
WORKERS=2 config
ip -6 -n "n64t-$$-client" route add local 2001:db8:100::/48 dev lo
ip -6 -n "n64t-$$-gateway" route add 2001:db8:100::/48 via 2001:db8:1::2
echo_server server 203.0.113.2 7
start server iperf3 -s
wait_for 5 listening server 5201
begin
check '64 flows of 64 subscribers' flows
check 'both workers received' both_received
check 'every flow has its binding' both_translated
check 'eight connections' transfers
check 'law 1' law1
check 'workers killed under load' killed
check '64 flows once more' flows
finish
