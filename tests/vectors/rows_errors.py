"""ICMP errors from one family to the other, and the packet inside them (RFC 7915 sections 4.2, 4.3, 5.2, 5.3)."""
from scapy.all import IPOption_NOP, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop

from row import *

HELLO = b"hello"


# What the host or a router on the IPv4 side quotes, and what the IPv6 host gets to see, by protocol
class Udp:
    open = staticmethod(open_udp)

    def inner4(p, **f):
        return v4(ttl=5, id=7, **f) / UDP(sport=p.a, dport=53) / HELLO

    def inner6(p=None, **f):
        return in6(hlim=5, **f) / UDP(sport=5000, dport=53) / HELLO

    # The other way: what an IPv4 host had sent, as IPv6 and as IPv4
    def reply6(p=None, **f):
        return v6(R, A, hlim=5, **f) / UDP(sport=53, dport=5000) / HELLO

    def reply4(p, **f):
        return v4(R, POOL, ttl=5, **f) / UDP(sport=53, dport=p.a) / HELLO


class Tcp:
    open = staticmethod(open_tcp)

    def inner4(p, **f):
        return v4(ttl=5, id=7, **f) / TCP(sport=p.a, dport=80, flags="S") / HELLO

    def inner6(p=None, **f):
        return in6(hlim=5, **f) / TCP(sport=40000, dport=80, flags="S") / HELLO

    def reply6(p=None, **f):
        return v6(R, A, hlim=5, **f) / TCP(sport=80, dport=40000, flags="SA") / HELLO

    def reply4(p, **f):
        return v4(R, POOL, ttl=5, **f) / TCP(sport=80, dport=p.a, flags="SA") / HELLO


class Echo:
    open = staticmethod(open_echo)

    def inner4(p, **f):
        return v4(ttl=5, id=7, **f) / echo4(p.a) / HELLO

    def inner6(p=None, **f):
        return in6(hlim=5, **f) / echo6(77) / HELLO

    def reply6(p=None, **f):
        return v6(R, A, hlim=5, **f) / echo6(77, reply=True) / HELLO

    def reply4(p, **f):
        return v4(R, POOL, ttl=5, **f) / echo4(p.a, reply=True) / HELLO


ALL = [("UDP", Udp), ("TCP", Tcp), ("echo", Echo)]


def to6(type_, code, want, word=0, word6=0, src=HOP, inner=Udp):
    """An error from the IPv4 side arrives at the IPv6 host as want, a (type, code), or is dropped."""
    packet = lambda p: in4(src, ttl=60) / error4(type_, code, inner.inner4(p), word)
    if not want:
        return drop(packet, "icmp_type")
    return send(packet, "translated", out6(src, hlim=59) / error6(*want, inner.inner6(), word6))


def to4(type_, code, want, word=0, word4=0, src=ROUTER, src4=POOL, inner=Udp):
    packet = in6(src, hlim=60) / error6(type_, code, inner.reply6(), word)
    if not want:
        return drop(packet, "icmp_type")
    return send(packet, "translated",
                lambda p: out4(src4, ttl=59) / error4(*want, inner.reply4(p, flags=0), word4))


# RFC 7915 section 4.2
MAP4 = {(3, 0): (1, 0), (3, 1): (1, 0), (3, 2): (4, 1), (3, 3): (1, 4), (3, 5): (1, 0), (3, 6): (1, 0), (3, 7): (1, 0),
        (3, 8): (1, 0), (3, 9): (1, 1), (3, 10): (1, 1), (3, 11): (1, 0), (3, 12): (1, 0), (3, 13): (1, 1),
        (3, 14): None, (3, 15): (1, 1), (3, 16): None, (3, 255): None, (4, 0): None, (5, 0): None, (5, 1): None,
        (5, 2): None, (5, 3): None, (11, 0): (3, 0), (11, 1): (3, 1), (11, 2): None, (12, 1): None, (12, 3): None}
for (type_, code), want in MAP4.items():
    for name, proto in ALL:
        row(f"ICMPv4 {type_}/{code} about {name}: {'%d/%d' % want if want else 'dropped'}", "RFC 7915 4.2", proto.open(),
            to6(type_, code, want, word6=6 if want == (4, 1) else 0, inner=proto), count(bindings=1, sessions=1))
row("ICMPv4 unused bytes do not get through", "RFC 7915 4.2", open_udp(), to6(3, 1, (1, 0), word=0xdeadbeef),
    to6(11, 0, (3, 0), word=0xdeadbeef))
