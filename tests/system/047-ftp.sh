#!/usr/bin/env bash
# 047-ftp.sh - FTP works without help, because the client asks for a port and not for an address (EPSV, RFC 2428)
#
# The answer to PASV is an IPv4 address, that to EPSV only a port at the address that the control connection has. So there
# is no ALG. A client that insists on active transfers (EPRT) names an IPv6 address, and is told at once that it cannot be.
source "$(dirname "$0")/../lib.sh"

URL="ftp://[$SERVER]"

ftp()
{
	ns client curl -s -S -g -m 20 -v "$@"
}

# EPSV and nothing else, and all of the file.
download()
{
	ftp "$URL/down" -o "$T/got" 2>"$T/said"
	cmp "$T/ftp/down" "$T/got"
	expect 'EPSV' '229 ' -- cat "$T/said"
	exits 1 grep -q '> PASV' "$T/said"
}

upload()
{
	ftp -T "$T/ftp/down" "$URL/up"
	cmp "$T/ftp/down" "$T/ftp/up"
}

list()
{
	expect down up -- ftp "$URL/"
}

# curl is told, and waits all the same.
active()
{
	exits 28 ftp -m 2 -P - "$URL/down"
	expect 'EPRT |2|2001:db8:1::2|' '522 ' -- cat "$T/said"
}

# A worker dies in the middle of it: neither connection notices.
killed()
{
	ftp --limit-rate 2M "$URL/down" -o "$T/slow" 2>"$T/said" &
	wait_for 5 test -s "$T/slow"
	kill_workers
	wait
	cmp "$T/ftp/down" "$T/slow"
}

net_up
mkdir "$T/ftp"
head -c 5000000 /dev/urandom >"$T/ftp/down"
start server python3 -m pyftpdlib -i 203.0.113.2 -p 21 -w -d "$T/ftp"
wait_for 5 listening server 21
config
begin
check 'a file comes' download
check 'a file goes' upload
check 'a list of both' list
check 'no active transfers' active
check 'a worker dies during a transfer' killed
check 'law 1' law1
finish
