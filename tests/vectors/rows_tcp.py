"""The TCP state machine of RFC 6146 section 3.5.2.2, seen through its timers.

A static binding is open on both sides, so each state can be reached from either. What is seen: how long after the
event the session ends, and whether the segment was forwarded at all.
"""
from row import *

STATIC = f"static = tcp {POOL}:8080 [{A}]:80"
OPEN, CLOSE, EST = 180, 300, 7440
FLAGS = {"SYN": "S", "SYN+ACK": "SA", "FIN": "FA", "RST": "R", "ACK": "A"}


def seg(event, verdict="translated"):
    """"V6 SYN": a segment from that side."""
    side, flags = event.split()
    tcp = dict(flags=FLAGS[flags], seq=1)
    if side == "V6":
        return send(in6() / TCP(sport=80, dport=40000, **tcp), verdict, out4() / TCP(sport=8080, dport=40000, **tcp))
    return send(in4() / TCP(sport=40000, dport=8080, **tcp), verdict, out6() / TCP(sport=40000, dport=80, **tcp))


# How to get there, and how long it lives from then on
PATH = {
    "V4 INIT": (["V4 SYN"], OPEN),
    "V6 INIT": (["V6 SYN"], OPEN),
    "ESTABLISHED": (["V6 SYN", "V4 SYN+ACK"], EST),
    "V4 FIN RCV": (["V6 SYN", "V4 SYN+ACK", "V4 FIN"], EST),
    "V6 FIN RCV": (["V6 SYN", "V4 SYN+ACK", "V6 FIN"], EST),
    "V6 FIN + V4 FIN RCV": (["V6 SYN", "V4 SYN+ACK", "V6 FIN", "V4 FIN"], CLOSE),
    "TRANS": (["V6 SYN", "V4 SYN+ACK", "V6 RST"], CLOSE),
}
EVENTS = [f"{side} {flags}" for side in ("V6", "V4") for flags in ("SYN", "SYN+ACK", "FIN", "RST", "ACK")]
# What moves a state or sets a timer; everything else is forwarded and does neither
MOVE = {
    "V4 INIT": {"V6 SYN": ("ESTABLISHED", EST), "V6 SYN+ACK": ("ESTABLISHED", EST)},
    "V6 INIT": {"V6 SYN": ("V6 INIT", OPEN), "V6 SYN+ACK": ("V6 INIT", OPEN),
                "V4 SYN": ("ESTABLISHED", EST), "V4 SYN+ACK": ("ESTABLISHED", EST)},
    "ESTABLISHED": {**{e: ("ESTABLISHED", EST) for e in EVENTS}, "V4 FIN": ("V4 FIN RCV", EST),
                    "V6 FIN": ("V6 FIN RCV", EST), "V4 RST": ("TRANS", CLOSE), "V6 RST": ("TRANS", CLOSE)},
    "V4 FIN RCV": {**{e: ("V4 FIN RCV", EST) for e in EVENTS}, "V6 FIN": ("V6 FIN + V4 FIN RCV", CLOSE)},
    "V6 FIN RCV": {**{e: ("V6 FIN RCV", EST) for e in EVENTS}, "V4 FIN": ("V6 FIN + V4 FIN RCV", CLOSE)},
    "V6 FIN + V4 FIN RCV": {},
    "TRANS": {e: ("ESTABLISHED", EST) for e in EVENTS if "RST" not in e},
}
# The two halves of TCP_TRANS of different length, so that one is not taken for the other
TIMERS = [STATIC, f"tcp-opening-timeout = {OPEN}", f"tcp-closing-timeout = {CLOSE}"]
PROBE = out6(hlim=64) / TCP(sport=40000, dport=80, flags="A", seq=0, ack=0, window=0)


def ends(state, seconds, closing=CLOSE):
    """To the second; an established session is asked about, and has TCP_TRANS to answer."""
    alive = [wait(seconds - 1), count(sessions=1), probed(), wait(1)]
    if state == "ESTABLISHED":
        alive += [count(sessions=1), probed(PROBE), wait(closing - 1), count(sessions=1), wait(1)]
    return alive + [count(sessions=0, bindings=1), probed()]