POINTER4 = {0: 0, 1: 1, 2: 4, 3: 4, 8: 7, 9: 6, 12: 8, 13: 8, 14: 8, 15: 8, 16: 24, 17: 24, 18: 24, 19: 24}
for pointer in (*range(22), 40, 255):
    want = POINTER4.get(pointer)
    for code in (0, 2):
        row(f"ICMPv4 12/{code} pointer {pointer}: {'dropped' if want is None else want}", "RFC 7915 4.2 figure 3",
            open_udp(), to6(12, code, None if want is None else (4, 0), pointer << 24, want or 0))

# RFC 7915 section 5.2
MAP6 = {(1, 0): (3, 1), (1, 1): (3, 10), (1, 2): (3, 1), (1, 3): (3, 1), (1, 4): (3, 3), (1, 5): None, (1, 6): None,
        (1, 7): None, (1, 255): None, (3, 0): (11, 0), (3, 1): (11, 1), (3, 2): None, (4, 1): (3, 2), (4, 2): None,
        (4, 3): None, (5, 0): None, (100, 0): None, (101, 0): None, (127, 0): None}
for (type_, code), want in MAP6.items():
    for name, proto in ALL:
        row(f"ICMPv6 {type_}/{code} about {name}: {'%d/%d' % want if want else 'dropped'}", "RFC 7915 5.2", proto.open(),
            to4(type_, code, want, inner=proto), count(bindings=1, sessions=1))
POINTER6 = {0: 0, 1: 1, 4: 2, 5: 2, 6: 9, 7: 8, **{n: 12 for n in range(8, 24)}, **{n: 16 for n in range(24, 40)}}
for pointer in (*range(42), 255, 256, 2 ** 32 - 1):
    want = POINTER6.get(pointer)
    row(f"ICMPv6 4/0 pointer {pointer}: {'dropped' if want is None else want}", "RFC 7915 5.2 figure 6", open_udp(),
        to4(4, 0, None if want is None else (12, 0), pointer, (want or 0) << 24))

# MTUs: (mtu in the error, mtu6, mtu4, what comes out)
for mtu, mtu6, mtu4, want in [
        (1440, 1500, 1500, 1460), (1480, 1500, 1500, 1500), (1496, 1500, 1500, 1500), (1600, 1500, 1500, 1500),
        (65535, 1500, 1500, 1500), (1440, 1400, 1500, 1400), (1440, 1500, 1300, 1320), (1261, 1500, 1500, 1281),
        (1260, 1500, 1500, 1280), (1259, 1500, 1500, 1280), (1024, 1500, 1500, 1280), (68, 1500, 1500, 1280),
        (1, 1500, 1500, 1280), (1480, 1500, 576, 1280)]:
    row(f"ICMPv4 3/4 MTU {mtu}, mtu6 {mtu6}, mtu4 {mtu4}: {want}", "RFC 7915 4.2", open_udp(),
        to6(3, 4, (2, 0), mtu, want), config=[f"mtu6 = {mtu6}", f"mtu4 = {mtu4}"])
row("ICMPv4 3/4: the upper half of the word is not the MTU", "RFC 1191 4", open_udp(),
    to6(3, 4, (2, 0), 0xffff0000 | 1400, 1420))
for mtu, mtu6, mtu4, want in [
        (0, 1500, 1500, 1260), (68, 1500, 1500, 1260), (1279, 1500, 1500, 1260), (1280, 1500, 1500, 1260), (1300, 1500, 1500, 1280), (1400, 1500, 1500, 1380), (1500, 1500, 1500, 1480),
        (1600, 1500, 1500, 1480), (2 ** 32 - 1, 1500, 1500, 1480), (1400, 1300, 1500, 1280), (1400, 1500, 1300, 1300),
        (1400, 1500, 576, 576)]:
    row(f"ICMPv6 2/0 MTU {mtu}, mtu6 {mtu6}, mtu4 {mtu4}: {want}", "RFC 7915 5.2", open_udp(),
        to4(2, 0, (3, 4), mtu, want), config=[f"mtu6 = {mtu6}", f"mtu4 = {mtu4}"])
row("ICMPv6 2 with any code is packet too big", "RFC 4443 3.2", open_udp(), to4(2, 7, (3, 4), 1400, 1380))

