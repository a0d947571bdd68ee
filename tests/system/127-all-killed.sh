#!/usr/bin/env bash
# 127-all-killed.sh - nat64d and all workers are killed at once: a restart finds the bindings, and with a service manager that
# keeps the queues also every packet
# alone: 5,000 packets a second, and queues that must hold what comes meanwhile
source "$(dirname "$0")/../lib.sh"

# The device stays, root's alone, with its routes.
device_stays()
{
	kill_all
	expect 'persist on' 'user root' -- ip -d -n "n64t-$$-gateway" link show nat64
	expect 'dev nat64' -- ip -6 -n "n64t-$$-gateway" route show 64:ff9b::/96
	expect 'dev nat64' -- ip -4 -n "n64t-$$-gateway" route show 198.51.100.8/29
	ip -n "n64t-$$-gateway" route del 198.51.100.8/29
	gateway_start
	grep -q 'has left its estate and 0 workers' "$T/gateway-nat64d.log"
	expect 'dev nat64' -- ip -4 -n "n64t-$$-gateway" route show 198.51.100.8/29
}

# Nobody but root may read other people's packets.
not_for_others()
{
	cat >"$T/attach.py" <<-END
		import fcntl, struct
		fd = open('/dev/net/tun', 'r+b', buffering=0)
		fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', b'nat64', 0x1101))
	END
	kill_all
	exits 1 ip netns exec "n64t-$$-gateway" setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all \
		python3 "$T/attach.py"
	grep -qE 'PermissionError' "$T/said"
	gateway_start
}

# One TCP connection, a line every tenth of a second, over the whole of it.
connection()
{
	local pid

	start client python3 "$top/tests/net.py" timed "$SERVER" 7 80
	pid=$(cat "$T/pid")
	sleep 0.5
	flood_start 5000
	sleep 0.5
	remember
	kill_all
	gateway_start
	all_there
	flood_end
	wait_for 30 gone "$pid"
	cat "$T/client-python3.log"
	grep -qx 80 "$T/client-python3.log"
	[ "$(talk)" = "$1" ]
}

# managed ADDRESS-AND-PORT TIMES
managed()
{
	local lost

	for _ in $(seq "$2"); do
		flood_start 5000
		sleep 1
		remember
		kill_all
		wait_for 10 manager_ready
		all_there
		flood_end
		lost=$(sed 's/.* lost \([0-9]*\) .*/\1/' "$T/flood")
		[ "$lost" = 0 ]
		[ "$(talk)" = "$1" ]
	done
}

# The last thing the manager has said is that its service is ready, and that it keeps all queues.
manager_ready()
{
	tail -1 "$T/gateway-env.log" | grep "manager: ready .* keeps $keeps\$"
}

# With the powers that the service has, no others.
under_manager()
{
	local powers

	powers=$(sed -n 's/^CapabilityBoundingSet=//p' "$top/packaging/nat64d.service" | tr 'A-Z \n' 'a-z,,' |
		sed 's/cap_/+/g; s/,$//')
	: >"$T/gateway-env.log"
	start gateway env PIDS="$T/pids" python3 "$top/tests/manager.py" setpriv --no-new-privs --bounding-set="-all,$powers" \
		"$B/nat64d" -c "$T/nat64.ini"
	cp "$T/pid" "$T/manager"
	wait_for 20 manager_ready
	talk
}

manager_stops()
{
	ctl stop
	wait_for 15 gone "$(cat "$T/manager")"
	grep -q 'manager: stopped, keeps 0' "$T/gateway-env.log"
	nothing_left
}

net_up
RUN=$SHM
mkdir "$RUN"
WORKERS=2
GATEWAY='metrics = off'
config
echo_server server 203.0.113.2 7
wait_for 10 settled
host >"$T/before"
begin
port=$(talk)
check 'the device stays, and a lost route is put back' device_stays
check 'only root may attach to it' not_for_others
check 'a connection outlives it' connection "$port"
check 'law 1' law1
check 'it stops' gateway_stop
check 'nothing is left' nothing_left
keeps=2
check 'started by a service manager' under_manager
port=$(talk)
check 'all killed under load, three times: nothing is lost' managed "$port" 3
check 'law 1 again' law1
check 'it stops, and the manager keeps nothing' manager_stops
# The IPv4 side in the router's namespace: a device there, too, and two queues more.
config "netns4 = n64t-$$-router"
keeps=4
check 'two devices, started by a service manager' under_manager
port=$(talk)
check 'all killed under load: nothing is lost' managed "$port" 1
check 'law 1' law1
check 'it stops, and the manager keeps nothing' manager_stops
finish
