#!/usr/bin/env bash
# 140-metrics.sh - /metrics is what Prometheus expects, in both formats, and tells nobody who the users are
source "$(dirname "$0")/../lib.sh"

get()
{
	ns gateway curl -sS --max-time 10 "$@" http://127.0.0.1:9640/metrics
}

prometheus()
{
	get -D "$T/head" >"$T/metrics"
	grep -i '^content-type: text/plain; version=0.0.4' "$T/head"
	promtool check metrics <"$T/metrics"
}

openmetrics()
{
	get -H 'Accept: application/openmetrics-text; version=1.0.0' -D "$T/head" >"$T/open"
	grep -i '^content-type: application/openmetrics-text; version=1.0.0' "$T/head"
	[ "$(tail -1 "$T/open")" = '# EOF' ]
}

names()
{
	local name

	for name in nat64_packets_total nat64_bytes_total nat64_icmp_packets_total nat64_bindings \
		nat64_bindings_created_total nat64_bindings_expired_total nat64_sessions nat64_pool_ports \
		nat64_worker_up nat64_worker_restarts_total nat64_queue_packets_total \
		nat64_build_info nat64_start_time_seconds; do
		grep -q "^${name}[{ ]" "$T/metrics" || { echo "no $name"; return 1; }
	done
}

# Law 1 again, as a dashboard sees it.
sums()
{
	get >"$T/metrics"
	awk '/^nat64_packets_total\{/ { verdicts += $2 } /^nat64_queue_packets_total\{/ { read += $2 }
		END { print read, verdicts; exit !(read > 0 && read == verdicts) }' "$T/metrics"
}

# No address of a user, in any spelling: only the listener's own may appear.
private()
{
	! grep -E '2001:db8|198\.51\.100|203\.0\.113|cb00:7102' "$T/metrics" "$T/open"
}

elsewhere()
{
	ns gateway curl -sS --max-time 10 -o "$T/page" -w '%{http_code}\n' http://127.0.0.1:9640/nonsense | grep 404
	ns gateway curl -sS --max-time 10 -X POST -o "$T/page" -w '%{http_code}\n' http://127.0.0.1:9640/metrics |
		grep 405
}

net_up
config
echo_server server 203.0.113.2 7
begin
peer client udp "$SERVER" 7 hello >"$T/peer"
peer client tcp "$SERVER" 7 hello >"$T/peer"
ping_server
check 'Prometheus text' prometheus
check 'OpenMetrics' openmetrics
check 'every metric is there' names
check 'law 1 in metrics' wait_for 5 sums
check 'no address of a user' private
check 'other pages and methods' elsewhere
check 'law 1' law1
finish