# MTU 0: the plateau below the total length of the packet inside, which is cut short here
for size, want in [(1500, 1512), (1493, 1512), (1492, 1280), (2003, 2022), (2002, 1512), (4353, 4372), (8167, 8186),
                   (8980, 8186), (100, 1280)]:
    data = bytes(size - 28)
    row(f"ICMPv4 3/4 without MTU about {size} bytes: {want}", "RFC 1191 7", open_udp(),
        send(lambda p, d=data: in4(HOP) / error4(3, 4, bytes(v4() / UDP(sport=p.a, dport=53) / d)[:60]), "translated",
             out6(HOP) / error6(2, 0, bytes(in6() / UDP(sport=5000, dport=53) / data)[:80], want)), config="mtu = 9000")

row("ICMPv4 3/4 without MTU: the options of the packet inside belong to its total length", "RFC 1191 7", open_udp(),
    send(lambda p: in4(HOP) / error4(3, 4, bytes(v4(options=[IPOption_NOP()] * 4) / UDP(sport=p.a, dport=53) / bytes(1464))[:64]),
         "translated", out6(HOP) / error6(2, 0, bytes(in6() / UDP(sport=5000, dport=53) / bytes(1464))[:80], 1512)),
    config="mtu = 9000")

# Where the error says it comes from
row("an error from the IPv4 host itself", "RFC 6146 3.6", open_udp(), to6(3, 3, (1, 4), src=R))
row("an error from the IPv6 host itself has the pool's address", "RFC 6146 3.6", open_udp(),
    to4(1, 4, (3, 3), src=A), config="router4 = 198.51.100.9")
row("an error from an IPv6 router has router4's address", "RFC 6791 3", open_udp(),
    to4(1, 0, (3, 1), src4="198.51.100.9"), config="router4 = 198.51.100.9")
for src in ("10.0.0.1", "127.0.0.1", "0.0.0.0", "224.0.0.1"):
    row(f"the source {src} of an error is translated, for troubleshooting", "RFC 7915 4.1", open_udp(),
        to6(11, 0, (3, 0), src=src))
row("TOS and traffic class of an error, outside and inside", "RFC 7915 4.3", open_udp(),
    send(lambda p: in4(HOP, tos=0xc0) / error4(3, 3, Udp.inner4(p, tos=0x28)), "translated",
         out6(HOP, tc=0xc0) / error6(1, 4, Udp.inner6(tc=0x28))),
    send(in6(ROUTER, tc=0xc0) / error6(1, 4, Udp.reply6(tc=0x28)), "translated",
         lambda p: out4(tos=0xc0) / error4(3, 3, Udp.reply4(p, tos=0x28))))
row("traffic-class does not change the packet inside", "RFC 7915 4.3", open_udp(),
    send(lambda p: in4(HOP, tos=0xc0) / error4(3, 3, Udp.inner4(p, tos=0x28)), "translated",
         out6(HOP, tc=0) / error6(1, 4, Udp.inner6(tc=0x28))), config="traffic-class = 0")
for ttl in (0, 1):
    row(f"an error with TTL {ttl} is not answered", "RFC 7915 4.1", open_udp(),
        drop(lambda p, t=ttl: in4(HOP, ttl=t) / error4(3, 3, Udp.inner4(p)), "hop_limit"),
        drop(in6(ROUTER, hlim=ttl) / error6(1, 4, Udp.reply6()), "hop_limit"))
row("the packet inside may have TTL 0 or 255", "RFC 7915 4.3", open_udp(),
    send(lambda p: in4(HOP) / error4(11, 0, v4(ttl=0, id=7) / UDP(sport=p.a, dport=53) / HELLO), "translated",
         out6(HOP) / error6(3, 0, in6(hlim=0) / UDP(sport=5000, dport=53) / HELLO)),
    send(in6(ROUTER) / error6(3, 0, v6(R, A, hlim=255) / UDP(sport=53, dport=5000) / HELLO), "translated",
         lambda p: out4() / error4(11, 0, v4(R, POOL, ttl=255) / UDP(sport=53, dport=p.a) / HELLO)))

def nops_to(options, packet):
    """The packet with these bytes instead of the no-operations in its header."""
    data = bytes(packet)
    header = data[:10] + b"\0\0" + data[12:20] + options
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + data[len(header):]