for state, (path, life) in PATH.items():
    row(f"{state} ends after {life} s", "RFC 6146 3.5.2.2", *map(seg, path), *ends(state, life), config=TIMERS)
    for event in EVENTS:
        after, left = MOVE[state].get(event, (state, None))
        row(f"{state}, {event}: {after}, {'not refreshed' if left is None else f'{left} s'}", "RFC 6146 3.5.2.2",
            *map(seg, path), wait(100), seg(event), *ends(after, left or life - 100), config=TIMERS)

# Two events, to tell states with the same timer apart
for first, second, after, left in [
        ("V4 FIN", "V6 FIN", "V6 FIN + V4 FIN RCV", CLOSE), ("V6 FIN", "V4 FIN", "V6 FIN + V4 FIN RCV", CLOSE),
        ("V4 FIN", "V4 FIN", "V4 FIN RCV", EST), ("V6 FIN", "V6 FIN", "V6 FIN RCV", EST),
        ("V4 FIN", "V4 RST", "V4 FIN RCV", EST), ("V6 FIN", "V6 RST", "V6 FIN RCV", EST),
        ("V4 RST", "V4 ACK", "ESTABLISHED", EST), ("V6 RST", "V4 RST", "TRANS", CLOSE)]:
    row(f"ESTABLISHED, {first}, {second}: {after}", "RFC 6146 3.5.2.2",
        *map(seg, ["V6 SYN", "V4 SYN+ACK", first, second]), *ends(after, left), config=TIMERS)
row("a reset between two ACKs costs nothing", "RFC 7857 2.2",
    *map(seg, ["V6 SYN", "V4 SYN+ACK", "V4 RST", "V6 ACK"]), *ends("ESTABLISHED", EST), config=TIMERS)
row("a reset is forwarded, and not answered with the end at once", "RFC 7857 2.2",
    *map(seg, ["V6 SYN", "V4 SYN+ACK", "V4 RST"]), *ends("TRANS", CLOSE), config=TIMERS)
row("resets do not keep a session", "RFC 7857 7.1", *map(seg, ["V6 SYN", "V4 SYN+ACK", "V4 RST"]), wait(200),
    *map(seg, ["V4 RST", "V6 RST"]), *ends("TRANS", CLOSE - 200), config=TIMERS)
row("simultaneous open, the IPv6 side first", "RFC 5382 REQ-2 a",
    *map(seg, ["V6 SYN", "V4 SYN", "V6 SYN+ACK", "V4 SYN+ACK"]), *ends("ESTABLISHED", EST), config=TIMERS)
row("simultaneous open, the IPv4 side first", "RFC 5382 REQ-2 a",
    *map(seg, ["V4 SYN", "V6 SYN", "V4 SYN+ACK", "V6 SYN+ACK"]), *ends("ESTABLISHED", EST), config=TIMERS)
row("SYN with RST counts as a reset", "RFC 6146 3.5.2.2", *map(seg, ["V6 SYN", "V4 SYN+ACK"]),
    send(in4() / TCP(sport=40000, dport=8080, flags="SR"), "translated",
         out6() / TCP(sport=40000, dport=80, flags="SR")), *ends("TRANS", CLOSE), config=TIMERS)

# The probe
row("a host that answers the probe keeps its session", "RFC 6146 3.5.2.2", *map(seg, ["V6 SYN", "V4 SYN+ACK"]),
    wait(EST), probed(PROBE), seg("V6 ACK"), *ends("ESTABLISHED", EST), config=TIMERS)
row("a host that resets after the probe does not", "RFC 6146 3.5.2.2", *map(seg, ["V6 SYN", "V4 SYN+ACK"]),
    wait(EST), probed(PROBE), wait(10), seg("V6 RST"), *ends("TRANS", CLOSE - 10), config=TIMERS)
