"""Two IPv6 hosts meet by way of their pool addresses (RFC 6146 section 3.8, RFC 4787 REQ-9)."""
from row import *

HELLO = b"hello"
SERVER = [f"static = udp {POOL}:7000 [{B}]:700", f"static = tcp {POOL}:7001 [{B}]:701"]


def call(hlim=64, data=HELLO, **fields):
    """A's packet to B's service."""
    return in6(A, POOL, hlim=hlim, **fields) / UDP(sport=5000, dport=7000) / data


def called(hlim=62, data=HELLO, **fields):
    return lambda p: out6(POOL, B, hlim=hlim, **fields) / UDP(sport=p.a, dport=700) / data


def answer(hlim=64, **fields):
    return lambda p: in6(B, POOL, hlim=hlim, **fields) / UDP(sport=700, dport=p.a) / HELLO


def answered(hlim=62, **fields):
    return out6(POOL, A, hlim=hlim, **fields) / UDP(sport=7000, dport=5000) / HELLO


MEET = send(call(), "translated", called(), learn="a")

row("UDP: external source address and port on both sides", "RFC 4787 REQ-9", MEET,
    send(answer(), "translated", answered()), count(bindings=3, sessions=2), config=SERVER)
row("two dynamic bindings", "RFC 4787 REQ-9", open_udp("b", B, 700),
    send(lambda p: in6(A, POOL) / UDP(sport=5000, dport=p.b) / HELLO, "translated",
         lambda p: out6(POOL, B, hlim=62) / UDP(sport=p.a, dport=700) / HELLO, learn="a"),
    send(answer(), "translated", lambda p: out6(POOL, A, hlim=62) / UDP(sport=p.b, dport=5000) / HELLO),
    count(bindings=2, sessions=3))
row("TCP: a whole connection", "RFC 5382 REQ-8",
    send(in6(A, POOL) / TCP(sport=5000, dport=7001, flags="S"), "translated",
         lambda p: out6(POOL, B, hlim=62) / TCP(sport=p.a, dport=701, flags="S"), learn="a"),
    send(lambda p: in6(B, POOL) / TCP(sport=701, dport=p.a, flags="SA"), "translated",
         out6(POOL, A, hlim=62) / TCP(sport=7001, dport=5000, flags="SA")),
    send(in6(A, POOL) / TCP(sport=5000, dport=7001, flags="A") / HELLO, "translated",
         lambda p: out6(POOL, B, hlim=62) / TCP(sport=p.a, dport=701, flags="A") / HELLO),
    count(bindings=3, sessions=2), wait(7440), count(sessions=2), wait(239), count(sessions=2), wait(1),
    count(bindings=2, sessions=0), config=SERVER)
row("a host reaches itself by its pool address", "RFC 6146 3.8", open_udp("b", A, 700),
    send(lambda p: in6(A, POOL) / UDP(sport=700, dport=p.b) / HELLO, "translated",
         lambda p: out6(POOL, A, hlim=62) / UDP(sport=p.b, dport=700) / HELLO))
row("echo finds the binding of its own identifier", "RFC 5508 REQ-7; RFC 6146 3.8",
    send(in6(A, POOL) / echo6(77) / HELLO, "translated", out6(POOL, A, hlim=62) / echo6(77) / HELLO),
    send(in6(A, POOL) / echo6(77, reply=True) / HELLO, "translated",
         out6(POOL, A, hlim=62) / echo6(77, reply=True) / HELLO), count(bindings=1, sessions=1))
row("the traffic class comes along, extension headers and flow label do not", "RFC 6146 3.8",
    send(call(tc=0xb8, fl=5), "translated", called(tc=0xb8), learn="a"), config=SERVER)
row("traffic-class of the configuration", "RFC 6146 3.8",
    send(call(tc=0xb8), "translated", called(tc=8), learn="a"), config=SERVER + ["traffic-class = 8"])
row("no binding there", "RFC 6146 3.8", drop(in6(A, POOL) / UDP(sport=5000, dport=7009), "no_binding"))
row("the other pool address", "RFC 6146 3.8",
    send(in6(A, "192.0.2.2") / UDP(sport=5000, dport=7000) / HELLO, "translated", lambda p: out6(
        str(ipaddress.IPv6Address(p.out[8:24])), B, hlim=62) / UDP(sport=p.a, dport=700) / HELLO, learn="a"),
    config=["pool = 192.0.2.1-192.0.2.2", f"static = udp 192.0.2.2:7000 [{B}]:700"])
row("the caller's prefix is seen by the caller, the first one by the called", "RFC 6146 3.8",
    send(in6(A, embed(POOL, "2001:db8:64::/48")) / UDP(sport=5000, dport=7000) / HELLO, "translated", called(), learn="a"),
    send(answer(), "translated", out6(embed(POOL, "2001:db8:64::/48"), A, hlim=62) /
         UDP(sport=7000, dport=5000) / HELLO),
    config=SERVER + ["prefix = 64:ff9b::/96", "prefix = 2001:db8:64::/48", f"source = {A}/128", f"source = {B}/128"])
