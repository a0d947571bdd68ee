"""Bindings and sessions: timers, mapping and filtering, static bindings, limits (RFC 6146 section 3.5)."""
from row import *

HELLO = b"hello"


def udp6(sport=5000, dst=R, dport=53, src=A):
    return in6(src, dst) / UDP(sport=sport, dport=dport) / HELLO


def udp4(port="a", src=R, sport=53, dst=POOL):
    return lambda p: in4(src, dst) / UDP(sport=sport, dport=getattr(p, port)) / HELLO


def got6(src=R, sport=53, dst=A, dport=5000):
    return out6(src, dst) / UDP(sport=sport, dport=dport) / HELLO


def host(n, ports=64):
    """Who opens number n when all ports are to be used: one subscriber may take half of so few, the rest is for others."""
    return A if n < ports // 2 else f"2001:db8:{0x1000 + n:x}::1"


def gone(seconds):
    return [wait(seconds - 1), count(bindings=1), wait(1), count(bindings=0, sessions=0)]


def fail(why):
    raise Difference(why)


def source(p):
    return ".".join(str(b) for b in p.out[12:16])


def addressed(p, packet):
    """The pool address is the gateway's choice this once; from then on it must stay."""
    first = source(p)

    def same(packet):
        packet.src = first
        return packet
    p.same = same
    return same(packet)


def from_pool(p, port):
    low = 5000 if source(p).startswith("198.51.100.") else 2000
    if source(p) not in ("192.0.2.1", "198.51.100.7", "198.51.100.8") or not low <= port <= low + 999:
        fail(f"{source(p)} port {port} is not in a pool")
    return out4(source(p)) / UDP(sport=port, dport=53) / HELLO


def answered(run, packets, workers=1):
    """How many of so many subscribers get an error in the next second?"""
    got = 0
    run.gateway.clock(1)
    for n in range(packets):
        data = bytes(in6(f"2001:db8:{n + 16:x}::1", hlim=1) / UDP(sport=9, dport=53))
        verdict, out, to = run.gateway.packet(data, n % workers)
        if to is not None:
            verdict, out, to = run.gateway.packet(data, to)
        got += out != b""
    return got


def between(run, low, high, numbers):
    if not all(low <= n <= high for n in numbers) or len(set(numbers)) < 5:
        fail(f"not between {low} and {high}, or too few different ones: {numbers}")


# Timers
row("UDP ends after 300 s", "RFC 6146 3.5.1", open_udp(), *gone(300))
row("UDP: outbound refreshes", "RFC 4787 REQ-6", open_udp(), wait(299), open_udp(), *gone(300))
row("UDP: inbound refreshes", "RFC 6146 3.5.1", open_udp(), wait(299), send(udp4(), "translated", got6()), *gone(300))
row("UDP: inbound need not refresh", "RFC 6146 5.3", open_udp(), wait(299), send(udp4(), "translated", got6()), wait(1),
    count(bindings=0, sessions=0), config="inbound-refresh = no")
row("echo: inbound need not refresh", "RFC 6146 5.3", open_echo(), wait(59),
    send(lambda p: in4() / echo4(p.a, reply=True), "translated", out6() / echo6(77, reply=True)), wait(1),
    count(bindings=0, sessions=0), config="inbound-refresh = no")
row("UDP: a stranger's session does not last when inbound does not refresh", "RFC 6146 5.3", open_udp(),
    send(udp4(src=R2), "translated", got6(R2)), wait(299), open_udp(), send(udp4(src=R2), "translated", got6(R2)),
    count(sessions=2), wait(1), count(sessions=1), config="inbound-refresh = no")
row("TCP: the table says what refreshes, whatever inbound-refresh says", "RFC 6146 3.5.2.2", open_tcp(),
    send(lambda p: in4() / TCP(sport=80, dport=p.a, flags="SA"), "translated",
         out6() / TCP(sport=80, dport=40000, flags="SA")), wait(7439), count(sessions=1), config="inbound-refresh = no")
