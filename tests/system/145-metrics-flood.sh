#!/usr/bin/env bash
# 145-metrics-flood.sh - whoever takes all places for metrics, and leaves, harms nobody afterwards
source "$(dirname "$0")/../lib.sh"

# Twice as many as a listener has places for, all silent in the middle of a request for longer than they may be, that
# leave while nat64-ctld is stopped: the time of the first half ends in one moment, and the second half is gone before
# it is let in. Of those a part of a request and the end are there at once, and libmicrohttpd sees the end only when
# their time is over, too.
flood()
{
	ns gateway python3 -c '
import os, signal, socket, sys, time
s = [socket.create_connection(("127.0.0.1", 9640)) for _ in range(64)]
for c in s:
    c.send(b"GET /metrics HTTP/1.1\r\n")
time.sleep(0.5)
os.kill(int(sys.argv[1]), signal.SIGSTOP)
time.sleep(6)
for c in s:
    c.close()
os.kill(int(sys.argv[1]), signal.SIGCONT)' "$(pgrep -s "$(cat "$T/nat64d.pid")" nat64-ctld)"
}

served()
{
	ns gateway curl -sS --max-time 3 -o "$T/metrics" http://127.0.0.1:9640/metrics &&
		grep -q '^nat64_build_info' "$T/metrics"
}

net_up
config
begin
check 'metrics are served' served
check 'a flood takes all places' flood
check 'metrics are served afterwards' wait_for 20 served
check 'the gateway stops' gateway_stop
finish
