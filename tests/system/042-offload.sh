#!/usr/bin/env bash
# 042-offload.sh - packets that stand for several: as many bytes in as out, whole, on a device with offloads and on one without
#
# Files and datagrams of every kind cross in both directions; the kernel makes super-packets of them where it may, and the
# counters say whether it did. A worker is killed with some in hand.
source "$(dirname "$0")/../lib.sh"

# total NAME - a counter of both families
total()
{
	ctl --json show counters | pick "sum(c['value'] for c in d['counters'] if c['name'] == '$1')"
}

offload()
{
	ctl --json show tenants | pick "d['tenants'][0]['offload']"
}

# What stands before each packet of the device, as the kernel says.
header()
{
	ns gateway ip -d -j tuntap show 2>/dev/null | grep vnet_hdr
}

no_header()
{
	if header; then
		return 1
	fi
	[ "$(offload)" = off ]
}

# download COUNT - so many at once, each compared
download()
{
	local i pids=()

	for i in $(seq "$1"); do
		ns client curl -sS --max-time 60 -o "$T/got$i" "http://[$SERVER]/file" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in $(seq "$1"); do
		cmp "$T/got$i" "$T/www/file"
	done
}

upload()
{
	ns client curl -sS --max-time 60 -T "$T/www/file" "http://[$SERVER]:8080/up"
	cmp "$T/www/file" "$T/up"
}

# Segments of TCP came together, whatever the kernel made of each.
several()
{
	[ "$(total queue_segments)" -gt $((2 * $(total queue_packets))) ]
}

one_by_one()
{
	[ "$(total queue_segments)" = "$(total queue_packets)" ]
}

# law_segments - law 1 for the packets that packets stand for
law_segments()
{
	local in out

	in=$(($(total queue_segments) + $(total handover_segments) + $(total replayed_segments) + $(total released_segments)))
	out=$(($(total translate_segments) + $(total drop_segments) + $(total reply_segments) + $(total hand_over_segments) +
		$(total keep_segments)))
	echo "in $in out $out"
	[ "$in" = "$out" ]
}

# datagrams FROM ADDRESS SIZE SEGMENT - SIZE bytes by one call that divides them, numbered; the other end must get each
datagrams()
{
	ns "$1" python3 - "$2" "$3" "$4" <<-'END'
		import socket, struct, sys
		address, size, segment = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
		s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
		s.settimeout(5)
		s.setsockopt(socket.SOL_UDP, 103, segment)      # UDP_SEGMENT
		data = b"".join(struct.pack(">I", n) for n in range(size // 4 + 1))[:size]
		s.sendto(data, (address, 8080))
		want = [data[at:at + segment] for at in range(0, size, segment)]
		got = [s.recv(65536) for _ in want]
		assert sorted(got) == sorted(want), [len(g) for g in got]
	END
}

all_datagrams()
{
	datagrams client "$SERVER" 40000 1000
	datagrams client "$SERVER" 5001 100
	datagrams client "$SERVER" 1400 1400
	datagrams client "$SERVER" 65 64
}

killed()
{
	local pid i

	ns client curl -sS --max-time 60 --limit-rate 20M -o "$T/got" "http://[$SERVER]/file" &
	pid=$!
	for i in {1..5}; do
		sleep 0.1
		kill -9 "$(worker_pids | tr -d '[],' | cut -d' ' -f1)" || true
	done
	wait $pid
	cmp "$T/got" "$T/www/file"
}

# everything - all of it; the gateway is up
everything()
{
	check 'downloads' download 4
	check 'an upload' upload
	check 'datagrams by one call' all_datagrams
}

net_up
mkdir "$T/www"
head -c 8000000 /dev/urandom >"$T/www/file"
cat >"$T/take.py" <<-'END'
	import http.server, socket, sys, threading
	class Take(http.server.BaseHTTPRequestHandler):
	    def do_PUT(self):
	        open(sys.argv[1], "wb").write(self.rfile.read(int(self.headers["Content-Length"])))
	        self.send_response(201)
	        self.end_headers()
	def echo():
	    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	    s.bind(("203.0.113.2", 8080))
	    while True:
	        s.sendto(*s.recvfrom(65536))
	threading.Thread(target=echo, daemon=True).start()
	http.server.ThreadingHTTPServer(("203.0.113.2", 8080), Take).serve_forever()
END
start server python3 -m http.server --directory "$T/www" 80
start server python3 "$T/take.py" "$T/up"
wait_for 5 listening server 80
wait_for 5 listening server 8080

WORKERS=2 config
sed -i 's/^offload.*/offload = auto/' "$T/nat64.ini"
begin
check 'the device has offloads' expect 'tso' -- offload
check 'and says so before each packet' header
everything
check 'they came together' several
check 'workers are killed with some in hand' killed
check 'law 1' law1
check 'law 1, each for itself' law_segments
gateway_stop

sed -i 's/^offload.*/offload = off/' "$T/nat64.ini"
begin
everything
check 'they came one by one' one_by_one
check 'offload = off: no virtio header' no_header
check 'law 1' law1
finish
