"""Segmentation offload: one packet that stands for several is translated to one that stands for what each of them would become.

A super-packet is made of its segments as the kernel merges them, translated, and divided again as a device does it; that is
compared with what becomes of the segments one by one.
"""
from scapy.all import IPOption_NOP, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop

from row import *

PARTIAL, TCP4, TCP6, UDP_L4, ECN = 1, 1, 4, 5, 0x80
TIMES = [("NOP", None), ("NOP", None), ("Timestamp", (12345, 678))]
CWR = 0x80


def pack(flags=0, type=0, header=0, segment=0, start=0, check=0):
    return struct.pack("=BBHHHH", flags, type, header, segment, start, check)


def data(size, seed=7):
    return bytes((seed + 31 * n) & 0xff for n in range(size))


def l4_of(ip):
    """Offset of the transport header and its protocol."""
    if ip[0] >> 4 == 4:
        return (ip[0] & 15) * 4, ip[9]
    at, proto = 40, ip[6]
    while proto in (0, 43, 44, 60):
        proto, at = ip[at], at + (8 if proto == 44 else 8 + 8 * ip[at + 1])
    return at, proto


def ones(words):
    total = sum(struct.unpack(f">{(len(words) + 1) // 2}H", words + b"\0" * (len(words) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def pseudo(ip, l4, proto):
    size = len(ip) - l4
    return ones((ip[8:40] if ip[0] >> 4 == 6 else ip[12:20]) + struct.pack(">HH", size, proto))


def lengths(ip, l4, proto):
    """The lengths in the headers as the bytes are."""
    ip = bytearray(ip)
    if ip[0] >> 4 == 6:
        ip[4:6] = struct.pack(">H", len(ip) - 40)
    else:
        ip[2:4] = struct.pack(">H", len(ip))
        ip[10:12] = b"\0\0"
        ip[10:12] = checksum(bytes(ip[:l4])).to_bytes(2, "big")
    if proto == 17:
        ip[l4 + 4:l4 + 6] = struct.pack(">H", len(ip) - l4)
    return ip


def left_to_do(ip):
    """The packet with a partial checksum, and what the device says of it."""
    l4, proto = l4_of(ip)
    ip, check = bytearray(ip), 16 if proto == 6 else 6
    ip[l4 + check:l4 + check + 2] = struct.pack(">H", pseudo(ip, l4, proto))
    return bytes(ip), dict(flags=PARTIAL, start=l4, check=check)


def done(ip, start, check):
    """What the device makes of it."""
    ip = bytearray(ip)
    total = ~ones(bytes(ip[start:])) & 0xffff
    ip[start + check:start + check + 2] = struct.pack(">H", total or (0xffff if check == 6 else 0))
    return bytes(ip)


def merged(segments, ecn=False):
    """The super-packet of these packets, and what the device says of it."""
    first = segments[0]
    l4, proto = l4_of(first)
    header = l4 + ((first[l4 + 12] >> 4) * 4 if proto == 6 else 8)
    whole = lengths(first[:header] + b"".join(s[header:] for s in segments), l4, proto)
    if proto == 6:
        whole[l4 + 13] |= segments[-1][l4 + 13] & 9
    ip, said = left_to_do(whole)
    kind = UDP_L4 if proto == 17 else TCP6 if first[0] >> 4 == 6 else TCP4
    return ip, dict(said, type=kind | (ECN if ecn else 0), header=header, segment=len(first) - header)


def divided(ip, offload):
    """The packets that a device with this offload sends."""
    flags, kind, header, segment, start, check = struct.unpack("=BBHHHH", offload)
    if kind == 0:
        return [done(ip, start, check) if flags & PARTIAL else ip]
    l4, proto = l4_of(ip)
    if start != l4 or header != l4 + ((ip[l4 + 12] >> 4) * 4 if proto == 6 else 8) or not flags & PARTIAL:
        raise Difference(f"told the device {struct.unpack('=BBHHHH', offload)} of {ip[:80].hex()}")
    want = {17: UDP_L4, 6: TCP6 if ip[0] >> 4 == 6 else TCP4}[proto]
    if kind & ~ECN != want:
        raise Difference(f"told the device kind {kind}, not {want}")
    if struct.unpack(">H", ip[l4 + check:l4 + check + 2])[0] != pseudo(ip, l4, proto):
        raise Difference("a partial checksum that is none")
    out, payload = [], ip[header:]
    for n, at in enumerate(range(0, len(payload), segment)):
        one = bytearray(ip[:header])
        if proto == 6:
            one[l4 + 4:l4 + 8] = struct.pack(">I", int.from_bytes(ip[l4 + 4:l4 + 8], "big") + at & 0xffffffff)
            if at + segment < len(payload):
                one[l4 + 13] &= ~9 & 0xff
            if n > 0 and kind & ECN:
                one[l4 + 13] &= ~CWR & 0xff
        if ip[0] >> 4 == 4:
            one[4:6] = struct.pack(">H", int.from_bytes(ip[4:6], "big") + n & 0xffff)
        one = lengths(one + payload[at:at + segment], l4, proto)
        out.append(done(left_to_do(one)[0], start, check))
    return out


def without_id(packet):
    return packet[:4] + packet[6:10] + packet[12:] if packet[0] >> 4 == 4 else packet


def as_others(packet, first):
    """The last one has the header of all, so it has their DF too, though RFC 7915 section 5.1 gives a small packet none."""
    return packet[:6] + first[6:7] + packet[7:] if packet[0] >> 4 == 4 else packet


def same(packets, want):
    want[-1] = as_others(want[-1], want[0])
    if len(packets) != len(want):
        raise Difference(f"{len(packets)} packets, {len(want)} expected")
    for n, (a, b) in enumerate(zip(packets, want)):
        if without_id(a) != without_id(b):
            compare(f"segment {n}", b, a)
    ids = [int.from_bytes(p[4:6], "big") for p in packets if p[0] >> 4 == 4 and not p[6] & 0x40]
    if len(set(ids)) != len(ids) or 0 in ids:
        raise Difference(f"identifications {ids}")


def together(segments, ecn=False, worker=0):
    """They become the same together as one by one."""
    def step(run):
        packets = [bytes(build(s, run.ports)) for s in segments]
        ip, said = merged(packets, ecn)
        verdict, out, to = run.gateway.packet(ip, worker, offload=pack(**said))
        hops = [worker]
        while verdict == "handed_over" and len(hops) < 3:
            if out != ip or run.gateway.offload != pack(**said):
                raise Difference("it was handed over as another one")
            hops.append(to)
            verdict, out, to = run.gateway.packet(out, to, run.gateway.kin, run.gateway.offload)
        if verdict != "translated":
            raise Difference(f"verdict {verdict}")
        got = divided(out, run.gateway.offload)
        want = []
        for p in packets:
            verdict, out, _ = run.gateway.packet(p, hops[-1])
            if verdict != "translated":
                raise Difference(f"verdict {verdict} of a segment by itself")
            want.append(out)
        same(got, want)
    return step


def tcp(make, sizes, options=(), flags="A", last="A", **ports):
    """Segments of a stream."""
    out, seq = [], 0xfffff000
    for n, size in enumerate(sizes):
        kind = last if n + 1 == len(sizes) else flags.replace("C", "") if n else flags
        out.append(lambda p, seq=seq, size=size, kind=kind: make() /
                   TCP(seq=seq & 0xffffffff, ack=99, flags=kind, options=list(options), **{k: v(p) if callable(v) else v
                       for k, v in ports.items()}) / data(size))
        seq += size
    return out


def udp(make, sizes, **ports):
    return [lambda p, size=size, n=n: make() / UDP(**{k: v(p) if callable(v) else v for k, v in ports.items()}) / data(size, n)
            for n, size in enumerate(sizes)]


UP = dict(sport=40000, dport=80)
DOWN = dict(sport=80, dport=lambda p: p.a)
TRAINS = {
    "two": [1000, 1000], "an odd one last": [1440, 1440, 7], "bytes": [1] * 40, "small ones": [100] * 30, "odd sizes": [999] * 7 + [3],
    "64 KB": [1440] * 44 + [1000],
}
for name, sizes in TRAINS.items():
    row(f"TCP from IPv6: {name}", "segmentation offload", open_tcp(), together(tcp(in6, sizes, **UP)))
    row(f"TCP from IPv4: {name}", "segmentation offload", open_tcp(),
        together(tcp(lambda: in4(flags="DF", id=9), sizes, **DOWN)))
    row(f"UDP from IPv6: {name}", "segmentation offload", open_udp(), together(udp(in6, sizes, sport=5000, dport=53)))
    row(f"UDP from IPv4: {name}", "segmentation offload", open_udp(),
        together(udp(lambda: in4(flags="DF"), sizes, sport=53, dport=lambda p: p.a)))
row("TCP with options in every segment", "segmentation offload", open_tcp(),
    together(tcp(in6, [1428] * 20 + [5], options=TIMES, last="PA", **UP)),
    together(tcp(lambda: in4(flags="DF"), [1428] * 20, options=TIMES, last="FPA", **DOWN)))
row("congestion window reduced: the first one says so", "segmentation offload, RFC 3168 6.1.2", open_tcp(),
    together(tcp(in6, [1200] * 5, flags="CA", **UP), ecn=True),
    together(tcp(lambda: in4(flags="DF"), [1200] * 5, flags="CA", **DOWN), ecn=True))
row("behind extension headers", "segmentation offload, RFC 7915 5.1", open_tcp(),
    together(tcp(lambda: in6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(), [700] * 4, **UP)))
row("behind IPv4 options", "segmentation offload, RFC 7915 4.1", open_tcp(),
    together(tcp(lambda: in4(flags="DF", options=[IPOption_NOP()] * 8), [700] * 4, **DOWN)))
row("traffic class and hop limit", "segmentation offload", open_tcp(), together(tcp(lambda: in6(tc=0x2a, hlim=2), [900] * 3, **UP)))


def refused(segments, verdict, reply=None, **wrong):
    """A packet of several that is not translated; what is answered quotes the first of them as it would have been."""
    def step(run):
        packets = [bytes(build(s, run.ports)) for s in segments]
        ip, said = merged(packets)
        said.update(wrong)
        got, out, _ = run.gateway.packet(ip, 0, offload=pack(**said))
        if got != verdict:
            raise Difference(f"verdict: expected {verdict}, got {got}")
        if run.gateway.offload != pack() and out:
            raise Difference("an error leaves something to the device")
        want = bytes(free_ids(reply(packets[0]), out)) if reply else b""
        compare("answer", want, out)
    return step


row("hop limit: the first one is quoted", "segmentation offload, RFC 4443 3.3", open_tcp(),
    refused(tcp(lambda: in6(hlim=1), [1000] * 4, **UP), "hop_limit",
            lambda first: v6(POOL, A, hlim=64) / error6(3, 0, Raw(first))))
row("hop limit of datagrams: the first one is quoted", "segmentation offload, RFC 4443 3.3", open_udp(),
    refused(udp(lambda: in6(hlim=1), [1000] * 4, sport=5000, dport=53), "hop_limit",
            lambda first: v6(POOL, A, hlim=64) / error6(3, 0, Raw(first))))

TRUE = tcp(in6, [500] * 4, **UP)
for name, wrong in {
    "checksum starts elsewhere": dict(start=48), "checksum is elsewhere": dict(check=6), "kind of the other family": dict(type=TCP4),
    "kind of another protocol": dict(type=UDP_L4), "kind that is none": dict(type=3), "no segment size": dict(segment=0),
    "a checksum that is complete": dict(flags=0), "a kind of tunnels": dict(type=0x20 | TCP6),
}.items():
    row(f"the device lies: {name}", "segmentation offload", open_tcp(), refused(TRUE, "bad_offload", **wrong))


def says(packet, verdict, **said):
    def step(run):
        got, out, _ = run.gateway.packet(bytes(build(packet, run.ports)), 0, offload=pack(**said))
        if got != verdict or (out and verdict == "bad_offload"):
            raise Difference(f"verdict: expected {verdict}, got {got}")
    return step


row("a partial checksum of ICMP", "segmentation offload", says(in6() / echo6(7), "bad_offload", flags=PARTIAL, start=40, check=2))
row("a partial checksum of a fragment", "segmentation offload",
    says(in4(flags="MF") / UDP(sport=53, dport=2000) / data(16), "bad_offload", flags=PARTIAL, start=20, check=6))
row("one that was verified is one like any other", "segmentation offload", open_udp(),
    says(in6() / UDP(sport=5000, dport=53) / b"hello", "translated", flags=2))


def alone(run):
    """A kind, and no more bytes than one segment: one packet."""
    packet = bytes(in6() / TCP(**UP, seq=5, ack=6, flags="A") / data(300))
    ip, said = left_to_do(packet)
    verdict, out, _ = run.gateway.packet(ip, 0, offload=pack(**said, type=TCP6, header=60, segment=300))
    if verdict != "translated" or struct.unpack("=BBHHHH", run.gateway.offload)[1]:
        raise Difference(f"{verdict}, told the device {run.gateway.offload.hex()}")
    want = bytes(out4() / TCP(sport=run.ports.a, dport=80, seq=5, ack=6, flags="A") / data(300))
    same(divided(out, run.gateway.offload), [want])


row("one segment is one packet", "segmentation offload", open_tcp(), alone)


def smaller(run):
    """Without DF a stream is divided anew, so that no packet has to be cut."""
    sizes = [1460] * 8 + [33]
    packets = [bytes(build(s, run.ports)) for s in tcp(lambda: in4(id=4), sizes, **DOWN)]
    ip, said = merged(packets)
    verdict, out, _ = run.gateway.packet(ip, 0, offload=pack(**said))
    got = divided(out, run.gateway.offload)
    if verdict != "translated" or max(len(p) for p in got) != 1280:
        raise Difference(f"{verdict}, {max(len(p) for p in got)} bytes")
    if b"".join(p[60:] for p in got) != b"".join(p[40:] for p in packets):
        raise Difference("another stream")
    for n, p in enumerate(got):
        want = out6() / TCP(sport=80, dport=40000, seq=0xfffff000 + n * 1220 & 0xffffffff, ack=99, flags="A") / Raw(p[60:])
        compare(f"segment {n}", bytes(want), p)


row("TCP without DF is divided anew", "segmentation offload, RFC 7915 4.1", open_tcp(), smaller)


def cut_up(sizes):
    """Without DF each datagram leaves in fragments of its own."""
    def step(run):
        packets = [bytes(build(s, run.ports)) for s in udp(lambda: in4(id=0xfffe), sizes, sport=53, dport=lambda p: p.a)]
        ip, said = merged(packets)
        verdict, _, _ = run.gateway.packet(ip, 0, offload=pack(**said))
        pieces, want = run.gateway.pieces, []
        if verdict != "translated":
            raise Difference(f"verdict {verdict}")
        for n, p in enumerate(packets):
            run.gateway.packet(p)
            want += [piece[:44] + struct.pack(">I", 0xfffe + n) + piece[48:] if piece[6] == 44 else piece for piece in run.gateway.pieces]
        if len(pieces) != len(want):
            raise Difference(f"{len(pieces)} pieces, {len(want)} expected")
        for n, (a, b) in enumerate(zip(pieces, want)):
            compare(f"piece {n}", b, a)
    return step


row("UDP without DF: each datagram in its own fragments", "segmentation offload, RFC 7915 4.1", open_udp(),
    cut_up([1400] * 5 + [20]), cut_up([1300] * 2), cut_up([1233] * 3 + [1231]))


row("too big: the sender is told as if it were one by one", "segmentation offload, RFC 7915 4.1", open_tcp(),
    refused(tcp(lambda: in4(flags="DF", id=3), [1460] * 4, **DOWN), "too_big",
            lambda first: own4(ttl=64) / error4(3, 4, Raw(first[:548]), word=1480)))
row("too big for IPv4", "segmentation offload, RFC 7915 5.1", open_tcp(),
    refused(tcp(in6, [1400] * 4, **UP), "too_big",
            lambda first: v6(POOL, A, hlim=64) / error6(2, 0, Raw(first[:1232]), word=1420)), config="mtu4 = 1400")


def met(run):
    """Handed over and translated by its owner."""
    host = next(h for h in (f"2001:db8:{n:x}::1" for n in range(64))
                if run.gateway.packet(bytes(in6(h) / UDP(sport=5000, dport=53) / b"hello"), 1)[0] == "handed_over")
    together(udp(lambda: in6(host), [600] * 12, sport=5000, dport=53), worker=1)(run)


row("read by the wrong worker", "segmentation offload", met, config="workers = 2")
row("hairpin", "segmentation offload, RFC 6146 3.8", open_udp(learn="b", src=B, sport=7000, dst=R2),
    together([lambda p, n=n: in6(A, POOL) / UDP(sport=5000, dport=p.b) / data(400, n) for n in range(6)]))