row("ICMP errors do not refresh", "RFC 7857 7, RFC 5508 REQ-6", open_udp(), wait(299),
    send(lambda p: in4(HOP) / error4(3, 1, v4(POOL, R) / UDP(sport=p.a, dport=53) / HELLO), "translated",
         lambda p: out6(HOP) / error6(1, 0, v6(A, R) / UDP(sport=5000, dport=53) / HELLO)),
    send(lambda p: in6() / error6(1, 4, v6(R, A) / UDP(sport=53, dport=5000) / HELLO), "translated",
         lambda p: out4() / error4(3, 3, v4(R, POOL) / UDP(sport=53, dport=p.a) / HELLO)), wait(1),
    count(bindings=0, sessions=0))
row("what is answered instead of translated does not refresh", "RFC 6146 3.5.1", open_udp(), wait(299),
    send(in6(hlim=1) / UDP(sport=5000, dport=53), "hop_limit", lambda p: v6(POOL, A) / error6(3, 0, p.sent)),
    send(lambda p: in4(ttl=1) / UDP(sport=53, dport=p.a), "hop_limit", lambda p: own4() / error4(11, 0, p.sent)),
    send(lambda p: in4(flags="DF") / UDP(sport=53, dport=p.a) / bytes(1300), "too_big",
         lambda p: own4() / error4(3, 4, p.sent[:548], 1260)),
    send(in6() / UDP(sport=5000, dport=53) / bytes(1400), "too_big", lambda p: v6(POOL, A) / error6(2, 0, p.sent[:1232], 1320)),
    wait(1), count(bindings=0, sessions=0), config=["mtu6 = 1280", "mtu4 = 1300"])
row("udp-timeout", "RFC 4787 REQ-5", open_udp(), *gone(120), config="udp-timeout = 120")
row("echo ends after 60 s", "RFC 6146 3.5.3", open_echo(), *gone(60))
row("echo: both directions refresh", "RFC 5508 REQ-2", open_echo(), wait(59), open_echo(), wait(59),
    send(lambda p: in4() / echo4(p.a, reply=True), "translated", out6() / echo6(77, reply=True)), *gone(60))
row("icmp-timeout", "RFC 5508 REQ-2", open_echo(), *gone(90), config="icmp-timeout = 90")
row("a reload changes a timeout for sessions refreshed from then on", "RFC 6146 3.5.1", open_udp(),
    reload("udp-timeout = 120"), wait(10), open_udp(), *gone(120))
row("sessions of one binding end one by one, the binding with the last", "RFC 6146 3.2", open_udp(),
    wait(100), open_udp(dst=R2), wait(100), open_udp(dst=HOP), wait(100), count(bindings=1, sessions=2), wait(100),
    count(bindings=1, sessions=1), wait(99), count(bindings=1, sessions=1), wait(1), count(bindings=0, sessions=0))
row("the first session may be the one that lasts", "RFC 6146 3.2", open_udp(), open_udp(dst=R2), open_udp(dst=HOP),
    wait(200), open_udp(), wait(100), count(bindings=1, sessions=1), wait(199), count(sessions=1), wait(1),
    count(bindings=0, sessions=0))
row("the second session may be the one that lasts", "RFC 6146 3.2", open_udp(), open_udp(dst=R2),
    wait(200), open_udp(dst=R2), wait(100), count(bindings=1, sessions=1),
    send(udp4(src=R2), "translated", got6(R2)), open_udp(), count(bindings=1, sessions=2), wait(300),
    count(bindings=0, sessions=0))

# Mapping and filtering
row("endpoint-independent mapping: one port for all remotes", "RFC 4787 REQ-1",
    open_udp(), send(udp6(dst=R2), "translated", lambda p: out4(dst=R2) / UDP(sport=p.a, dport=53) / HELLO),
    send(udp6(dport=54), "translated", lambda p: out4() / UDP(sport=p.a, dport=54) / HELLO),
    count(bindings=1, sessions=3))
row("endpoint-independent mapping: TCP", "RFC 5382 REQ-1",
    open_tcp(), send(in6(dst=R2) / TCP(sport=40000, dport=443, flags="S"), "translated",
                     lambda p: out4(dst=R2) / TCP(sport=p.a, dport=443, flags="S")), count(bindings=1, sessions=2))
row("endpoint-independent mapping: echo", "RFC 6146 3.5.3", open_echo(),
    send(in6(dst=R2) / echo6(77), "translated", lambda p: out4(dst=R2) / echo4(p.a)), count(bindings=1, sessions=2))