# The packet inside may be cut, down to eight bytes of its transport header
for name, proto in ALL:
    for keep in (8, 9, 12, 13):
        row(f"{keep} bytes of {name} inside", "RFC 792; RFC 7915 4.3, 5.3", proto.open(),
            send(lambda p, k=keep, o=proto: in4(HOP) / error4(3, 1, bytes(o.inner4(p))[:20 + k]), "translated",
                 out6(HOP) / error6(1, 0, bytes(proto.inner6())[:40 + keep])),
            send(in6(ROUTER) / error6(1, 0, bytes(proto.reply6())[:40 + keep]), "translated",
                 lambda p, k=keep, o=proto: out4() / error4(
                     3, 1, bytes(o.reply4(p, id=int.from_bytes(p.out[32:34], "big")))[:20 + k])))
    for keep in (0, 1, 7):
        row(f"{keep} bytes of {name} inside are too few", "RFC 6146 3.4", proto.open(),
            drop(lambda p, k=keep, o=proto: in4(HOP) / error4(3, 1, bytes(o.inner4(p))[:20 + k]), "icmp_inner"),
            drop(in6(ROUTER) / error6(1, 0, bytes(proto.reply6())[:40 + keep]), "icmp_inner"))
row("nothing inside", "RFC 6146 3.4", open_udp(), drop(in4(HOP) / error4(3, 1, b""), "icmp_inner"),
    drop(in6(ROUTER) / error6(1, 0, b""), "icmp_inner"))
row("half a header inside", "RFC 6146 3.4", open_udp(),
    drop(lambda p: in4(HOP) / error4(3, 1, bytes(Udp.inner4(p))[:19]), "icmp_inner"),
    drop(in6(ROUTER) / error6(1, 0, bytes(Udp.reply6())[:39]), "icmp_inner"))
row("half of the options inside", "RFC 6146 3.4", open_udp(),
    drop(lambda p: in4(HOP) / error4(3, 1, bytes(Udp.inner4(p, options=[IPOption_NOP()] * 12))[:30]), "icmp_inner"))
row("the other family inside", "RFC 6146 3.4", open_udp(),
    drop(lambda p: in4(HOP) / error4(3, 1, bytes(Udp.inner6())), "icmp_inner"),
    drop(lambda p: in6(ROUTER) / error6(1, 0, bytes(Udp.reply4(p))), "icmp_inner"))
BIG = bytes(1400)
row("an ICMPv6 error never exceeds 1280 bytes", "RFC 4443 2.4 c", open_udp(),
    send(lambda p: in4(HOP) / error4(3, 1, v4() / UDP(sport=p.a, dport=53) / BIG), "translated",
         out6(HOP) / error6(1, 0, bytes(in6() / UDP(sport=5000, dport=53) / BIG)[:1232])))
row("an ICMPv4 error of a full MTU is cut, not refused", "RFC 4443 2.4 c", open_udp(),
    send(lambda p: in4(HOP) / error4(3, 1, v4() / UDP(sport=p.a, dport=53) / bytes(1440)), "translated",
         out6(HOP) / error6(1, 0, bytes(in6() / UDP(sport=5000, dport=53) / bytes(1440))[:1232])),
    config="mtu6 = 1280")
row("an ICMPv4 error never exceeds mtu4", "RFC 7915 5.2", open_udp(),
    send(in6(ROUTER) / error6(1, 0, bytes(v6(R, A) / UDP(sport=53, dport=5000) / BIG)[:1232]), "translated",
         lambda p: out4() / error4(3, 1, bytes(v4(R, POOL, flags="DF", id=int.from_bytes(p.out[32:34], "big")) /
                                               UDP(sport=53, dport=p.a) / BIG)[:576 - 28])), config="mtu4 = 576")

for size, df in ((1260, 0), (1261, 2)):
    row(f"an ICMPv4 error of {size} bytes has DF {df // 2}, as any packet", "RFC 7915 5.1", open_udp(),
        send(in6(ROUTER) / error6(1, 0, bytes(v6(R, A) / UDP(sport=53, dport=5000) / BIG)[:size - 8]), "translated",
             lambda p, s=size, df=df: out4(flags=df) / error4(3, 1, bytes(v4(
                 R, POOL, flags="DF", id=int.from_bytes(p.out[32:34], "big")) / UDP(sport=53, dport=p.a) / BIG)[:s - 28])))

# Options and extension headers inside are stepped over
row("IPv4 options inside", "RFC 5508 REQ-3 b", open_udp(),
    send(lambda p: in4(HOP) / error4(3, 1, Udp.inner4(p, options=[IPOption_NOP()] * 12)), "translated",
         out6(HOP) / error6(1, 0, Udp.inner6())))
