#!/usr/bin/env bash
# dos.sh [SECONDS RATE] - what an attacker costs the others, of his own tenant and of another one: a table
#
# 500 polite subscribers of each of two tenants ask a server; meanwhile one attacker sends RATE packets a second that nobody
# wants, of one kind after the other. Of what is answered when nobody attacks, 95 % must be then too; no worker may die, and
# none may need more memory than before. A TCP connection that stands before the first attack is there after the last.
# An attack says something only if it comes to a worker and meets the defence it is about: so the verdict that refuses most of
# it is told in advance, and must have refused a tenth at least of what was sent.
source "$(dirname "$0")/../lib.sh"

seconds=${1:-10} rate=${2:-10000}
polite=(500 500) # subscribers, requests a second of each tenant
declare -A met=(
	[new_flows]='bindings_rate bindings_quota' [keys_alike]='bindings_rate bindings_quota' [fragments6]=fragments_full
	[icmp_errors6]=no_binding [resets6]=no_session [extension_headers]=bad_extension [fragments4]=fragments_full
	[icmp_errors4]=no_binding [resets4]=no_binding [syns4]=no_binding [datagrams4]=no_binding
)
victim=() # pool address and port of the connection that is to stand

# asked NAMESPACE SERVER NETWORK - the polite ones of a tenant; $T/NAMESPACE.polite is what polite.py says
asked()
{
	ns "$1" python3 "$top/tests/stress/polite.py" "$2" 7 "$3" "${polite[@]}" "$seconds" >"$T/$1.polite"
}

# anonymous - KiB of memory that workers have for themselves
anonymous()
{
	local pid

	for pid in $(worker_pids); do
		sed -n 's/^RssAnon:[[:blank:]]*\([0-9]*\) kB$/\1/p' "/proc/$pid/status"
	done | sort -n | tail -1
}

# attacked KIND NAMESPACE - one row of the table
attacked()
{
	local attack='' before after sent=0

	before=$(anonymous)
	ctl --json show counters >"$T/before"
	if [ "$1" != nobody ]; then
		ns "$2" python3 "$top/tests/stress/attack.py" "$1" 203.0.113.2 "$rate" "$((seconds + 2))" "${victim[@]}" \
			>"$T/sent" 2>"$T/attack.log" &
		attack=$!
		echo $attack >>"$T/pids"
		sleep 1
	fi
	asked client "$SERVER" 2001:db8:100::/40 &
	asked other 2001:db8:64::203.0.113.2 2001:db8:200::/40
	wait $!
	if [ "$attack" ]; then
		wait "$attack" || { cat "$T/attack.log"; return 1; }
		sent=$(cat "$T/sent")
	fi
	after=$(anonymous)
	ctl --json show counters >"$T/after"
	python3 - "$T" "$1" "$sent" "$seconds" "$before" "$after" "${met[$1]-}" <<-'END'
		import collections, json, pathlib, sys

		t, kind, sent, seconds, before, after = pathlib.Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:7])
		now = [json.loads((t / f"{n}.polite").read_text()) for n in ("client", "other")]
		if kind == "nobody":
		    (t / "idle").write_text(json.dumps(now))
		idle = json.loads((t / "idle").read_text())
		share = [100 * n["answered"] / max(1, i["answered"]) for n, i in zip(now, idle)]
		grew = collections.Counter()
		for name, sign in ("after", 1), ("before", -1):
		    for c in json.loads((t / name).read_text())["counters"]:
		        if c["tenant"] == "lab" and c["from"] and c["name"] not in ("translated", "handed_over"):
		            grew[c["name"]] += sign * c["value"]
		most, n = (grew.most_common(1) or [("-", 0)])[0]
		with open(t / "table", "a") as table:
		    print(f"| {kind:17} | {sent // (seconds + 2):6} | {share[0]:6.1f} % | {now[0]['median']:7.2f} | {now[0]['p99']:7.2f} | "
		          f"{share[1]:6.1f} % | {now[1]['median']:7.2f} | {now[1]['p99']:7.2f} | {after - before:+6} | "
		          f"{most if n else '-':20} |", file=table)
		# Memory that a worker has for itself does not follow what comes in; 256 KiB are a few pages of stack and heap.
		good = idle[0]["answered"] >= 0.99 * idle[0]["asked"] if kind == "nobody" else min(share) >= 95
		print(f"{sent} packets sent, {dict(grew.most_common(3))}; at least {min(share):.1f} %; {after - before} KiB more")
		arrived = kind == "nobody" or sent > 0 and most in sys.argv[7].split() and n >= sent / 10
		sys.exit(0 if good and after - before < 256 and arrived else 1)
	END
}

unharmed()
{
	ctl show workers
	[ "$(ctl --json show workers | pick "sum(w['restarts'] for w in d['workers'])")" = 0 ]
	[ "$(ctl --json audit | tee "$T/audit" | pick "sum(a['violations'] for a in d['audit'])")" = 0 ]
}

# The line that was begun before the attacks, and the others of that connection.
still_there()
{
	wait_for 60 gone "$(cat "$T/timed.pid")"
	grep -qx "$lines" "$T/client-python3.log"
}

kinds=(new_flows keys_alike fragments6 icmp_errors6 resets6 extension_headers)
kinds4=(fragments4 icmp_errors4 resets4 syns4 datagrams4)
lines=$(((${#kinds[@]} + ${#kinds4[@]} + 1) * (seconds + 4) * 10)) # one each tenth of a second

net_up
for side in client:1 other:2; do
	ip -6 -n "n64t-$$-${side%:*}" route add local "2001:db8:${side#*:}00::/40" dev lo
	ip -6 -n "n64t-$$-gateway" route add "2001:db8:${side#*:}00::/40" via "2001:db8:${side#*:}::2"
done
ip -n "n64t-$$-router" route add 198.18.0.0/15 via 203.0.113.2
echo_server server 203.0.113.2 7
WORKERS=1 QUEUE=5000 config
cat >>"$T/nat64.ini" <<-END
	[tenant calm]
	device = calm
	pool = 198.51.100.16/29
	prefix = 2001:db8:64::/96
	source = 2001:db8::/32
	allow = 203.0.113.0/24
	queue-length = 5000
END
printf '| %-17s | %-6s | %-8s | %-7s | %-7s | %-8s | %-7s | %-7s | %-6s | %-20s |\n' attack per\ s same median p99 other median p99 KiB \
	'mostly refused as' '---' '---' '---' '---' '---' '---' '---' '---' '---' '---' >"$T/table"
begin
start client python3 "$top/tests/net.py" timed "$SERVER" 7 "$lines"
cp "$T/pid" "$T/timed.pid"
check 'when nobody attacks' attacked nobody client
read -ra victim < <(ctl --json show bindings protocol=tcp | pick "[d['bindings'][0]['ip4'], d['bindings'][0]['port4']]")
for kind in "${kinds[@]}"; do
	check "$kind" attacked "$kind" client
done
for kind in "${kinds4[@]}"; do
	check "$kind" attacked "$kind" server
done
cat "$T/table"
awk -F'|' 'NR > 3 { n++; if (!n || $4 + 0 < same || !same) same = $4 + 0; if ($7 + 0 < other || !other) other = $7 + 0 }
	END { print "dos: of what is answered when nobody attacks, under each of " n " attacks at least " same " % of the same tenant, " \
		other " % of another one" }' "$T/table"
check 'nobody died, and the tables are right' unharmed
check 'a connection stands all the while' still_there
check 'law 1' law1
finish
