"""The TCP state machine of RFC 6146 section 3.5.2.2, seen through its timers.

A static binding is open on both sides, so each state can be reached from either. What is seen: how long after the
event the session ends, and whether the segment was forwarded at all.
"""
from row import *

STATIC = f"static = tcp {POOL}:8080 [{A}]:80"
TRANS, EST = 240, 7440
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
    "V4 INIT": (["V4 SYN"], TRANS),
    "V6 INIT": (["V6 SYN"], TRANS),
    "ESTABLISHED": (["V6 SYN", "V4 SYN+ACK"], EST),
    "V4 FIN RCV": (["V6 SYN", "V4 SYN+ACK", "V4 FIN"], EST),
    "V6 FIN RCV": (["V6 SYN", "V4 SYN+ACK", "V6 FIN"], EST),
    "V6 FIN + V4 FIN RCV": (["V6 SYN", "V4 SYN+ACK", "V6 FIN", "V4 FIN"], TRANS),
    "TRANS": (["V6 SYN", "V4 SYN+ACK", "V6 RST"], TRANS),
}
EVENTS = [f"{side} {flags}" for side in ("V6", "V4") for flags in ("SYN", "SYN+ACK", "FIN", "RST", "ACK")]
KEEP = None
# What sets which timer; everything else is forwarded and refreshes nothing
TIMER = {
    "V4 INIT": {"V6 SYN": EST, "V6 SYN+ACK": EST},
    "V6 INIT": {"V6 SYN": TRANS, "V6 SYN+ACK": TRANS, "V4 SYN": EST, "V4 SYN+ACK": EST},
    "ESTABLISHED": {e: TRANS if "RST" in e else EST for e in EVENTS},
    "V4 FIN RCV": {**{e: EST for e in EVENTS}, "V6 FIN": TRANS},
    "V6 FIN RCV": {**{e: EST for e in EVENTS}, "V4 FIN": TRANS},
    "V6 FIN + V4 FIN RCV": {},
    "TRANS": {e: EST for e in EVENTS if "RST" not in e},
}


def ends_in(seconds):
    return [wait(seconds - 1), count(sessions=1), wait(1), count(sessions=0, bindings=1)]


for state, (path, life) in PATH.items():
    row(f"{state} ends after {life} s", "RFC 6146 3.5.2.2", *map(seg, path), *ends_in(life), config=STATIC)
    for event in EVENTS:
        timer = TIMER[state].get(event, KEEP)
        left = life - 100 if timer is KEEP else timer
        row(f"{state}, {event}: {'not refreshed' if timer is KEEP else f'{timer} s'}", "RFC 6146 3.5.2.2",
            *map(seg, path), wait(100), seg(event), *ends_in(left), config=STATIC)

# Two events, to tell states with the same timer apart
for first, second, left in [
        ("V4 FIN", "V6 FIN", TRANS), ("V6 FIN", "V4 FIN", TRANS), ("V4 FIN", "V4 FIN", EST), ("V6 FIN", "V6 FIN", EST),
        ("V4 FIN", "V4 RST", EST), ("V6 FIN", "V6 RST", EST), ("V4 RST", "V4 ACK", EST), ("V6 RST", "V4 RST", TRANS)]:
    row(f"ESTABLISHED, {first}, {second}: {left} s", "RFC 6146 3.5.2.2",
        *map(seg, ["V6 SYN", "V4 SYN+ACK", first, second]), *ends_in(left), config=STATIC)
row("a reset between two ACKs costs nothing", "RFC 7857 2.2",
    *map(seg, ["V6 SYN", "V4 SYN+ACK", "V4 RST", "V6 ACK"]), *ends_in(EST), config=STATIC)
row("a reset is forwarded, and not answered with the end at once", "RFC 7857 2.2",
    *map(seg, ["V6 SYN", "V4 SYN+ACK", "V4 RST"]), *ends_in(TRANS), config=STATIC)
row("simultaneous open", "RFC 5382 REQ-2 a", *map(seg, ["V6 SYN", "V4 SYN", "V6 SYN+ACK", "V4 SYN+ACK"]),
    *ends_in(EST), config=STATIC)
row("SYN with RST counts as a reset", "RFC 6146 3.5.2.2", *map(seg, ["V6 SYN", "V4 SYN+ACK"]),
    send(in4() / TCP(sport=40000, dport=8080, flags="SR"), "translated",
         out6() / TCP(sport=40000, dport=80, flags="SR")), *ends_in(TRANS), config=STATIC)

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
row("CLOSED without a binding, V4 SYN: silence", "RFC 6146 3.5.2.2",
    drop(in4() / TCP(sport=80, dport=40000, flags="S"), "no_binding"), count(sessions=0, bindings=0))

# Dynamic bindings, and the keys
row("a dynamic binding goes with its session", "RFC 6146 3.5.2", open_tcp(), wait(239),
    count(bindings=1, sessions=1), wait(1), count(bindings=0, sessions=0, held=1))
row("an established dynamic one", "RFC 6146 3.5.2", open_tcp(),
    send(lambda p: in4() / TCP(sport=80, dport=p.a, flags="SA"), "translated",
         out6() / TCP(sport=80, dport=40000, flags="SA")), wait(7439), count(bindings=1), wait(1), count(bindings=0))
row("tcp-established-timeout", "RFC 5382 REQ-5", *map(seg, ["V6 SYN", "V4 SYN+ACK"]), *ends_in(10000),
    config=[STATIC, "tcp-established-timeout = 10000"])
row("tcp-transitory-timeout", "RFC 7857 2.1", *map(seg, ["V6 SYN"]), *ends_in(60),
    config=[STATIC, "tcp-transitory-timeout = 60"])
row("a SYN flood to a service ends by itself", "RFC 6146 5.3",
    *[send(in4() / TCP(sport=1000 + n, dport=8080, flags="S"), "translated",
           out6() / TCP(sport=1000 + n, dport=80, flags="S")) for n in range(50)],
    count(sessions=50), wait(240), count(sessions=0, bindings=1), config=STATIC)