row("a source route inside is nobody's business any more", "RFC 7915 4.3", open_udp(),
    send(lambda p: in4(HOP) / error4(3, 5, nops_to(b"\x83\x07\x04\xcb\x00\x71\x05\x01", Udp.inner4(
        p, options=[IPOption_NOP()] * 8))), "translated", out6(HOP) / error6(1, 0, Udp.inner6())))
row("IPv6 extension headers inside", "RFC 7915 5.3", open_udp(),
    send(in6(ROUTER) / error6(1, 0, v6(R, A, hlim=5) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() /
                              UDP(sport=53, dport=5000) / HELLO), "translated",
         lambda p: out4() / error4(3, 1, Udp.reply4(p))))
row("an atomic fragment inside", "RFC 7915 5.3", open_udp(),
    send(in6(ROUTER) / error6(1, 0, v6(R, A, hlim=5) / IPv6ExtHdrFragment(id=0x77) / UDP(sport=53, dport=5000) / HELLO),
         "translated", lambda p: out4() / error4(3, 1, Udp.reply4(p, id=0x77))))
row("DF inside", "RFC 7915 5.3", open_udp(),
    send(in6(ROUTER) / error6(2, 0, bytes(v6(R, A) / UDP(sport=53, dport=5000) / BIG)[:100], 1300), "translated",
         lambda p: out4() / error4(3, 4, bytes(v4(R, POOL, flags="DF", id=int.from_bytes(p.out[32:34], "big")) /
                                               UDP(sport=53, dport=p.a) / BIG)[:80], 1280)))
row("UDP without checksum inside keeps having none", "RFC 7915 4.3", open_udp(),
    send(lambda p: in4(HOP) / error4(3, 1, v4(id=7) / UDP(sport=p.a, dport=53, chksum=0) / HELLO), "translated",
         out6(HOP) / error6(1, 0, in6() / UDP(sport=5000, dport=53, chksum=0) / HELLO)))
row("a wrong transport checksum inside does not matter", "RFC 5508 REQ-3 c", open_udp(),
    send(lambda p: in4(HOP) / error4(3, 1, bytes(v4(id=7) / UDP(sport=p.a, dport=53) / HELLO)[:-1] + b"O"), "translated",
         out6(HOP) / error6(1, 0, bytes(in6() / UDP(sport=5000, dport=53) / HELLO)[:-1] + b"O")))

# Errors that are dropped
for check in (0, 1, 0xffff):
    row(f"wrong ICMP checksum {check:#06x}", "RFC 5508 REQ-3 a", open_udp(),
        drop(lambda p, c=check: in4(HOP) / error4(3, 1, Udp.inner4(p), check=c), "bad_checksum"),
        drop(in6(ROUTER) / error6(1, 0, Udp.reply6(), check=check), "bad_checksum"))
row("wrong IPv4 header checksum inside", "RFC 5508 REQ-3 a", open_udp(),
    drop(lambda p: in4(HOP) / error4(3, 1, Udp.inner4(p, chksum=1)), "icmp_inner"))
row("an error inside an error", "RFC 6146 3.4", open_udp(),
    drop(lambda p: in4(HOP) / error4(3, 1, v4() / error4(3, 3, Udp.reply4(p))), "icmp_inner"),
    drop(in6(ROUTER) / error6(1, 0, v6(R, A) / error6(1, 4, Udp.inner6())), "icmp_inner"))
row("an unsupported protocol inside", "RFC 6146 3.4", open_udp(),
    drop(in4(HOP) / error4(3, 1, v4(proto=47) / bytes(16)), "icmp_inner"),
    drop(in6(ROUTER) / error6(1, 0, v6(R, A, nh=47) / bytes(16)), "icmp_inner"))
row("the wrong ICMP inside", "RFC 7915 4.3, 5.3", open_udp(),
    drop(in4(HOP) / error4(3, 1, v4(proto=58) / bytes(16)), "icmp_inner"),
    drop(in6(ROUTER) / error6(1, 0, v6(R, A, nh=1) / bytes(16)), "icmp_inner"))
for number in (0, 43, 44, 60):
    row(f"an IPv6 header number {number} as the protocol of the IPv4 packet inside", "RFC 7915 4.3", open_udp(),
        drop(in4(HOP) / error4(3, 1, v4(proto=number) / bytes(16)), "icmp_inner"))
