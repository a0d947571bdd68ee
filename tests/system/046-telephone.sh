#!/usr/bin/env bash
# 046-telephone.sh - calls by SIP, and flows that are silent for long (RFC 4787 REQ-5)
#
# Without an ALG the gateway carries what is in the headers of packets and leaves alone what is written inside them. So a
# call is set up, held and ended: sipp answers to where a request came from. But each side reads in the other's SDP an
# address of the other family, and has to know by itself what to make of it: the client can put the server's into the
# prefix, the server can only send to where media come from. A client behind a CLAT does so without knowing.
#
# For the worker a second is a minute, and udp-timeout is ten of them.
source "$(dirname "$0")/../lib.sh"

# calls N SECONDS - N calls that last so long; all must be good. Nothing is lost, so nothing is sent twice (-nr): sipp takes
# an INVITE that comes again, because it was slow itself, for an error.
calls()
{
	timeout 30 ip netns exec "n64t-$$-client" sipp -nr -sn uac -i 2001:db8:1::2 -p 5060 -m "$1" -r 20 -d "$(($2 * 1000))" \
		-nostdin -trace_msg -message_file "$T/caller" "[$SERVER]:5060" >"$T/calls"
	grep -q "Successful call .* $1 *$" "$T/calls"
}

# Each has read the other's address as it was written.
as_written()
{
	expect 'c=IN IP6 2001:db8:1::2' -- cat "$T/called"
	expect 'c=IN IP4 203.0.113.2' -- cat "$T/caller"
	[ "$(bindings | wc -l)" = 1 ]
}

# media FILE - a packet of each of four flows; where do they come from?
media()
{
	local port

	for port in 7001 7002 7003 7004; do
		peer client udp "$SERVER" 7 voice $port
	done >"$T/$1"
	[ "$(grep -c voice "$T/$1")" = 4 ]
}

# A call on hold: nobody says anything for nearly as long as a session lasts. INVITE and BYE come from one port, and so do
# the media before and after.
on_hold()
{
	bindings >"$T/before" && media first && calls 1 7 && media second && diff "$T/first" "$T/second" &&
		bindings | comm -23 "$T/before" - | tee "$T/lost" && [ ! -s "$T/lost" ]
}

# On a machine so busy that ten seconds were over before somebody spoke again, nothing is known: once more.
hold()
{
	local begun

	for _ in {1..5}; do
		begun=$SECONDS
		if on_hold; then
			return 0
		fi
		[ $((SECONDS - begun)) -ge 9 ]
		echo "that took $((SECONDS - begun)) s"
	done
	return 1
}

# A port that rests is given to nobody, so who comes back has another one.
forgotten()
{
	wait_for 30 none_bound
	media third
	sort "$T/first" "$T/third" | uniq -d | tee "$T/same"
	[ ! -s "$T/same" ]
}

none_bound()
{
	[ -z "$(bindings)" ]
}

hasty 60
net_up
config 'udp-timeout = 600' 'port-hold-down = 3600'
echo_server server 203.0.113.2 7
cd "$T"	# where sipp leaves its files
start server sipp -sn uas -i 203.0.113.2 -p 5060 -nostdin -trace_msg -message_file "$T/called"
begin
check 'twenty calls' calls 20 1
check 'nobody wrote in them' as_written
check 'silent for nearly as long as udp-timeout' hold
check 'silent for longer' forgotten
check 'law 1' law1
finish
