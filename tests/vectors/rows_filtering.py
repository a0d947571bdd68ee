"""filtering = address-dependent (RFC 4787 section 5, RFC 6146 sections 3.5.1 to 3.5.3): who may send to a binding."""
from row import *

ADF = "filtering = address-dependent"
HELLO = b"hello"


def from4(src=R, sport=53, port="a", tcp=None):
    return lambda p: in4(src) / (TCP(sport=sport, dport=getattr(p, port), flags=tcp) if tcp else
                                 UDP(sport=sport, dport=getattr(p, port)) / HELLO)


def to6(src=R, sport=53, dport=5000, tcp=None):
    return out6(src) / (TCP(sport=sport, dport=dport, flags=tcp) if tcp else UDP(sport=sport, dport=dport) / HELLO)


def let_in(src=R, sport=53, **more):
    return send(from4(src, sport), "translated", to6(src, sport), **more)


def refused(src=R2, sport=53, **more):
    return drop(from4(src, sport), "filtered", **more)


# UDP
row("UDP: another host is refused, silently", "RFC 4787 REQ-8", open_udp(), refused(), refused(R2, 999),
    count(bindings=1, sessions=1), let_in(), config=ADF)
row("UDP: another port of a host that was sent to", "RFC 4787 5", open_udp(), let_in(sport=999), let_in(sport=1),
    count(sessions=3), config=ADF)
row("UDP: once it was sent to, the other host is let in, whatever its port", "RFC 6146 3.5.1", open_udp(), refused(),
    open_udp(dst=R2), let_in(R2), let_in(R2, 7), let_in(R2, 0), count(sessions=4), refused(HOP), config=ADF)
row("UDP: what is refused does not refresh", "RFC 7857 7", open_udp(), wait(299), refused(R2), wait(1),
    count(bindings=0, sessions=0), config=ADF)
row("UDP: the session with port 0 and the peer are two things", "RFC 6146 3.5.1", open_udp(), open_udp(dst=R2),
    let_in(R2, 0), count(sessions=3), wait(200), let_in(R2, 0), wait(100), count(sessions=1), let_in(R2, 53),
    wait(200), let_in(R2, 53), wait(100), count(sessions=1), let_in(R2, 9), config=ADF)
row("UDP: the last session of an address takes the permission with it", "RFC 6146 3.5.1",
    open_udp(), open_udp(dst=R2), let_in(R2, 7), wait(100), open_udp(), wait(199), let_in(R2, 9), wait(1),
    count(sessions=2), let_in(R2, 11), wait(99), open_udp(), wait(200), count(sessions=2), wait(1), count(sessions=1),
    refused(R2, 7), refused(R2, 9), refused(R2, 11), let_in(sport=8), config=ADF)
row("UDP: so many ports of one address", "RFC 6146 5.3", open_udp(), open_udp(dst=R2),
    *[let_in(R2, 1000 + n) for n in range(100)], count(sessions=102), wait(200), open_udp(), wait(100),
    count(sessions=1), refused(), config=ADF)
row("UDP: so many addresses", "RFC 6146 5.3",
    *[open_udp(dst=f"203.0.113.{n}") for n in range(1, 100)], *[let_in(f"203.0.113.{n}", 7) for n in range(1, 100)],
    refused("203.0.113.100"), count(bindings=1, sessions=198), wait(300), count(bindings=0, sessions=0), config=ADF)
row("UDP: each binding has its own permissions", "RFC 4787 5", open_udp(), open_udp("b", sport=5001, dst=R2),
    refused(R2), drop(from4(R, port="b"), "filtered"), send(from4(R2, port="b"), "translated", to6(R2, dport=5001)),
    config=ADF)
row("UDP: the binding that gets the port next inherits nothing", "RFC 6146 3.5.1", open_udp(), open_udp(dst=R2), wait(300),
    count(bindings=0), open_udp(sport=5001), drop(from4(R2), "filtered"), config=[ADF, "port-hold-down = 0",
                                                                              "pool = 192.0.2.1 ports 2048-2049"])
row("permissions survive the death of the worker", "RFC 4787 5", open_udp(), open_udp(dst=R2), let_in(R2, 7), restart(),
    let_in(R2, 8), refused(HOP), config=ADF)

# TCP
row("TCP: another host's SYN and ACK are refused, and move nothing", "RFC 5382 REQ-3", open_tcp(),
    *[drop(from4(R2, 80, tcp=flags), "filtered") for flags in ("A", "R", "FA")], count(sessions=1), wait(240),
    count(sessions=0), config=ADF)