row("endpoint-independent filtering: a third host may send", "RFC 6888 REQ-7", open_udp(),
    send(udp4(src=R2, sport=999), "translated", got6(R2, 999)), count(bindings=1, sessions=2),
    send(in6(dst=R2) / UDP(sport=5000, dport=999), "translated", lambda p: out4(dst=R2) / UDP(sport=p.a, dport=999)),
    count(sessions=2))
row("endpoint-independent filtering: a third host's SYN", "RFC 6146 3.5.2.2", open_tcp(),
    send(lambda p: in4(R2) / TCP(sport=999, dport=p.a, flags="S"), "translated",
         out6(R2) / TCP(sport=999, dport=40000, flags="S")), count(bindings=1, sessions=2))
row("endpoint-independent filtering: a third host's echo", "RFC 6146 3.5.3", open_echo(),
    send(lambda p: in4(R2) / echo4(p.a), "translated", out6(R2) / echo6(77)), count(bindings=1, sessions=2))
row("the three protocols have tables of their own", "RFC 6146 3.1", open_udp(sport=77), open_tcp("b", sport=77),
    open_echo("c"), count(bindings=3, sessions=3),
    drop(lambda p: in4() / TCP(sport=80, dport=p.a, flags="A") if p.a != p.b else in4() / UDP(dport=1), "no_binding"))
row("no binding", "RFC 6146 3.5.1", drop(in4() / UDP(sport=53, dport=2000), "no_binding"),
    drop(in4() / TCP(sport=53, dport=2000, flags="A"), "no_binding"), drop(in4() / echo4(2000), "no_binding"),
    drop(in4() / echo4(2000, reply=True), "no_binding"), count(bindings=0))
row("ports below the pool's range, and port 0", "RFC 6146 3.5", *[drop(in4() / UDP(sport=53, dport=port), "no_binding")
                                                              for port in (0, 1, 1023, 65535)])
row("an IPv6 host's echo reply nobody asked for", "RFC 6146 3.5.3",
    send(in6() / echo6(5, reply=True), "translated", lambda p: out4() / echo4(p.a, reply=True), learn="a"))
row("a port is not used twice", "RFC 6146 3.5.1.1", *[open_udp(f"p{n}", sport=1000 + n) for n in range(200)],
    lambda run: None if len({getattr(run.ports, f"p{n}") for n in range(200)}) == 200 else fail("a port came twice"),
    count(bindings=200, sessions=200))
def ranges(run):
    low = [getattr(run.ports, f"l{n}") for n in range(64)]
    high = [getattr(run.ports, f"h{n}") for n in range(64)]
    if max(low) > 1023 or min(high) < 1024:
        fail(f"{low} for ports below 1024, {high} for the others")


for proto, opened in (("UDP", open_udp), ("TCP", open_tcp)):
    row(f"{proto}: ports below 1024 for those below 1024, the others for the others", "RFC 4787 REQ-3 a; RFC 6146 3.5.1.1",
        *[step for n in range(64) for step in (opened(f"l{n}", host(n), sport=n * 16), opened(f"h{n}", host(n), sport=1024 + n))],
        ranges,
        config="pool = 192.0.2.1 ports 960-1087")
    row(f"{proto}: a port of the other range where none is left", "RFC 4787 REQ-3 a; RFC 6146 3.5.1.1",
        *[opened(f"l{n}", host(n, 128), sport=n) for n in range(128)], lambda run: None if [getattr(
            run.ports, f"l{n}") > 1023 for n in range(128)] == [False] * 64 + [True] * 64 else fail("the wrong order"),
        config="pool = 192.0.2.1 ports 960-1087")
row("two hosts with the same port", "RFC 6146 3.5.1.1", open_udp("a", A), open_udp("b", B), open_udp("c", A2),
    lambda run: None if len({run.ports.a, run.ports.b, run.ports.c}) == 3 else fail("a port came twice"),
    send(udp4("b"), "translated", got6(dst=B)), send(udp4("a"), "translated", got6()),
    send(udp4("c"), "translated", got6(dst=A2)))


# Pools
row("the port range of the pool", "RFC 6146 3.5.1.1",
    *[open_udp(f"p{n}", host(n, 128), sport=1000 + n) for n in range(100)], config="pool = 192.0.2.1 ports 2000-2127")
