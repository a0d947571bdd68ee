#!/usr/bin/env bash
# demo.sh - the gateway at work: an IPv6-only client fetches a page and a file from an IPv4-only server, by name
#
# Everything is real and on this machine alone: five network namespaces, unbound as DNS64, nginx as the web server,
# nat64d between them; and while the file comes in, the worker that translates it is killed. Exit status 0 means that
# all of it worked. HOLD=1 keeps it running afterwards, to look around in.
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo "the demo needs root: sudo make demo" >&2; exit 1; }
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

MB=200
NAME=www.lab.example

say()
{
	if [ -t 1 ]; then
		printf '\n\033[1m%s\033[0m\n' "$*"
	else
		printf '\n%s\n' "$*"
	fi
}

# show COMMAND... - print it as one would type it, and run it
show()
{
	echo "  $ ${*/$B\//}" | sed "s/ -s [^ ]*control.sock//"
	"$@" 2>&1 | sed 's/^/    /'
}

fail()
{
	echo "FAILED: $*" >&2
	tail -20 "$T"/*.log >&2
	exit 1
}

# The name server of the IPv6 side. The zone has one name, and that name has only an IPv4 address.
dns64()
{
	cat >"$T/zone" <<-END
		lab.example. 60 IN SOA ns.lab.example. root.lab.example. 1 3600 600 86400 60
		lab.example. 60 IN NS ns.lab.example.
		ns.lab.example. 60 IN A 203.0.113.1
		$NAME. 60 IN A 203.0.113.2
	END
	cat >"$T/unbound.conf" <<-END
		server:
		  module-config: "dns64 iterator"
		  dns64-prefix: 64:ff9b::/96
		  interface: 2001:db8:1::1
		  access-control: 2001:db8::/32 allow
		  username: ""
		  chroot: ""
		  directory: "$T"
		  pidfile: ""
		  use-syslog: no
		  do-daemonize: no
		remote-control:
		  control-enable: no
		auth-zone:
		  name: lab.example.
		  zonefile: "$T/zone"
		  for-downstream: no
		  for-upstream: yes
	END
	# A copy, because Debian's AppArmor lets /usr/sbin/unbound read nothing outside its own folders.
	cp /usr/sbin/unbound "$T/unbound"
	start gateway "$T/unbound" -d -c "$T/unbound.conf"
	mkdir -p "/etc/netns/n64t-$$-client"
	echo 'nameserver 2001:db8:1::1' >"/etc/netns/n64t-$$-client/resolv.conf"
}

web()
{
	mkdir -m 755 "$T/www"
	echo '<html><title>It works</title>This page comes from an IPv4-only server.</html>' >"$T/www/index.html"
	head -c ${MB}M /dev/urandom >"$T/www/file"
	cat >"$T/nginx.conf" <<-END
		daemon off;
		pid $T/nginx.pid;
		error_log $T/nginx-error.log;
		user nobody nogroup;
		worker_processes 1;
		events {}
		http {
			access_log $T/nginx-access.log;
			client_body_temp_path $T/nginx-1;
			proxy_temp_path $T/nginx-2;
			fastcgi_temp_path $T/nginx-3;
			uwsgi_temp_path $T/nginx-4;
			scgi_temp_path $T/nginx-5;
			sendfile on;
			server {
				listen 203.0.113.2:80;
				root $T/www;
				limit_rate 40m; # so that the middle of a download can be met
			}
		}
	END
	start server nginx -e "$T/nginx-error.log" -c "$T/nginx.conf"
	wait_for 10 listening server 80
}

resolves()
{
	ns client python3 -c "import socket
print(socket.getaddrinfo('$NAME', 80, socket.AF_INET6)[0][4][0])"
}

got()
{
	stat -c %s "$T/got" 2>/dev/null || echo 0
}

got_at_least()
{
	[ "$(got)" -ge "$1" ]
}

# Download the file, and kill the worker when a third of it is there.
download()
{
	local size=$((MB * 1048576)) pid at curl

	start client curl -sS --fail --max-time 300 -o "$T/got" "http://$NAME/file"
	curl=$(cat "$T/pid")
	wait_for 120 got_at_least $((size / 3)) || fail "the download did not get going"
	pid=$(worker_pids)
	kill -9 "$pid"
	at=$(got)
	echo "  killed nat64-worker, pid $pid, with SIGKILL after $at of $size bytes"
	if [ "$at" -ge "$size" ] || gone "$curl"; then
		fail "the download was over before the worker could be killed"
	fi
	wait_for 10 running 1 || fail "no new worker took over"
	echo "  the worker is now pid $(worker_pids)"
	[ "$(worker_pids)" != "$pid" ] || fail "the worker did not die"
	wait_for 240 gone "$curl" || fail "the download hangs"
	if [ "$(got)" != "$size" ]; then
		fail "the download ended after $(got) bytes: $(cat "$T/client-curl.log")"
	fi
}

checksum()
{
	sha256sum <"$1" | cut -d' ' -f1
}

say 'A client that has only IPv6, a server that has only IPv4, nat64d between them'
echo "  client 2001:db8:1::2 -- gateway -- router -- server 203.0.113.2"
echo "  preparing namespaces, a name server (unbound, DNS64), a web server (nginx), a file of $MB MB"
net_up
web
dns64
config
gateway_start || fail "nat64d does not start"
show cat "$T/nat64.ini"
show ip -br -n "n64t-$$-client" -6 addr show scope global
show ip -br -n "n64t-$$-server" -4 addr show

say 'The name has only an IPv4 address; DNS64 makes an IPv6 address of it that leads to the gateway'
wait_for 10 resolves || fail "the client cannot resolve $NAME"
address=$(resolves)
echo "  $NAME is $address"
[ "$address" = 64:ff9b::cb00:7102 ] || fail "that is not 203.0.113.2 in 64:ff9b::/96"

say 'The client fetches a page by that name'
echo "  $ curl http://$NAME/"
ns client curl -sS --fail --max-time 30 -o "$T/page" "http://$NAME/" || fail "no page"
sed 's/^/    /' "$T/page"
cmp -s "$T/page" "$T/www/index.html" || fail "the page is not the server's"
echo "  the server saw it come from $(cut -d' ' -f1 "$T/nginx-access.log" | tail -1), an address of the pool"

say "The client downloads $MB MB, and in the middle of it the translating worker is killed"
download
want=$(checksum "$T/www/file")
have=$(checksum "$T/got")
echo "  sha256 on the server  $want"
echo "  sha256 on the client  $have"
[ "$want" = "$have" ] || fail "the checksums differ"

say 'What the gateway says of itself'
show "$B/nat64ctl" -s "$T/run/control.sock" show status
show "$B/nat64ctl" -s "$T/run/control.sock" show workers
show "$B/nat64ctl" -s "$T/run/control.sock" show bindings
law1 || fail "a packet has no verdict, or two"
echo "  every packet has exactly one verdict: $(law1_now)"

if [ -n "${HOLD-}" ]; then
	say 'It goes on running. In another terminal, as root:'
	for name in client gateway router server; do
		echo "  ip netns exec n64t-$$-$name bash"
	done
	echo "  there, on the client:   curl http://$NAME/    ping $NAME    traceroute $NAME"
	echo "  anywhere:               $B/nat64ctl -s $T/run/control.sock show status"
	echo "  the configuration is    $T/nat64.ini"
	say "Ctrl-C here, or kill $$, ends it and removes everything"
	trap 'exit 0' INT TERM
	while sleep 1; do :; done
fi

gateway_stop || fail "nat64d does not stop"
say 'It worked. Everything is removed again.'
