"""Limits per subscriber, fair shares of what runs short, and what is answered (RFC 6888 REQ-4, 5 and 11; RFC 6146 3.5.1.1)."""
from row import *

HELLO = b"hello"


def udp6(sport, dst=R, src=A):
    return in6(src, dst) / UDP(sport=sport, dport=53) / HELLO


def udp4(port, src):
    return lambda p: in4(src) / UDP(sport=53, dport=getattr(p, port)) / HELLO


def refused(packet, verdict, src=A, **more):
    """From the IPv6 side: address unreachable."""
    return send(packet, verdict, lambda p: v6(POOL, src) / error6(1, 3, p.sent), **more)


def refused4(packet, verdict, src):
    """From the IPv4 side: host unreachable."""
    return send(packet, verdict, lambda p: own4(src) / error4(3, 1, p.sent))


def opened(number, src=A, first=1000):
    return [open_udp(f"p{src}{n}", src=src, sport=first + n) for n in range(number)]


def take(n):
    """A binding on whatever address of the pool."""
    def step(run):
        verdict, _, _ = run.gateway.packet(bytes(udp6(1000 + n)), 0)
        if verdict != "translated":
            raise Difference(f"number {n}: {verdict}")
    return step


def let_in(port, src, dport):
    return send(udp4(port, src), "translated", out6(src) / UDP(sport=53, dport=dport) / HELLO)


# Bindings
row("max-bindings-per-subscriber: of all protocols and hosts together", "RFC 6888 REQ-4 a, REQ-11",
    open_udp("a"), open_tcp("b"), open_echo("c"), refused(udp6(7), "bindings_quota"),
    refused(in6() / TCP(sport=7, dport=80, flags="S"), "bindings_quota"), refused(in6() / echo6(7), "bindings_quota"),
    refused(udp6(5000, src=A2), "bindings_quota", A2), count(bindings=3, sessions=3),
    open_udp("a", dst=R2), open_udp("d", src=B), count(bindings=4, sessions=5), config="max-bindings-per-subscriber = 3")
row("max-bindings-per-subscriber: what ends makes room", "RFC 6888 REQ-4 a",
    *opened(2), refused(udp6(7), "bindings_quota"), wait(299), refused(udp6(7), "bindings_quota"), wait(1), count(bindings=0),
    *opened(2), refused(udp6(7), "bindings_quota"), config="max-bindings-per-subscriber = 2")
row("max-bindings-per-subscriber: a reload changes it and ends nothing", "RFC 6888 REQ-11 d",
    *opened(3), refused(udp6(7), "bindings_quota"), reload("max-bindings-per-subscriber = 4"), open_udp("x", sport=7),
    refused(udp6(8), "bindings_quota"), reload("max-bindings-per-subscriber = 1"), count(bindings=4),
    *opened(3), open_udp("x", sport=7), refused(udp6(8), "bindings_quota"), reload("max-bindings-per-subscriber = 0"),
    *opened(100), count(bindings=101), config="max-bindings-per-subscriber = 3")
row("max-bindings-per-subscriber: the worker's death changes no count", "availability",
    *opened(3), refused(udp6(7), "bindings_quota"), restart(), refused(udp6(7), "bindings_quota"), wait(300), restart(),
    *opened(3), refused(udp6(7), "bindings_quota"), config="max-bindings-per-subscriber = 3")
row("subscriber-prefix = 56: two /64 of it are one subscriber", "RFC 6888 REQ-4",
    open_udp("a", src="2001:db8:0:100::1"), open_udp("b", src="2001:db8:0:1ff::1"),
    refused(udp6(7, src="2001:db8:0:180::1"), "bindings_quota", "2001:db8:0:180::1"),
    open_udp("c", src="2001:db8:0:200::1"), config=["subscriber-prefix = 56", "max-bindings-per-subscriber = 2"])
row("subscriber-prefix = 128: each host is one", "RFC 6888 REQ-4",
    open_udp("a"), refused(udp6(7), "bindings_quota"), open_udp("b", src=A2), refused(udp6(7, src=A2), "bindings_quota", A2),
    config=["subscriber-prefix = 128", "max-bindings-per-subscriber = 1"])