row("every session is asked about, inline or not", "RFC 6146 3.5.2.2",
    *[send(in6() / TCP(sport=80, dport=n, flags="S"), "translated", out4() / TCP(sport=8080, dport=n, flags="S"))
      for n in range(20)],
    *[send(in4() / TCP(sport=n, dport=8080, flags="SA"), "translated", out6() / TCP(sport=n, dport=80, flags="SA"))
      for n in range(20)],
    wait(EST - 1), probed(), count(tcp_probes=0), wait(1),
    probed(*[out6(hlim=64) / TCP(sport=n, dport=80, flags="A", seq=0, ack=0, window=0) for n in range(20)]),
    count(sessions=20, tcp_probes=20), wait(CLOSE), count(sessions=0), probed(), config=TIMERS)
row("who took over after the probe ends the session on time", "RFC 6146 3.5.2.2", *map(seg, ["V6 SYN", "V4 SYN+ACK"]),
    wait(EST), probed(PROBE), restart(), *ends("TRANS", CLOSE), config=TIMERS)
row("the probe comes from the prefix that the host uses", "RFC 6052 2",
    send(v6(dst=embed(R, "2001:db8:64::/48")) / TCP(sport=40000, dport=80, flags="S"), "translated",
         lambda p: out4() / TCP(sport=p.a, dport=80, flags="S"), learn="a"),
    send(lambda p: in4() / TCP(sport=80, dport=p.a, flags="SA"), "translated",
         v6(embed(R, "2001:db8:64::/48"), A, hlim=63) / TCP(sport=80, dport=40000, flags="SA")), wait(EST),
    probed(v6(embed(R, "2001:db8:64::/48"), A, hlim=64) / TCP(sport=80, dport=40000, flags="A", seq=0, ack=0, window=0)),
    config=["prefix = 64:ff9b::/96", "prefix = 2001:db8:64::/48", "source = 2001:db8:1::/48"])

# CLOSED
for event in EVENTS:
    if "SYN" in event:
        continue
    row(f"CLOSED with a binding, {event}: forwarded, nothing made", "RFC 6146 3.5.2.2", seg(event),
        count(sessions=0, bindings=1), config=STATIC)
for flags in ("A", "FA", "R", "PA", ""):
    row(f"CLOSED without a binding, flags {flags or 'none'}", "RFC 6146 3.5.2.2",
        drop(in6() / TCP(sport=40000, dport=80, flags=flags), "no_session"),
        drop(in4() / TCP(sport=80, dport=40000, flags=flags), "no_binding"), count(sessions=0, bindings=0))

# CLOSED, V4 SYN that nobody lets in: kept for the subscriber's own
ONE_PORT = "pool = 192.0.2.1 ports 2048-2048"
ADF = "filtering = address-dependent"
SYN4 = in4() / TCP(sport=80, dport=2048, flags="S", options=[("MSS", 1460)])
UNREACHABLE = own4() / error4(3, 3, SYN4)
SYN6 = in6() / TCP(sport=40000, dport=80, flags="S")
OUT4 = out4() / TCP(sport=2048, dport=80, flags="S")
PROBE_HOST = out6(hlim=64) / TCP(sport=80, dport=40000, flags="A", seq=0, ack=0, window=0)


def error_to_a(run):
    """3/3 to the pool address, hairpinned: 1/4 to the host that sent the SYN, with its own SYN inside."""
    verdict, out = run.gateway.released()
    if verdict != "syn_unanswered" or out[40:42] != bytes((1, 4)) or IPv6(out).dst != A or out[48 + 8:48 + 24] != bytes(
            in6(A, POOL))[8:24] or out[48 + 42:48 + 44] != bytes((2050 >> 8, 2050 & 255)):
        raise Difference(f"{verdict}: {out.hex()}")


def syn_ack4():
    return send(in4() / TCP(sport=80, dport=2048, flags="SA"), "translated",
                out6() / TCP(sport=80, dport=40000, flags="SA"))


row("V4 SYN without a binding: 6 s of silence, then 3/3 with the SYN inside", "RFC 6146 3.5.2.2, RFC 5382 REQ-4",
    drop(SYN4, "kept"), released(), wait(5), released(), wait(1), released("syn_unanswered", UNREACHABLE), released(),
    count(sessions=0, bindings=0), drop(SYN4, "kept"), config=ONE_PORT)
row("tcp-incoming-syn-timeout", "RFC 5382 REQ-4", drop(SYN4, "kept"), wait(19), released(), wait(1),
    released("syn_unanswered", UNREACHABLE), config=[ONE_PORT, "tcp-incoming-syn-timeout = 20"])