for proto, opened in (("UDP", open_udp), ("TCP", open_tcp)):
    row(f"{proto}: all ports in use: 1/3, and only for new bindings", "RFC 6146 3.5.1.1",
        *[opened(f"p{n}", host(n), sport=1000 + n) for n in range(64)], count(bindings=64),
        send(in6() / {"UDP": UDP, "TCP": TCP}[proto](sport=7, dport=53), "ports_exhausted",
             lambda p: v6(POOL, A) / error6(1, 3, p.sent)),
        opened("p9", sport=1009), opened("p9", sport=1009, dst=R2), count(bindings=64, sessions=65),
        config="pool = 192.0.2.1 ports 2048-2111")
row("all identifiers in use", "RFC 6146 3.5.3", *[open_echo(f"p{n}", host(n), ident=n) for n in range(64)],
    send(in6() / echo6(999), "ports_exhausted", lambda p: v6(POOL, A) / error6(1, 3, p.sent)),
    open_udp(), config="pool = 192.0.2.1 ports 2048-2111")
row("paired: one host has one address for all protocols", "RFC 6888 REQ-2",
    send(udp6(), "translated", lambda p: addressed(p, out4() / UDP(
        sport=p.a, dport=53) / HELLO), learn="a"),
    send(in6() / TCP(sport=1, dport=2, flags="S"), "translated", lambda p: p.same(out4() / TCP(
        sport=p.b, dport=2, flags="S")), learn="b"),
    send(in6() / echo6(3), "translated", lambda p: p.same(out4() / echo4(p.c)), learn="c"),
    send(udp6(src=A2), "translated", lambda p: p.same(out4() / UDP(sport=p.d, dport=53) / HELLO), learn="d"),
    config="pool = 192.0.2.0/28")
row("several pools, several ranges", "RFC 6888 REQ-3",
    *[send(udp6(src=f"2001:db8:{n:x}::1"), "translated", lambda p: from_pool(p, p.x), learn="x") for n in range(64)],
    config=["pool = 192.0.2.1 ports 2000-2999", "pool = 198.51.100.7-198.51.100.8 ports 5000-5999"])


row("max-sessions: a new one is refused, the old ones live on", "RFC 6888 REQ-11",
    *[open_udp(f"p{n}", host(n, 4), sport=1000 + n) for n in range(4)],
    *[send(packet, "sessions_full", lambda p: v6(POOL, A) / error6(1, 3, p.sent))
      for packet in (udp6(sport=7), udp6(sport=1000, dst=R2))],
    send(udp4("p0", R2), "sessions_full", lambda p: own4(R2) / error4(3, 1, p.sent)), open_udp("p1", sport=1001), count(bindings=4, sessions=4), wait(300),
    count(bindings=0, sessions=0), open_udp(), config=["max-sessions = 4", "pool = 192.0.2.1 ports 2048-2111"])
row("icmp-rate: so many errors in a second, each subscriber its own", "RFC 5508 REQ-10",
    *[send(in6(hlim=1) / UDP(sport=n, dport=53), "hop_limit", lambda p: v6(POOL, A) / error6(3, 0, p.sent))
      for n in range(3)],
    drop(in6(hlim=1) / UDP(sport=9, dport=53), "hop_limit", times=2), count(icmp_limited=2),
    drop(in6(A2, hlim=1) / UDP(sport=9, dport=53), "hop_limit"), count(icmp_limited=3),
    send(in6(B, hlim=1) / UDP(sport=9, dport=53), "hop_limit", lambda p: v6(POOL, B) / error6(3, 0, p.sent)),
    wait(1), send(in6(hlim=1) / UDP(sport=9, dport=53), "hop_limit", lambda p: v6(POOL, A) / error6(3, 0, p.sent)),
    count(icmp_limited=3), config="icmp-rate = 3")

row("icmp-rate-total: so many errors in a second in all, or up to a quarter less", "RFC 4443 2.4 f",
    lambda run: between(run, 75, 100, [answered(run, 500) for _ in range(20)]),
    config=["icmp-rate-total = 100", "icmp-rate = 5"])
row("icmp-rate-total: who is over his own limit takes nothing from the others", "RFC 4443 2.4 f",
    *[send(in6(hlim=1) / UDP(sport=9, dport=53), "hop_limit", lambda p: v6(POOL, A) / error6(3, 0, p.sent))
      for _ in range(2)],
    drop(in6(hlim=1) / UDP(sport=9, dport=53), "hop_limit", times=1000),
    send(in6(B, hlim=1) / UDP(sport=9, dport=53), "hop_limit", lambda p: v6(POOL, B) / error6(3, 0, p.sent)),
    config=["icmp-rate-total = 4", "icmp-rate = 2"])
