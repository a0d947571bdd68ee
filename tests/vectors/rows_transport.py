"""TCP, UDP and echo headers and their checksums, both ways (RFC 7915 sections 4.5 and 5.5)."""
from row import *

ODD, EVEN = b"odd", b"even"

for data in (b"", b"x", EVEN, ODD, bytes(1200), b"\xff" * 1201):
    name = f"{len(data)} bytes of payload"
    row(f"UDP, {name}", "RFC 7915 4.5, 5.5",
        send(in6() / UDP(sport=5000, dport=53) / data, "translated",
             lambda p, d=data: out4() / UDP(sport=p.a, dport=53) / d, learn="a"),
        send(lambda p, d=data: in4() / UDP(sport=53, dport=p.a) / d, "translated",
             out6() / UDP(sport=53, dport=5000) / data))
    row(f"TCP, {name}", "RFC 7915 4.5, 5.5",
        open_tcp(),
        send(lambda p: in4() / TCP(sport=80, dport=p.a, flags="SA", seq=7, ack=1), "translated",
             out6() / TCP(sport=80, dport=40000, flags="SA", seq=7, ack=1)),
        send(in6() / TCP(sport=40000, dport=80, flags="PA", seq=1, ack=8) / data, "translated",
             lambda p, d=data: out4() / TCP(sport=p.a, dport=80, flags="PA", seq=1, ack=8) / d),
        send(lambda p, d=data: in4() / TCP(sport=80, dport=p.a, flags="PA", seq=8, ack=1) / d, "translated",
             out6() / TCP(sport=80, dport=40000, flags="PA", seq=8, ack=1) / data))
    row(f"echo, {name}", "RFC 7915 4.2, 5.2",
        send(in6() / echo6(77, 3) / data, "translated", lambda p, d=data: out4() / echo4(p.a, 3) / d, learn="a"),
        send(lambda p, d=data: in4() / echo4(p.a, 3, reply=True) / d, "translated",
             out6() / echo6(77, 3, reply=True) / data))
row("TCP options, urgent pointer and reserved bits stay", "RFC 7915 4.5, 5.5",
    send(in6() / TCP(sport=40000, dport=80, flags="SUEC", reserved=7, urgptr=99, window=1234,
                     options=[("MSS", 1440), ("SAckOK", b""), ("WScale", 7)]), "translated",
         lambda p: out4() / TCP(sport=p.a, dport=80, flags="SUEC", reserved=7, urgptr=99, window=1234,
                                options=[("MSS", 1440), ("SAckOK", b""), ("WScale", 7)]), learn="a"))
row("all ports there are, IPv6 side", "RFC 7915 5.5",
    *[send(in6() / UDP(sport=s, dport=d), "translated", lambda p, d=d: out4() / UDP(sport=p.a, dport=d), learn="a")
      for s, d in [(1, 65535), (65535, 1), (1023, 1024), (0x1234, 0x4321)]], count(bindings=4))
row("echo identifiers 0 and 65535", "RFC 6146 3.5.3", open_echo(ident=0), open_echo(ident=65535), count(bindings=2))
row("an echo request from the IPv4 side through a binding", "RFC 7915 4.2", open_echo(),
    send(lambda p: in4() / echo4(p.a, 9) / EVEN, "translated", out6() / echo6(77, 9) / EVEN),
    send(in6() / echo6(77, 9, reply=True) / EVEN, "translated", lambda p: out4() / echo4(p.a, 9, reply=True) / EVEN))

# A checksum is updated, not repaired
def off(packet, at, delta):
    """bytes of packet, the checksum at this offset moved by delta."""
    data = bytearray(bytes(packet))
    sum_ = (0xffff - int.from_bytes(data[at:at + 2], "big")) + delta
    sum_ = (sum_ & 0xffff) + (sum_ >> 16)
    data[at:at + 2] = (0xffff - sum_).to_bytes(2, "big")
    return bytes(data)


for name, make6, make4, at in [
        ("UDP", UDP(sport=5000, dport=53) / ODD, lambda p: UDP(sport=p.a, dport=53) / ODD, 6),
        ("TCP", TCP(sport=5000, dport=53, flags="S"), lambda p: TCP(sport=p.a, dport=53, flags="S"), 16),
        ("echo", echo6(77) / ODD, lambda p: echo4(p.a) / ODD, 2)]:
    for delta in (1, 0x1234, 0xfffe):
        row(f"a wrong {name} checksum stays wrong by {delta:#x}", "RFC 1624 3",
            send(off(in6() / make6, 40 + at, delta), "translated",
                 lambda p, m=make4, at=at, delta=delta: off(
                     out4(id=int.from_bytes(p.out[4:6], "big")) / m(p), 20 + at, delta), learn="a"))