row("off", "hairpin", drop(call(), "hairpin_off"), count(bindings=2, sessions=0),
    send(in4() / UDP(sport=53, dport=7000), "translated", out6(dst=B) / UDP(sport=53, dport=700)),
    config=SERVER + ["hairpin = no"])
row("off and on by reload", "hairpin", MEET, reload(*SERVER, "hairpin = no"), drop(call(), "hairpin_off"),
    reload(*SERVER), MEET, config=SERVER)
row("deny does not reach the pool", "RFC 6146 3.8", MEET, config=SERVER + ["deny = 192.0.0.0/16"])

# The hop limit counts twice
row("hop limit 3", "RFC 6146 3.8", send(call(3), "translated", called(1), learn="a"), config=SERVER)
row("hop limit 2 ends in the middle: answered from the IPv4 side, translated back", "RFC 7915 4.1; RFC 6146 3.8",
    send(call(2), "hop_limit", out6(POOL, A, hlim=63, tc=0xc0) / error6(3, 0, in6(A, POOL, hlim=1) /
                                                              UDP(sport=5000, dport=7000) / HELLO)),
    count(bindings=3, sessions=1), config=SERVER)
row("hop limit 1 ends before it begins", "RFC 6146 3.8",
    send(call(1), "hop_limit", v6(POOL, A) / error6(3, 0, call(1))), count(bindings=2, sessions=0), config=SERVER)
row("too big for the way back: translated back", "RFC 6146 3.8",
    send(call(data=bytes(1300)), "too_big", lambda p: out6(POOL, A, tc=0xc0) / error6(2, 0, bytes(
        in6(A, POOL, hlim=63) / UDP(sport=5000, dport=7000) / bytes(1300))[:40 + 528], 1280)),
    config=SERVER + ["mtu6 = 1280"])
row("too big for the way out", "RFC 6146 3.8",
    send(call(data=bytes(1453)), "too_big", v6(POOL, A) / error6(2, 0, bytes(call(data=bytes(1453)))[:1232], 1500)),
    config=SERVER + ["mtu = 1600", "mtu4 = 1480"])

# Errors
row("the called host's error reaches the caller", "RFC 5508 REQ-7", MEET,
    send(lambda p: in6(B, POOL) / error6(1, 4, out6(POOL, B, hlim=62) / UDP(sport=p.a, dport=700) / HELLO),
         "translated", out6(POOL, A, hlim=62) / error6(1, 4, in6(A, POOL, hlim=62) /
                                                      UDP(sport=5000, dport=7000) / HELLO)), config=SERVER)
row("the caller's error reaches the called", "RFC 5508 REQ-7", MEET,
    send(in6(A, POOL) / error6(1, 4, answered()), "translated",
         lambda p: out6(POOL, B, hlim=62) / error6(1, 4, in6(B, POOL, hlim=62) / UDP(sport=700, dport=p.a) / HELLO)),
    config=SERVER)
row("a router's error on the way to the called host", "RFC 5508 REQ-7 a", MEET,
    send(lambda p: in6(ROUTER, POOL) / error6(3, 0, out6(POOL, B, hlim=62) / UDP(sport=p.a, dport=700) / HELLO),
         "translated", out6("198.51.100.9", A, hlim=62) / error6(3, 0, in6(A, POOL, hlim=62) /
                                                                UDP(sport=5000, dport=7000) / HELLO)),
    config=SERVER + ["router4 = 198.51.100.9"])
row("packet too big on the way to the called host", "RFC 7915 5.2", MEET,
    send(lambda p: in6(ROUTER, POOL) / error6(2, 0, out6(POOL, B, hlim=62) / UDP(sport=p.a, dport=700) / HELLO, 1400),
         "translated", out6(POOL, A, hlim=62) / error6(2, 0, in6(A, POOL, hlim=62) /
                                                      UDP(sport=5000, dport=7000) / HELLO, 1400)), config=SERVER)
row("errors about nothing", "RFC 6146 3.8", MEET,
    drop(in6(B, POOL) / error6(1, 4, v6(POOL, B) / UDP(sport=9, dport=700)), "no_binding"),
    drop(lambda p: in6(B, POOL) / error6(1, 4, v6(POOL, B) / UDP(sport=p.a, dport=9)), "no_binding"), config=SERVER)

# From the IPv4 side with a pool address as source: the deepest that headers grow
FORGED = in4(POOL, POOL, ttl=1) / UDP(sport=7002, dport=7000) / HELLO
row("a forged source in the pool, TTL 1: the error goes to whom it concerns, within the headroom", "RFC 6146 3.8",
    send(in6(A, POOL) / UDP(sport=5000, dport=7000) / HELLO, "translated",
         out6(POOL, B, hlim=62) / UDP(sport=7002, dport=700) / HELLO),
    send(FORGED, "hop_limit", out6(POOL, A, tc=0xc0) / error6(3, 0, in6(A, POOL, hlim=1) / UDP(sport=5000, dport=7000) / HELLO)),
    config=SERVER + [f"static = udp {POOL}:7002 [{A}]:5000"])