row("tcp-incoming-syn = drop: silence for ever", "RFC 5382 REQ-4 a", drop(SYN4, "no_binding"), wait(6), released(),
    config=[ONE_PORT, "tcp-incoming-syn = drop"])
row("a SYN that comes again while it is kept adds nothing", "RFC 5382 REQ-4", drop(SYN4, "kept"), wait(3),
    drop(SYN4, "no_binding"), wait(3), released("syn_unanswered", UNREACHABLE), released(), config=ONE_PORT)
row("V4 INIT, V6 SYN: established, the kept SYN is discarded", "RFC 6146 3.5.2.2, RFC 5382 REQ-2, REQ-4",
    drop(SYN4, "kept"), wait(5), send(SYN6, "translated", OUT4), released("syn_discarded"), released(),
    syn_ack4(), wait(6), released(), wait(EST - 7), count(sessions=1), probed(), wait(1), probed(PROBE_HOST),
    config=ONE_PORT)
row("V4 INIT, V6 SYN: the state is ESTABLISHED at once", "RFC 6146 3.5.2.2", drop(SYN4, "kept"),
    send(SYN6, "translated", OUT4), released("syn_discarded"), wait(EST), count(sessions=1), probed(PROBE_HOST),
    config=ONE_PORT)
row("V6 SYN to another port, or another host, does not meet it", "RFC 6146 3.5.2.2", drop(SYN4, "kept"),
    send(in6() / TCP(sport=40000, dport=81, flags="S"), "translated", out4() / TCP(sport=2048, dport=81, flags="S")),
    send(in6(dst=R2) / TCP(sport=40000, dport=80, flags="S"), "translated",
         out4(dst=R2) / TCP(sport=2048, dport=80, flags="S")), wait(6), released("syn_unanswered", UNREACHABLE),
    wait(234), count(sessions=0), config=ONE_PORT)
row("V4 SYN, in the BIB, address-dependent: kept, and met", "RFC 6146 3.5.2.2",
    open_tcp(dst=R2), drop(lambda p: in4() / TCP(sport=80, dport=p.a, flags="S"), "kept"), wait(2),
    send(SYN6, "translated", lambda p: out4() / TCP(sport=p.a, dport=80, flags="S")), released("syn_discarded"),
    send(lambda p: in4() / TCP(sport=80, dport=p.a, flags="SA"), "translated",
         out6() / TCP(sport=80, dport=40000, flags="SA")),
    send(in6() / TCP(sport=40000, dport=80, flags="SA"), "translated",
         lambda p: out4() / TCP(sport=p.a, dport=80, flags="SA")), wait(300), count(sessions=1), config=ADF)
row("V4 SYN, in the BIB, address-dependent: kept, and not met", "RFC 6146 3.5.2.2",
    open_tcp(dst=R2), drop(lambda p: in4() / TCP(sport=80, dport=p.a, flags="S"), "kept"), wait(5),
    drop(lambda p: in4() / TCP(sport=80, dport=p.a, flags="S"), "filtered"), wait(1),
    released("syn_unanswered", lambda p: own4() / error4(3, 3, in4() / TCP(sport=80, dport=p.a, flags="S"))),
    wait(234), count(sessions=0, bindings=0), config=ADF)
row("only a SYN is kept: not what may be an answer to somebody else's", "RFC 6146 3.5.2.2",
    *[drop(in4() / TCP(sport=80, dport=2048, flags=flags), "no_binding") for flags in ("SA", "SR", "SF", "A", "R", "F", "")],
    drop(in4() / UDP(sport=80, dport=2048), "no_binding"), wait(6), released(), config=ONE_PORT)
row("kept SYNs survive the death of the worker", "availability", drop(SYN4, "kept"), wait(3), restart(), released(), wait(3),
    released("syn_unanswered", UNREACHABLE), config=ONE_PORT)
row("a kept SYN is met although its worker died", "availability", drop(SYN4, "kept"), restart(),
    send(SYN6, "translated", OUT4), restart(), released("syn_discarded"), released(), config=ONE_PORT)