# Checksums that other people have worked out, for a translator that keeps ports: no sum of ours, and none of scapy's
HOST4, HOST6, FAR4, FAR6, SIXTEEN = "172.16.0.2", "2001:db8::2", "192.168.1.2", "3fff:6464::192.168.1.2", bytes(range(16))
SYN, DATAGRAM = dict(sport=666, dport=667, seq=420, flags="S"), dict(sport=666, dport=667)
for name, from4, to6, from6, to4 in [
        ("TCP", TCP(**SYN), TCP(**SYN, chksum=48368), TCP(**SYN), TCP(**SYN, chksum=58108)),
        ("UDP", UDP(**DATAGRAM), UDP(**DATAGRAM, chksum=11904), UDP(**DATAGRAM), UDP(**DATAGRAM, chksum=21644)),
        ("UDP without one", UDP(**DATAGRAM, chksum=0), UDP(**DATAGRAM, chksum=11904), UDP(**DATAGRAM),
         UDP(**DATAGRAM, chksum=21644)),
        ("echo request", echo4(22, 9), echo6(22, 9, cksum=60372), echo6(15, 21), echo4(15, 21, chksum=63451)),
        ("echo reply", echo4(23, 19, True), echo6(23, 19, True, cksum=60105), echo6(16, 22, True),
         echo4(16, 22, True, chksum=65497))]:
    data = b"" if "echo" in name else SIXTEEN
    row(f"known checksums: {name}", "RFC 7915 4.5, 5.5",
        send(v4(FAR4, HOST4) / from4 / data, "translated", v6(FAR6, HOST6, hlim=63) / to6 / data),
        send(v6(HOST6, FAR6) / from6 / data, "translated", v4(HOST4, FAR4, ttl=63) / to4 / data),
        config=["prefix = 3fff:6464::/96", f"pool = {HOST4}", "allow = 192.168.0.0/16",
                *[f"static = {proto} {HOST4}:{n} [{HOST6}]:{n}" for proto in ("tcp", "udp") for n in (666, 667)],
                *[f"static = icmp {HOST4}:{n} [{HOST6}]:{n}" for n in (15, 16, 22, 23)]])

# UDP whose checksum comes out as 0
def fill(packet):
    """The packet with a payload of two bytes that makes its UDP checksum 0, which UDP writes as 0xffff."""
    bare = bytes(packet / b"\0\0")
    at = 20 if bare[0] >> 4 == 4 else 40
    return bare[at + 6:at + 8]


def sum_is_zero6():
    return fill(out6() / UDP(sport=53, dport=5000))


def sum_is_zero4(p):
    return fill(out4() / UDP(sport=p.a, dport=53))


for name, input_ in [("a checksum that comes out as 0 leaves as 0xffff", None),
                     ("a computed checksum of 0 leaves as 0xffff", 0)]:
    row(f"UDP to IPv6: {name}", "RFC 768", open_udp(),
        send(lambda p, c=input_: in4() / UDP(sport=53, dport=p.a, chksum=c) / sum_is_zero6(), "translated",
             out6() / UDP(sport=53, dport=5000, chksum=0xffff) / sum_is_zero6()))
row("UDP to IPv4: a checksum that comes out as 0 leaves as 0xffff", "RFC 768", open_udp(),
    send(lambda p: in6() / UDP(sport=5000, dport=53) / sum_is_zero4(p), "translated",
         lambda p: out4() / UDP(sport=p.a, dport=53, chksum=0xffff) / sum_is_zero4(p)))
row("UDP from IPv4 with checksum 0xffff", "RFC 768", open_udp(),
    send(lambda p: in4() / UDP(sport=53, dport=p.a) / fill(in4() / UDP(sport=53, dport=p.a)), "translated",
         lambda p: out6() / UDP(sport=53, dport=5000) / fill(in4() / UDP(sport=53, dport=p.a))))
row("UDP from IPv6 with checksum 0xffff", "RFC 768", open_udp(),
    send(in6() / UDP(sport=5000, dport=53) / fill(in6() / UDP(sport=5000, dport=53)), "translated",
         lambda p: out4() / UDP(sport=p.a, dport=53) / fill(in6() / UDP(sport=5000, dport=53))))

# UDP without a checksum
for data in (b"", b"x", EVEN, ODD, bytes(1200)):
    row(f"UDP without checksum and {len(data)} bytes: computed", "RFC 7915 4.5", open_udp(),
        send(lambda p, d=data: in4() / UDP(sport=53, dport=p.a, chksum=0) / d, "translated",
             out6() / UDP(sport=53, dport=5000) / data))
row("UDP without checksum: dropped when so configured, others not", "RFC 7915 4.5", open_udp(),
    drop(lambda p: in4() / UDP(sport=53, dport=p.a, chksum=0) / ODD, "udp_zero_checksum"),
    send(lambda p: in4() / UDP(sport=53, dport=p.a) / ODD, "translated", out6() / UDP(sport=53, dport=5000) / ODD),
    config="udp-zero-checksum = drop")
row("UDP without checksum over IPv6", "RFC 8200 8.1", drop(in6() / UDP(sport=5000, dport=53, chksum=0), "udp_zero_checksum"),
    count(bindings=0))
row("UDP shorter than its packet: the rest is carried along", "RFC 768", open_udp(),
    send(lambda p: in4() / UDP(sport=53, dport=p.a, len=10, chksum=0) / b"abXY", "translated",
         lambda p: out6(nh=17) / (bytes(out6() / UDP(sport=53, dport=5000) / b"ab")[40:] + b"XY")))

# Other ICMP (RFC 7915 sections 4.2, 5.2; RFC 8335)
for type_ in [*range(130, 138), 138, 139, 140, 141, 142, 143, 144, 151, 155, 160, 161, 200, 255]:
    row(f"ICMPv6 type {type_}", "RFC 7915 5.2", drop(in6() / error6(type_, 0, ODD), "icmp_type"), count(bindings=0))
for type_ in [1, 2, 6, 7, 9, 10, *range(13, 31), 37, 40, 41, 42, 43, 253, 255]:
    row(f"ICMPv4 type {type_}", "RFC 7915 4.2", open_echo(),
        drop(lambda p, t=type_: in4() / error4(t, 0, ODD, word=p.a << 16), "icmp_type"), count(sessions=1))
for code in (1, 255):
    row(f"echo with code {code}", "RFC 7915 4.2, 5.2", open_echo(),
        drop(in6() / error6(128, code, ODD, word=77 << 16), "icmp_type"),
        drop(lambda p, c=code: in4() / error4(0, c, ODD, word=p.a << 16), "icmp_type"))