row("static bindings count, and are never refused", "RFC 6888 REQ-4",
    count(bindings=2), open_udp("a"), refused(udp6(7), "bindings_quota"),
    send(in4() / UDP(sport=9, dport=53) / HELLO, "translated", out6() / UDP(sport=9, dport=5353) / HELLO),
    config=[f"static = udp {POOL}:53 [{A}]:5353", f"static = tcp {POOL}:80 [{A}]:8080", "max-bindings-per-subscriber = 3"])
row("static bindings alone may be more than the limit", "RFC 6888 REQ-4",
    count(bindings=2), refused(udp6(7), "bindings_quota"),
    send(in4() / UDP(sport=9, dport=53) / HELLO, "translated", out6() / UDP(sport=9, dport=5353) / HELLO),
    config=[f"static = udp {POOL}:53 [{A}]:5353", f"static = tcp {POOL}:80 [{A}]:8080", "max-bindings-per-subscriber = 1"])
row("an error is not answered, and an answer is limited", "RFC 6888 REQ-11 b; RFC 5508 REQ-10",
    open_udp("a"), *[refused(udp6(7), "bindings_quota") for _ in range(3)],
    drop(udp6(7), "bindings_quota", times=100), count(icmp_limited=100), wait(1), refused(udp6(7), "bindings_quota"),
    config=["max-bindings-per-subscriber = 1", "icmp-rate = 3"])

# Rate
row("new-bindings-per-second: sessions and packets of what stands are free", "RFC 6888 REQ-4 c",
    *opened(2), refused(udp6(7), "bindings_rate"), refused(udp6(7, src=A2), "bindings_rate", A2), *opened(2),
    *[open_udp("p0", sport=1000, dst=f"203.0.113.{n}") for n in range(20, 40)], *opened(2, src=B), wait(1),
    *opened(2, first=2000), refused(udp6(7), "bindings_rate"), wait(10), *opened(2, first=3000),
    refused(udp6(7), "bindings_rate"), restart(), refused(udp6(7), "bindings_rate"), config="new-bindings-per-second = 2")
row("new-bindings-per-second: 1000 if not said otherwise", "RFC 6888 REQ-4 c",
    *opened(1000), refused(udp6(7), "bindings_rate"), wait(1), open_udp("x", sport=7), config="max-sessions = 1M")

# Sessions
row("max-sessions-per-subscriber: over all of its bindings", "RFC 6888 REQ-5 a",
    *opened(3), open_udp(f"p{A}0", sport=1000, dst=R2), refused(udp6(1001, R2), "sessions_quota"),
    refused(udp6(7), "sessions_quota"), refused(udp6(7, src=A2), "sessions_quota", A2), *opened(3),
    *opened(4, src=B), count(bindings=7, sessions=8), wait(300), *opened(4), refused(udp6(7), "sessions_quota"),
    config="max-sessions-per-subscriber = 4")
row("max-sessions-per-subscriber: a quarter is not for those outside", "RFC 6888 REQ-5 a",
    open_udp("a"), *[let_in("a", f"203.0.113.{n}", 5000) for n in (20, 21)],
    refused4(udp4("a", R2), "sessions_quota", R2), let_in("a", "203.0.113.21", 5000), open_udp("b", sport=7),
    refused(udp6(8), "sessions_quota"), count(bindings=2, sessions=4), config="max-sessions-per-subscriber = 4")
row("max-sessions-per-subscriber: of static bindings, too", "RFC 6888 REQ-5 a",
    *[send(in4() / UDP(sport=n, dport=53) / HELLO, "translated", out6() / UDP(sport=n, dport=5353) / HELLO) for n in (1, 2, 3)],
    refused4(in4() / UDP(sport=4, dport=53) / HELLO, "sessions_quota", R), open_udp("a"), refused(udp6(7), "sessions_quota"),
    config=[f"static = udp {POOL}:53 [{A}]:5353", "max-sessions-per-subscriber = 4"])
row("max-sessions-per-subscriber = 0: no limit", "RFC 6888 REQ-5 a",
    open_udp("a"), *[open_udp("a", dst=f"203.0.113.{n}") for n in range(20, 220)], count(sessions=201),
    config="max-sessions-per-subscriber = 0")
