#!/usr/bin/env bash
# kills.sh [N] - N SIGKILLs to workers at random moments under traffic of every kind; the table is audited after each hundred
#
# The workers are the real ones, but a second is a minute for them (hasty.c), so bindings, sessions and held ports run out
# all the time; the pool is small, so ports are short as well. Nothing that was bound before the first kill and used
# since may be lost or moved, the audit may find nothing, and every packet read has one verdict. Each other hundred there is a
# spare for each worker, and else one for whoever needs it.
source "$(dirname "$0")/../lib.sh"

kills=${1:-300} seed=${SEED:-$RANDOM}

traffic_begin()
{
	"$tools/churn" "/run/netns/n64t-$$-client" "/run/netns/n64t-$$-other" "/run/netns/n64t-$$-server" >"$T/churn" 2>&1 &
	echo $! >"$T/churn.pid"
	cat "$T/churn.pid" >>"$T/pids"
	sleep 3 # until ports are short, which 300 new flows a second are enough for, and timers have run out
	alive "$(cat "$T/churn.pid")" || { cat "$T/churn"; return 1; }
}

# some N - kill N times, then audit
some()
{
	"$tools/kill" "$T/run/control.sock" "$1" "$2" | tee -a "$T/killed"
	[ "${PIPESTATUS[0]}" = 0 ]
	ctl --json audit >"$T/audit" || { cat "$T/audit"; return 1; }
	[ "$(pick "d['audit'][0]['violations']" <"$T/audit")" = 0 ]
	[ "$(pick "d['audit'][0]['shards']" <"$T/audit")" = "$(pick "d['audit'][0]['shards']" <"$T/audited")" ]
}

storm()
{
	local done=0 n

	ctl --json audit >"$T/audited"
	while ((done < kills)); do
		sed -i "s/^spares = .*/spares = $((1 + done / 100 % 2))/" "$T/nat64.ini"
		ctl reload
		n=$((kills - done < 100 ? kills - done : 100))
		some $n $((seed + done)) || { echo "after $done kills, SEED=$seed"; return 1; }
		done=$((done + n))
	done
}

churned()
{
	local what

	wait_for 10 running 2
	sleep 2
	for what in ports_exhausted ports_squeezed replayed_packets kept syn_unanswered; do
		echo "$what $(counter $what)" | tee -a "$T/rough"
		[ "$(counter $what)" -gt 0 ]
	done
	echo "handed_over $(counter handed_over)"
	ns gateway curl -s http://127.0.0.1:9640/metrics | grep '^nat64_bindings_\(created\|expired\)' | tee "$T/bindings"
	[ "$(grep -c ' [1-9]' "$T/bindings")" = 6 ]
}

traffic_end()
{
	local churn

	churn=$(cat "$T/churn.pid")
	kill "$churn"
	wait_for 10 gone "$churn"
	cat "$T/churn"
	grep -q " keepers, 0 changed, 0 silent" "$T/churn"
	if grep -q ' 0 of ' "$T/churn"; then
		return 1
	fi
}

# After kills a packet may have been handed over and not yet counted, or counted twice: law 1 without its second half.
verdicts_add_up()
{
	local packets verdicts

	ctl --json show counters | python3 "$top/tests/law1.py" >"$T/law1" || true
	cat "$T/law1"
	read -r _ packets _ verdicts _ <"$T/law1"
	[ "$packets" = "$verdicts" ]
}

tools=$B/tests/stress
net_up
ip -6 -n "n64t-$$-client" route add local 2001:db8:100::/40 dev lo
ip -6 -n "n64t-$$-gateway" route add 2001:db8:100::/40 via 2001:db8:1::2
hasty 60
WORKERS=2 GATEWAY=$'metrics = 127.0.0.1:9640\nspares = 1' config 'udp-timeout = 120' 'tcp-transitory-timeout = 120' 'icmp-timeout = 60' \
	'filtering = address-dependent' \
	'static = udp 198.51.100.8:80 [2001:db8:1::2]:8080' 'static = udp 198.51.100.8:81 [2001:db8:2::2]:8081'
sed -i 's,^pool = .*,pool = 198.51.100.8 ports 2048-2815,' "$T/nat64.ini"
begin
check 'traffic of every kind' traffic_begin
check "$kills kills, an audit after each hundred" storm
awk '{ n += $2 } END { print n " killed, audited " NR " times; of the last hundred: " $0 }' "$T/killed"
check 'and it was as rough as it was meant to be' churned
paste -sd' ' "$T/rough"
check 'who was there at the start is there at the end' traffic_end
cat "$T/churn"
check 'every packet read has one verdict' verdicts_add_up
check 'the gateway stops' gateway_stop
finish