row("loopback inside, at either end", "RFC 7915 4.3", open_udp(),
    drop(lambda p: in4(HOP) / error4(3, 1, v4("127.0.0.1") / UDP(sport=p.a, dport=53)), "icmp_inner"),
    drop(lambda p: in4(HOP) / error4(3, 1, v4(dst="127.0.0.1") / UDP(sport=p.a, dport=53)), "no_binding"), count(sessions=1))
row("no binding", "RFC 6146 3.5.1", drop(in4(HOP) / error4(3, 1, v4() / UDP(sport=5000, dport=53)), "no_binding"),
    drop(in6(ROUTER) / error6(1, 0, Udp.reply6()), "no_binding"))
row("a binding, but no session with that host", "RFC 6146 3.4", open_udp(),
    drop(lambda p: in4(HOP) / error4(3, 1, v4(dst=R2) / UDP(sport=p.a, dport=53)), "no_binding"),
    drop(in6(ROUTER, R2) / error6(1, 0, v6(R2, A) / UDP(sport=53, dport=5000)), "no_binding"))
row("a binding, but no session with that port", "RFC 6146 3.4", open_udp(),
    drop(lambda p: in4(HOP) / error4(3, 1, v4() / UDP(sport=p.a, dport=54)), "no_binding"),
    drop(in6(ROUTER) / error6(1, 0, v6(R, A) / UDP(sport=54, dport=5000)), "no_binding"))
row("a binding of another protocol", "RFC 6146 3.1", open_udp(),
    drop(lambda p: in4(HOP) / error4(3, 1, v4() / TCP(sport=p.a, dport=53)), "no_binding"))
row("to a pool address, about another one", "RFC 5508 REQ-4", open_udp(),
    drop(lambda p: in4(HOP, "192.0.2.2") / error4(3, 1, Udp.inner4(p)), "icmp_inner"), config="pool = 192.0.2.1-192.0.2.2")
row("to one IPv4 host, about another one", "RFC 6146 3.6", open_udp(),
    drop(in6(ROUTER, R2) / error6(1, 0, Udp.reply6()), "icmp_inner"))
row("about a source outside the prefix", "RFC 6146 3.5", open_udp(),
    drop(in6(ROUTER) / error6(1, 0, v6("2001:db8::99", A) / UDP(sport=53, dport=5000)), "icmp_inner"))
row("about no pool address", "RFC 6146 3.5", open_udp(),
    drop(lambda p: in4(HOP) / error4(3, 1, v4("192.0.2.9") / UDP(sport=p.a, dport=53)), "icmp_inner"))
row("to a denied destination", "RFC 6890", open_udp(),
    drop(in6(ROUTER, "10.0.0.1") / error6(1, 0, v6("10.0.0.1", A) / UDP(sport=53, dport=5000)), "destination_denied"))

# An error never creates, refreshes or ends anything
row("an error does not refresh: UDP", "RFC 6146 3.5", open_udp(), wait(299), to6(3, 3, (1, 4)), to4(1, 4, (3, 3)),
    wait(1), count(bindings=0, sessions=0))
row("an error does not refresh: TCP", "RFC 6146 3.5", open_tcp(), wait(239), to6(11, 0, (3, 0), inner=Tcp), wait(1),
    count(bindings=0, sessions=0))
row("an error does not end a session", "RFC 5508 REQ-6", open_tcp(), to6(3, 3, (1, 4), inner=Tcp),
    to6(3, 2, (4, 1), word6=6, inner=Tcp), wait(239), count(bindings=1, sessions=1))

# As far behind a packet's start as anything is ever written: all the extension headers there may be, outside and inside
LONGEST = bytes([60, 15]) + b"\1\x7c" + bytes(124)        # two of 128 bytes are the most that is allowed
for name, proto, number in [("UDP", Udp, 17), ("TCP", Tcp, 6)]:
    transport = bytes(proto.reply6() / bytes(700))[40:]
    inner = bytes(v6(R, A, hlim=5, nh=60, plen=256 + len(transport))) + LONGEST + bytes([number]) + LONGEST[1:] + transport
    icmp = bytes(in6(ROUTER) / error6(1, 0, inner))[40:]
    row(f"an error about {name} with the longest headers outside and inside", "robustness", proto.open(),
        send(in6(ROUTER, nh=60, plen=256 + len(icmp)) / (LONGEST + bytes([58]) + LONGEST[1:] + icmp), "translated",
             lambda p, o=proto: out4() / error4(
                 3, 1, o.reply4(p, id=int.from_bytes(p.out[32:34], "big")) / bytes(700))))