row("max-sessions-per-subscriber: one host that meets another counts for both", "RFC 6888 REQ-5 a; RFC 6146 3.8",
    open_udp("b", src=B), open_udp("c", src=B, sport=1), open_udp("a"),
    send(lambda p: in6(dst=POOL) / UDP(sport=5000, dport=p.b) / HELLO, "translated",
         lambda p: v6(POOL, B, hlim=62) / UDP(sport=p.a, dport=5000) / HELLO), count(sessions=5),
    config="max-sessions-per-subscriber = 4")

# Fair shares. Of 640 ports, 32 for each subscriber and for one more are kept, but a tenth at least and half at most.
SHORT = "pool = 192.0.2.1 ports 2048-2687"


def others(number, first=3):
    return [open_udp(f"o{n}", src=f"2001:db8:{n:x}::1") for n in range(first, first + number)]


row("a subscriber that is alone leaves a reserve to who may come", "RFC 6888 REQ-11",
    *opened(577), refused(udp6(7), "bindings_share"), refused(udp6(7, src=A2), "bindings_share", A2),
    *opened(2, src=B), count(bindings=579), *opened(577), config=SHORT)
row("ports run short: the reserve is for those below their share", "RFC 6888 REQ-11",
    *others(9), *opened(312), refused(udp6(7), "bindings_share"),      # 10 subscribers: half is kept, 58 is a share
    *[step for n in range(3, 9) for step in opened(52, src=f"2001:db8:{n:x}::1", first=6000)], count(bindings=633),
    refused(udp6(7), "bindings_share"), *others(7, 20), count(bindings=640), refused(udp6(7), "ports_exhausted"),
    refused(udp6(7, src=B), "ports_exhausted", B), *others(9), *opened(312), config=SHORT)
row("ports run short, and nothing is kept for others", "RFC 6888 REQ-11",
    *opened(640), refused(udp6(7), "ports_exhausted"), config=[SHORT, "fair-share = no"])
row("ports run short: who has his share may not take more", "RFC 6888 REQ-11",
    *opened(270), *opened(275, src=B), refused(udp6(7), "bindings_share"), refused(udp6(7, src=B), "bindings_share", B),
    *opened(95, src="2001:db8:3::1"), refused(udp6(7), "ports_exhausted"), config=SHORT)
row("ports run short: who has a port less than his share may take one, and no more", "RFC 6888 REQ-11",
    *opened(212, src=B), *opened(333), refused(udp6(7), "bindings_share"),      # 96 of 640 are kept, a third is a share
    open_udp("b", src=B, sport=7), refused(udp6(8, src=B), "bindings_share", B), count(bindings=546), config=SHORT)
row("ports run short: of one protocol only", "RFC 6888 REQ-11",
    *opened(577), refused(udp6(7), "bindings_share"), open_tcp("t"), open_echo("e"), config=SHORT)
row("ports run short: those that rest are not there", "RFC 6888 REQ-8, REQ-11",
    *opened(500), wait(240), *opened(330), wait(60), count(bindings=330, held=170),
    *opened(77, first=7000), refused(udp6(7), "bindings_share"), open_udp("x", src=B), config=SHORT)
row("ports run short: another address of the pool has some", "RFC 6888 REQ-2, REQ-11",
    *[take(n) for n in range(1217)], refused(udp6(7), "bindings_share"), *[take(n) for n in range(1217)],
    config=["pool = 192.0.2.1-192.0.2.2 ports 2048-2687", "new-bindings-per-second = 0"])
row("sessions run short: the reserve is for those below their share", "RFC 6888 REQ-11",
    open_udp("b", src=B), *opened(32), refused(udp6(7), "sessions_share"), refused(udp6(1000, R2), "sessions_share"),
    refused4(udp4(f"p{A}0", R2), "sessions_share", R2), *[open_udp("b", src=B, dst=f"203.0.113.{n}") for n in range(20, 40)],
    refused(udp6(7, src=B), "sessions_share", B), *others(11), refused(udp6(7, src=B), "sessions_full", B),
    count(sessions=64), *opened(32), config=["max-sessions = 64", "pool = 192.0.2.1 ports 2048-2111"])