row("icmp-rate-total: workers share it", "RFC 4443 2.4 f",
    lambda run: between(run, 75, 100, [answered(run, 800, workers=2) for _ in range(20)]),
    config=["icmp-rate-total = 100", "icmp-rate = 100", "workers = 2"])



def icmp_errors(value, ip6, ip4):
    """With this value an IPv6 host gets errors, or not, and so does an IPv4 one; verdicts are as ever."""
    told6 = [("hop_limit", in6(hlim=1) / UDP(sport=5000, dport=53), lambda p: v6(POOL, A) / error6(3, 0, p.sent)),
             ("too_big", in6() / UDP(sport=5000, dport=53) / bytes(1500),
              lambda p: v6(POOL, A) / error6(2, 0, p.sent[:1232], 1500)),
             ("protocol_unsupported", in6(nh=132) / bytes(24), lambda p: v6(POOL, A) / error6(1, 4, p.sent))]
    told4 = [("hop_limit", lambda p: in4(ttl=1) / UDP(sport=53, dport=p.a), lambda p: own4() / error4(11, 0, p.sent)),
             ("protocol_unsupported", in4(proto=132) / bytes(24), lambda p: own4() / error4(3, 2, p.sent))]
    return [open_udp(), *[send(packet, verdict, out if told else None)
                          for told, side in ((ip6, told6), (ip4, told4)) for verdict, packet, out in side],
            drop(in4() / TCP(sport=9, dport=9, flags="S"), "kept"), wait(6),
            released("syn_unanswered", (lambda p: own4() / error4(3, 3, p.sent)) if ip4 else None), count(icmp_limited=0)]


for value, ip6, ip4 in (("both", 1, 1), ("ip6", 1, 0), ("ip4", 0, 1), ("none", 0, 0)):
    row(f"icmp-errors = {value}", "RFC 5508 REQ-9, RFC 7915 4.4", *icmp_errors(value, ip6, ip4),
        config=[f"icmp-errors = {value}", "mtu4 = 1480", "mtu6 = 1500"])
row("icmp-errors = none: what is translated for others passes", "RFC 5508 REQ-9", open_udp(),
    send(lambda p: in4(HOP) / error4(3, 1, v4() / UDP(sport=p.a, dport=53)), "translated",
         lambda p: out6(HOP) / error6(1, 0, v6() / UDP(sport=5000, dport=53))), config="icmp-errors = none")
row("icmp-errors: a reload changes it", "RFC 5508 REQ-9",
    drop(in6(hlim=1) / UDP(sport=9, dport=53), "hop_limit"), reload("icmp-errors = both"),
    send(in6(hlim=1) / UDP(sport=9, dport=53), "hop_limit", lambda p: v6(POOL, A) / error6(3, 0, p.sent)),
    config="icmp-errors = none")

# Hold-down
row("a port rests for 120 s", "RFC 6888 REQ-8", open_udp(), wait(300), count(held=1, bindings=0), wait(119),
    count(held=1), wait(1), count(held=0))
row("a port at rest is nobody's", "RFC 6888 REQ-8", open_udp(), wait(300), drop(udp4(), "no_binding"), count(held=1))
row("port-hold-down = 0", "RFC 6888 REQ-8", open_udp(), wait(300), count(held=0, bindings=0),
    config="port-hold-down = 0")
row("ports at rest are given up when the pool runs short", "RFC 6888 REQ-8",
    *[open_udp(f"p{n}", host(n), sport=1000 + n) for n in range(64)], wait(300), count(bindings=0, held=63),
    wait(2), count(held=63), wait(2), count(held=0, ports_squeezed=63),
    *[open_udp(f"q{n}", host(n), sport=2000 + n) for n in range(64)], config="pool = 192.0.2.1 ports 2048-2111")
row("half of the pool may rest in peace", "RFC 6888 REQ-8",
    *[open_udp(f"p{n}", sport=1000 + n) for n in range(32)], wait(300), count(bindings=0, held=32), wait(119),
    count(held=32, ports_squeezed=0), wait(1), count(held=0), config="pool = 192.0.2.1 ports 2048-2111")