row("one source may keep so many SYNs, all together so many", "RFC 6146 5.3",
    *[drop(in4() / TCP(sport=n, dport=2048, flags="S"), "kept") for n in range(2)],
    *[drop(in4() / TCP(sport=n, dport=2048, flags="S"), "no_binding") for n in range(2, 9)],
    *[drop(in4(f"203.0.113.{n}") / TCP(sport=80, dport=2048, flags="S"), "kept") for n in range(20, 34)],
    *[drop(in4(f"203.0.113.{n}") / TCP(sport=80, dport=2048, flags="S"), "no_binding") for n in range(34, 60)],
    wait(1), drop(in4(R2) / TCP(sport=80, dport=2048, flags="S"), "no_binding"), wait(5),
    lambda run: [run.gateway.released() for _ in range(16)], released(), drop(SYN4, "kept"),
    config=[ONE_PORT, "max-fragments = 64"])
row("the answers to SYNs are limited like all", "RFC 5508 REQ-10", drop(SYN4, "kept"),
    drop(in4() / TCP(sport=81, dport=2048, flags="S"), "kept"), wait(6), lambda run: run.gateway.released(),
    released("syn_unanswered"), count(icmp_limited=1), config=[ONE_PORT, "icmp-rate = 1"])
row("hairpin: two hosts that open to each other at the same time", "RFC 5382 REQ-2, REQ-8",
    open_tcp("a", A, 700), open_tcp("b", B, 701),
    drop(lambda p: in6(A, POOL) / TCP(sport=700, dport=p.b, flags="S"), "kept"),
    send(lambda p: in6(B, POOL) / TCP(sport=701, dport=p.a, flags="S"), "translated",
         lambda p: out6(POOL, A, hlim=62) / TCP(sport=p.b, dport=700, flags="S")), released("syn_discarded"),
    send(lambda p: in6(A, POOL) / TCP(sport=700, dport=p.b, flags="SA"), "translated",
         lambda p: out6(POOL, B, hlim=62) / TCP(sport=p.a, dport=701, flags="SA")), config=ADF)
row("hairpin: the SYN that nobody met is answered to the IPv6 host", "RFC 6146 3.8",
    drop(in6(A, POOL) / TCP(sport=700, dport=2050, flags="S"), "kept", learn="a"), wait(6),
    lambda run: error_to_a(run), config="pool = 192.0.2.1 ports 2048-2051")

# Dynamic bindings, and the keys
row("a dynamic binding goes with its session", "RFC 6146 3.5.2", open_tcp(), wait(239),
    count(bindings=1, sessions=1), wait(1), count(bindings=0, sessions=0, held=1))
row("an established dynamic one", "RFC 6146 3.5.2", open_tcp(),
    send(lambda p: in4() / TCP(sport=80, dport=p.a, flags="SA"), "translated",
         out6() / TCP(sport=80, dport=40000, flags="SA")), wait(7440), count(bindings=1), wait(239), count(bindings=1),
    wait(1), count(bindings=0))
row("tcp-established-timeout", "RFC 5382 REQ-5", *map(seg, ["V6 SYN", "V4 SYN+ACK"]),
    *ends("ESTABLISHED", 10000, closing=240), config=[STATIC, "tcp-established-timeout = 10000"])
row("tcp-transitory-timeout, opening", "RFC 7857 2.1", *map(seg, ["V6 SYN"]), *ends("V6 INIT", 60),
    config=[STATIC, "tcp-transitory-timeout = 60"])
row("tcp-transitory-timeout, closing", "RFC 7857 2.1", *map(seg, ["V6 SYN", "V4 SYN+ACK", "V4 RST"]), *ends("TRANS", 60),
    config=[STATIC, "tcp-transitory-timeout = 60", "tcp-opening-timeout = 100"])
row("a SYN flood to a service ends by itself", "RFC 6146 5.3",
    *[send(in4() / TCP(sport=1000 + n, dport=8080, flags="S"), "translated",
           out6() / TCP(sport=1000 + n, dport=80, flags="S")) for n in range(50)],
    count(sessions=50), wait(240), count(sessions=0, bindings=1), config=STATIC)
