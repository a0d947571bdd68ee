#!/usr/bin/env bash
# 040-transfers.sh - TCP and UDP in bulk, both ways: a page, a file, iperf3
source "$(dirname "$0")/../lib.sh"

page()
{
	expect 'it works' -- ns client curl -sS --max-time 20 "http://[$SERVER]/index.html"
}

file()
{
	ns client curl -sS --max-time 60 -o "$T/got" "http://[$SERVER]/file"
	cmp "$T/got" "$T/www/file"
}

# iperf WORD... - a second of it; both ends must count what arrived
iperf()
{
	timeout 30 ip netns exec "n64t-$$-client" iperf3 -6 -J -t 1 -c "$SERVER" "$@" >"$T/iperf"
	pick "'%s bytes, %s lost' % (d['end'].get('sum_received', d['end'].get('sum'))['bytes'],
		d['end'].get('sum', {}).get('lost_percent'))" <"$T/iperf"
	pick "1 / (d['end'].get('sum_received', d['end'].get('sum'))['bytes'] > 100000)" <"$T/iperf"
	pick "1 / (d['end'].get('sum', {}).get('lost_percent', 0) < 5)" <"$T/iperf"
}

many()
{
	local i pids=()

	for i in {1..8}; do
		ns client curl -sS --max-time 60 -o "$T/got$i" "http://[$SERVER]/index.html" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in {1..8}; do
		cmp "$T/got$i" "$T/www/index.html"
	done
}

net_up
config
mkdir "$T/www"
echo 'it works' >"$T/www/index.html"
head -c 5000000 /dev/urandom >"$T/www/file"
start server python3 -m http.server --directory "$T/www" 80
start server iperf3 -s
wait_for 5 listening server 80
wait_for 5 listening server 5201
begin
check 'a page' page
check 'a file of 5 MB' file
check 'eight at once' many
check 'iperf3 TCP up' iperf
check 'iperf3 TCP down' iperf -R
check 'iperf3 UDP up' iperf -u -b 20M -l 1200
check 'iperf3 UDP down' iperf -u -b 20M -l 1200 -R
check 'law 1' law1
finish