row("TCP: the host itself, from the same port and from another one", "RFC 5382 REQ-3", open_tcp(),
    send(from4(R, 80, tcp="SA"), "translated", to6(R, 80, 40000, tcp="SA")),
    send(from4(R, 81, tcp="S"), "translated", to6(R, 81, 40000, tcp="S")), count(sessions=2), config=ADF)

# ICMP
row("echo: another host is refused", "RFC 6146 3.5.3", open_echo(), drop(lambda p: in4(R2) / echo4(p.a), "filtered"),
    drop(lambda p: in4(R2) / echo4(p.a, reply=True), "filtered"),
    send(lambda p: in4() / echo4(p.a, reply=True), "translated", out6() / echo6(77, reply=True)), open_echo(dst=R2),
    send(lambda p: in4(R2) / echo4(p.a, reply=True), "translated", out6(R2) / echo6(77, reply=True)),
    count(sessions=2), config=ADF)
row("ICMP errors come from whom they may: by the packet inside", "RFC 4787 REQ-12", open_udp(),
    send(lambda p: in4(HOP) / error4(3, 1, v4(POOL, R) / UDP(sport=p.a, dport=53) / HELLO), "translated",
         lambda p: out6(HOP) / error6(1, 0, v6(A, R) / UDP(sport=5000, dport=53) / HELLO)),
    drop(lambda p: in4(HOP) / error4(3, 1, v4(POOL, R2) / UDP(sport=p.a, dport=53) / HELLO), "no_binding"), config=ADF)

# Static bindings are invitations
row("a static binding is open to everybody", "RFC 6146 3.1",
    send(in4(R2) / UDP(sport=7, dport=53) / HELLO, "translated", out6(R2) / UDP(sport=7, dport=5353) / HELLO),
    send(in4(R2) / TCP(sport=7, dport=80, flags="S"), "translated", out6(R2) / TCP(sport=7, dport=8080, flags="S")),
    send(in4(HOP) / echo4(7), "translated", out6(HOP) / echo6(77)), count(sessions=3),
    config=[ADF, f"static = udp {POOL}:53 [{A}]:5353", f"static = tcp {POOL}:80 [{A}]:8080",
            f"static = icmp {POOL}:7 [{A}]:77"])

# Hairpinning obeys, too
row("hairpin: two hosts must have sent to each other", "RFC 6146 3.8", open_udp("a", A, 5000), open_udp("b", B, 6000),
    drop(lambda p: in6(B, POOL) / UDP(sport=6000, dport=p.a) / HELLO, "filtered"),
    send(lambda p: in6(A, POOL) / UDP(sport=5000, dport=p.b) / HELLO, "translated",
         lambda p: out6(POOL, B, hlim=62) / UDP(sport=p.a, dport=6000) / HELLO),
    send(lambda p: in6(B, POOL) / UDP(sport=6000, dport=p.a) / HELLO, "translated",
         lambda p: out6(POOL, A, hlim=62) / UDP(sport=p.b, dport=5000) / HELLO), config=ADF)

# A reload
row("a reload to address-dependent: sessions stay, strangers do not get new ones", "RFC 4787 REQ-11", open_udp(),
    let_in(R2), reload(ADF), let_in(R2), let_in(), refused(HOP), let_in(sport=7))
row("a reload to address-dependent: what goes out then vouches for its address", "RFC 4787 REQ-11", open_udp(),
    open_udp(dst=R2), reload(ADF), refused(R2, 7), open_udp(dst=R2), let_in(R2, 7))
row("a reload to endpoint-independent: everybody again, and nothing is left over", "RFC 4787 REQ-11", open_udp(),
    open_udp(dst=R2), let_in(R2, 7), reload(), let_in(HOP), wait(300), count(bindings=0, sessions=0), config=ADF)

# Fragments obey, and are not what an opening is made of
CUT = dict(id=7, flags="MF")


def later(src):
    return lambda p: in4(src, id=7, frag=3, proto=6) / (b"x" * 8)


row("TCP: a later fragment of another host is refused with its first one", "RFC 6146 3.4", open_tcp(),
    drop(lambda p: in4(R2, **CUT) / TCP(sport=80, dport=p.a, flags="A") / (b"x" * 4), "filtered"),
    drop(later(R2), "filtered"), count(sessions=1), config=ADF)
row("a SYN in fragments is not kept", "RFC 6146 3.5.2.2",
    drop(in4(**CUT) / TCP(sport=80, dport=2048, flags="S") / (b"x" * 4), "no_binding"),
    wait(6), released(), config="pool = 192.0.2.1 ports 2048-2048")