# Static bindings
STATICS = [f"static = udp {POOL}:53 [{A}]:5353", f"static = tcp {POOL}:80 [{A}]:8080", f"static = icmp {POOL}:7 [{A}]:77"]
row("static UDP: in, answer, and out by itself", "RFC 6146 3.1", count(bindings=3, sessions=0),
    send(in4() / UDP(sport=999, dport=53) / HELLO, "translated", out6() / UDP(sport=999, dport=5353) / HELLO),
    send(in6() / UDP(sport=5353, dport=999) / HELLO, "translated", out4() / UDP(sport=53, dport=999) / HELLO),
    send(in6(dst=R2) / UDP(sport=5353, dport=1) / HELLO, "translated", out4(dst=R2) / UDP(sport=53, dport=1) / HELLO),
    count(bindings=3, sessions=2), wait(300), count(bindings=3, sessions=0), wait(10000), count(bindings=3),
    send(in4() / UDP(sport=999, dport=53) / HELLO, "translated", out6() / UDP(sport=999, dport=5353) / HELLO),
    config=STATICS)
row("static TCP: in, answer, and the other sessions of the service", "RFC 6146 3.1",
    *[send(in4() / TCP(sport=n, dport=80, flags="S"), "translated", out6() / TCP(sport=n, dport=8080, flags="S"))
      for n in (1000, 1001, 1002)],
    *[send(in6() / TCP(sport=8080, dport=n, flags="SA"), "translated", out4() / TCP(sport=80, dport=n, flags="SA"))
      for n in (1000, 1001)], count(sessions=3), wait(240), count(sessions=2), wait(7200), count(sessions=2), wait(240),
    count(sessions=0, bindings=3), config=STATICS)
row("static echo", "RFC 6146 3.1", send(in4() / echo4(7), "translated", out6() / echo6(77)),
    send(in6() / echo6(77, reply=True), "translated", out4() / echo4(7, reply=True)), wait(60),
    count(sessions=0, bindings=3), config=STATICS)
row("a static port belongs to one protocol", "RFC 6146 3.1", drop(in4() / TCP(sport=1, dport=53, flags="A"), "no_binding"),
    drop(in4() / UDP(sport=1, dport=80), "no_binding"), drop(in4() / echo4(53), "no_binding"), config=STATICS)
row("a static port inside the range is never given out", "RFC 6146 3.5.1.1",
    *[open_udp(f"p{n}", host(n), sport=1000 + n) for n in range(63)],
    lambda run: None if 2050 not in [getattr(run.ports, f"p{n}") for n in range(63)] else fail("the static port"),
    send(udp6(sport=9), "ports_exhausted", lambda p: v6(POOL, A) / error6(1, 3, p.sent)),
    send(in4() / UDP(sport=1, dport=2050), "translated", out6(dst=A2) / UDP(sport=1, dport=53)),
    config=["pool = 192.0.2.1 ports 2048-2111", f"static = udp {POOL}:2050 [{A2}]:53"])
row("the static port's number is free in the other protocols", "RFC 6146 3.1",
    *[open_tcp(f"p{n}", host(n), sport=1000 + n) for n in range(64)],
    lambda run: None if 2050 in [getattr(run.ports, f"p{n}") for n in range(64)] else fail("port 2050 was not used"),
    config=["pool = 192.0.2.1 ports 2048-2111", f"static = udp {POOL}:2050 [{A2}]:53"])
row("static bindings survive the death of their worker", "RFC 6146 3.1",
    send(in4() / UDP(sport=999, dport=53), "translated", out6() / UDP(sport=999, dport=5353)), restart(),
    count(bindings=3, sessions=1), send(in6() / UDP(sport=5353, dport=999), "translated", out4() / UDP(sport=53, dport=999)),
    count(bindings=3, sessions=1), config=STATICS)
row("dynamic bindings survive the death of their worker", "availability", open_udp(), open_udp(dst=R2), open_tcp("b"),
    open_echo("c"), wait(20), restart(), count(bindings=3, sessions=4), send(udp4(), "translated", got6()),
    send(udp4(src=R2), "translated", got6(R2)), wait(40), count(bindings=2), wait(180), count(bindings=1))
