"""traffic.py - random traffic for one gateway: what hosts would send, answers, errors about it, and what is nearly right

A packet is made from a seed and from what is known of the gateway at that moment (the reference's tables, the packets that
came out lately), so a sequence is a list of seeds, and still makes sense when some are left out of it. Headers that need care
(extension headers, IPv4 and TCP options) are templates that scapy writes at the start; the rest is bytes, for speed.
"""
import ipaddress
import random
import struct

from scapy.all import IP, TCP, IPOption_NOP, IPOption_RR, IPOption_Timestamp, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.all import IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN

from fragments import MOST, Series
from reference import check_of, header4, header6, pseudo, total

PREFIX, LOCAL = "64:ff9b::/96", "2001:db8:64::/48"
HOSTS = [ipaddress.IPv6Address(a).packed for a in
         ("2001:db8:1::a", "2001:db8:1::a2", "2001:db8:2::b", "2001:db8:3::c", "2001:db8:1:0:ffff:ffff:ffff:ffff")]
ROUTER6 = ipaddress.IPv6Address("2001:db8:ffff::1").packed
REMOTES = [ipaddress.IPv4Address(a).packed for a in ("203.0.113.5", "203.0.113.6", "8.8.8.8", "1.0.0.1", "223.255.255.254")]
HOP4 = ipaddress.IPv4Address("203.0.113.254").packed
ODD6 = [ipaddress.IPv6Address(a).packed for a in
        ("::", "::1", "fe80::1", "ff02::1", "2001:db9::1", "64:ff9b::1.2.3.4", "2001:db8:64::1")]
ODD4 = [ipaddress.IPv4Address(a).packed for a in
        ("0.0.0.0", "127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.1.1", "224.0.0.1", "255.255.255.255", "100.64.0.1",
         "198.18.0.1", "192.0.0.9", "192.0.0.1", "198.51.100.1", "192.88.99.1", "192.0.2.77")]
PORTS = (1, 53, 80, 500, 1023, 1024, 5000, 40000, 65535)
REMOTE_PORTS = (53, 80, 443, 1, 65535)
WAITS = (1, 2, 4, 5, 6, 7, 20, 30, 59, 60, 61, 90, 119, 120, 121, 179, 239, 240, 241, 299, 300, 301, 1000, 7200, 7440, 8000)
FLAGS = (2, 2, 2, 0x12, 0x10, 0x18, 0x11, 1, 4, 0x14, 6, 0, 0xc2)

CONFIGS = [
    {"tcp-closing-timeout": ["60"]},
    {"prefix": [LOCAL], "wkp-strict": ["no"], "tcp-opening-timeout": ["90"]},
    {"prefix": [PREFIX, LOCAL], "mtu4": ["1340"], "router4": ["198.51.100.9"], "router6": ["2001:db8:ffff::64"]},
    {"pool": ["192.0.2.1 ports 2048-2111"], "port-hold-down": ["10"]},
    {"pool": ["192.0.2.1-192.0.2.6", "198.51.100.7 ports 5000-5999"]},
    {"static": ["udp 192.0.2.1:53 [2001:db8:1::a]:5353", "tcp 192.0.2.1:80 [2001:db8:2::b]:8080",
                "icmp 192.0.2.1:7 [2001:db8:1::a]:77", "udp 192.0.2.1:7002 [2001:db8:2::b]:5000"]},
    {"pool": ["192.0.2.1 ports 960-1087"], "port-hold-down": ["0"]},
    {"mtu6": ["1280"], "mtu4": ["1400"], "udp-timeout": ["120"], "icmp-timeout": ["90"]},
    {"mtu4": ["576"], "traffic-class": ["46"], "tcp-transitory-timeout": ["60"]},
    {"mtu": ["9000"], "udp-zero-checksum": ["drop"], "port-hold-down": ["0"]},
    {"hairpin": ["no"], "deny": ["8.8.0.0/16"], "allow": ["203.0.113.0/24", "8.8.8.0/24", "8.0.0.0/8", "10.0.0.0/8"]},
    {"prefix": ["2001:db8:64::/64"], "allow": ["203.0.113.0/24", "10.0.0.0/8", "240.0.0.0/4"],
     "tcp-established-timeout": ["8000"]},
    {"prefix": ["2001:db8:6400::/40"], "source": ["any"]},
    {"prefix": ["2001:db8:64:100::/56"], "tcp-closing-timeout": ["120"], "tcp-opening-timeout": ["60"]},
    {"prefix": ["2001:db9::/32"], "subscriber-prefix": ["128"]},
    {"filtering": ["address-dependent"], "inbound-refresh": ["no"], "tcp-closing-timeout": ["90"],
     "static": ["udp 192.0.2.1:53 [2001:db8:1::a]:5353"]},
    {"filtering": ["address-dependent"], "tcp-opening-timeout": ["100"], "tcp-closing-timeout": ["300"],
     "pool": ["192.0.2.1 ports 2048-2111"], "tcp-incoming-syn-timeout": ["20"], "port-hold-down": ["10"]},
    {"workers": ["2"], "static": ["udp 192.0.2.1:53 [2001:db8:1::a]:5353", "tcp 192.0.2.1:80 [2001:db8:2::b]:8080"]},
    {"workers": ["3"], "prefix": [PREFIX, LOCAL], "mtu4": ["1340"], "fragment-timeout": ["5"]},
    {"workers": ["4"], "filtering": ["address-dependent"], "inbound-refresh": ["no"], "udp-zero-checksum": ["drop"]},
    {"workers": ["2"], "pool": ["192.0.2.1 ports 2048-2050"], "port-hold-down": ["10"]},
    {"icmp-rate": ["2"], "icmp-rate-total": ["4"], "hairpin": ["no"], "tcp-incoming-syn-timeout": ["7"]},
    {"icmp-errors": ["none"], "hairpin": ["no"], "pool": ["192.0.2.1 ports 2048-2050"], "port-hold-down": ["0"]},
    {"icmp-errors": ["ip6"], "hairpin": ["no"]},
    {"icmp-errors": ["ip4"], "hairpin": ["no"], "workers": ["2"]},
    {"max-sessions": ["24"], "pool": ["192.0.2.1 ports 2048-2111"], "hairpin": ["no"], "workers": ["2"]},
    {"tcp-incoming-syn": ["drop"], "lowest-ipv6-mtu": ["1400"], "tcp-closing-timeout": ["60"]},
]


def keys_of(seed):
    """The configuration of a sequence. What a seed does not change is as in the vectors."""
    keys = {"pool": ["192.0.2.1"], "prefix": [PREFIX], "source": ["2001:db8::/32"], "allow": ["203.0.113.0/24"],
            "workers": ["1"], "max-sessions": ["16384"], "fair-share": ["no"], "icmp-rate": ["1000000"],
            "icmp-rate-total": ["10000000"]}
    rng = random.Random(seed)
    keys.update(CONFIGS[rng.randrange(len(CONFIGS))])
    if seed % 2:
        keys["offload"] = ["off"]           # otherwise checksums are left to the device
    return keys


def after(packet, bare):
    return bytes(packet)[bare:]


def chains():
    """(first next header, bytes) of extension headers; the last one's next header is its first byte, at `last`."""
    hop, dest = IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt()
    wide = IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(100))])
    route = IPv6ExtHdrRouting(type=253, segleft=0)
    left = IPv6ExtHdrRouting(type=0, segleft=1, addresses=["2001:db8::99"])
    atomic, reserved = IPv6ExtHdrFragment(id=0x12345678), IPv6ExtHdrFragment(id=7, res1=0xff, res2=3)
    out = []
    alone = [[hop], [dest], [route], [wide], [atomic], [reserved], [left]]
    together = [[hop, dest], [hop, dest, route], [hop, atomic], [atomic, dest], [hop, left], [wide, wide]]
    refused = [[dest, hop], [hop] + [dest] * 8, [wide, wide, wide], [atomic, atomic]]
    for parts in alone + together + [[hop] + [dest] * 7] + refused:
        packet, last = IPv6(), 40
        for part in parts:
            last = len(bytes(packet))
            packet = packet / part.copy()
        whole = bytes(packet)
        out.append((whole[6], whole[40:], last - 40))
    return out


def options():
    """IPv4 options, padded to words."""
    raw = [b"\x83\x07\x04\xcb\x00\x71\x09\x01", b"\x89\x07\x08\xcb\x00\x71\x09\x01", b"\x5e\x04ab",
           b"\x5e\x00\0\0", b"\x5e\x05\0\0", b"\0\x5e\0\0", b"\x83\x07\x07" + bytes(5), b"\x01\x83\x07\x04" + bytes(4)]
    built = [after(IP(options=[o] * n), 20) for o, n in
             ((IPOption_NOP(), 4), (IPOption_NOP(), 40), (IPOption_RR(routers=["1.2.3.4"]), 1), (IPOption_Timestamp(), 1))]
    return raw + built


def tcp_options():
    return [after(TCP(options=o), 20) for o in (
        [], [], [("MSS", 1440)], [("MSS", 1440), ("SAckOK", b""), ("WScale", 7)],
        [("Timestamp", (1, 2)), ("NOP", None), ("NOP", None)])]


CHAINS, OPTIONS, TCP_OPTIONS = chains(), options(), tcp_options()
EXTENSION = bytes.fromhex("2000") + struct.pack(">H", check_of(bytes.fromhex("20000000000801010001a1ff"))) + \
    bytes.fromhex("000801010001a1ff")


def checked(version, src, dst, proto, body):
    """body with the checksum of its transport header."""
    at = {6: 16, 17: 6}.get(proto, 2)
    body = body[:at] + b"\0\0" + body[at + 2:]
    length = len(body) if proto != 17 else body[4] << 8 | body[5]
    fake = b"" if proto == 1 else pseudo(src, dst, length, proto)
    check = check_of(fake + body[:length])
    if proto == 17 and check == 0:
        check = 65535
    return body[:at] + struct.pack(">H", check) + body[at + 2:]


def ipv6(src, dst, proto, body, ttl=64, tos=0, label=0, chain=None):
    first = proto
    if chain:
        first, ext, last = chain
        body = ext[:last] + bytes([proto]) + ext[last + 1:] + body
    head = header6(src, dst, len(body), first, ttl, tos)
    return struct.pack(">I", int.from_bytes(head[:4], "big") | label) + head[4:] + body


def ipv4(src, dst, proto, body, ttl=64, tos=0, ident=0, flags=0, opts=b""):
    head = bytearray(header4(src, dst, len(body) + len(opts), proto, ttl, tos, ident) + opts)
    head[0], head[6] = 0x40 | len(head) // 4, flags << 5
    head[10:12] = b"\0\0"
    head[10:12] = struct.pack(">H", check_of(bytes(head)))
    return bytes(head) + body


def is_fragment(data):
    """One of several. A byte that is changed may make one, which nobody can follow."""
    if data[0] >> 4 != 6:
        return data[0] >> 4 == 4 and len(data) >= 20 and (data[6] << 8 | data[7]) & 0x3fff
    at, proto = 40, data[6] if len(data) >= 40 else 59
    while proto in (0, 43, 44, 60) and at + 8 <= len(data):
        if proto == 44 and (data[at + 2] << 8 | data[at + 3]) & 0xfff9:
            return True
        at, proto = at + (8 if proto == 44 else (data[at + 1] + 1) * 8), data[at]
    return False


class Traffic:
    def __init__(self, reference):
        self.ref = reference
        self.seen = []  # (what went in, what came out) of late
        self.large = 0  # bytes of payload that a segment is to have
        self.idents = set()  # of packets that may come in fragments: two alike would be taken for one (RFC 4963)
        self.kinds = [(self.outbound, 30), (self.inbound, 22), (self.answer, 18), (self.error, 20), (self.strange, 5),
                      (self.broken, 5), (self.fragments, 4), (self.meeting, 3), (self.hostile, 4)]

    def ident(self):
        """An identification whose lower half no other packet had: 32 bits."""
        new = self.r.getrandbits(32)
        while new & 0xffff in self.idents:
            new = self.r.getrandbits(32)
        self.idents.add(new & 0xffff)
        return new

    def note(self, data, out):
        self.seen = self.seen[-30:] + [(data, out)]

    def make(self, seed):
        """A packet, a tuple of fragments, a Series of them, or a number of seconds to wait."""
        self.r = r = random.Random(seed)
        if r.random() < .04:
            return r.choice(WAITS)
        kind = r.choices([k for k, _ in self.kinds], [w for _, w in self.kinds])[0]
        data = kind() or self.outbound()
        if isinstance(data, (tuple, Series)):
            return data
        if data[0] >> 4 == 4 and len(data) >= 20 and data[9] == 6 and self.ref.in_pool(data[12:16]):
            return self.outbound()  # a forged SYN is kept, and whom its error goes to cannot always be told
        return self.outbound() if is_fragment(data) else data

    # --- pieces

    def payload(self):
        r, limit = self.r, self.ref.config
        if self.large:
            return r.randbytes(self.large)
        x = r.random()
        if x < .8:
            return r.randbytes(r.choice((0, 1, 2, 5, 8, 40, 100)))
        edge = r.choice((1232, 1240, 1260, 1280, limit.mtu4, limit.mtu6 - 20, limit.mtu4 - 20, limit.mtu6 - 40)) + \
            r.randint(-30, 30)
        return bytes([r.randrange(256)]) * max(0, min(edge, 8900) - 28)

    def segment(self, version, src, dst, proto, sport, dport):
        """A transport header and payload with a right checksum, mostly."""
        r, data = self.r, self.payload()
        if proto == 17:
            body = struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data
        elif proto == 6:
            opts = r.choice(TCP_OPTIONS)
            body = struct.pack(">HHIIBBHHH", sport, dport, r.getrandbits(32), r.getrandbits(32), (5 + len(opts) // 4) << 4,
                               r.choice(FLAGS), r.getrandbits(16), 0, r.choice((0, 0, 99))) + opts + data
        else:
            type_ = r.choice((8, 8, 0) if version == 4 else (128, 128, 129))
            body = struct.pack(">BBHHH", type_, 0, 0, sport, r.getrandbits(16)) + data
        body = checked(version, src, dst, proto, body)
        x = r.random()
        if proto == 17 and x < .06:
            body = body[:6] + b"\0\0" + body[8:] + (b"" if self.large else r.choice((b"", b"", b"behind")))
        elif x < .02 + .06:
            at = {6: 16, 17: 6}.get(proto, 2)
            body = body[:at] + r.randbytes(2) + body[at + 2:]
        elif x < .1 and proto == 17 and not self.large:
            body = checked(version, src, dst, proto, body + b"behind")
        elif x < .14 and len(data) >= 2:  # a checksum that comes out as 0, on this side or on the other
            body = self.zero_sum(version, src, dst, proto, body)
        return body

    def zero_sum(self, version, src, dst, proto, body):
        """Change the last payload word so that the checksum of the translated segment is 0 for UDP, or near it."""
        if len(body) & 1 or proto != 17:
            return body
        at = len(body) - 2
        body = body[:6] + b"\0\0" + body[8:at] + b"\0\0"
        rest = total(pseudo(src, dst, len(body), proto) + body)
        if self.r.random() < .6:  # as seen by the other side
            b = self.ref.by_host.get(("udp", src, body[0] << 8 | body[1])) if version == 6 else \
                self.ref.by_pool.get(("udp", dst, body[2] << 8 | body[3]))
            prefix = self.ref.config.prefixes[0]
            if b and b.addr and version == 6 and self.ref.prefix_of(dst)[1]:
                other = pseudo(b.addr, self.ref.prefix_of(dst)[1], len(body), 17) + struct.pack(">H", b.port) + body[2:]
            elif b and version == 4:
                other = pseudo(prefix.embed(src), b.host, len(body), 17) + body[:2] + struct.pack(">H", b.hport) + body[4:]
            else:
                other = b""
            if other:
                fill = (65535 - total(other)) % 65535
                return checked(version, src, dst, proto, body[:at] + struct.pack(">H", fill))
        return checked(version, src, dst, proto, body[:at] + struct.pack(">H", (65535 - rest) % 65535))

    def ttl(self):
        return self.r.choice((64,) * 12 + (255, 3, 2, 2, 1, 0))

    def tos(self):
        return self.r.choice((0, 0, 0, 1, 0xb8, 0xff, 0x28))

    def wrap6(self, src, dst, proto, body):
        r = self.r
        chain = r.choice(CHAINS) if r.random() < .12 else None
        return ipv6(src, dst, proto, body, self.ttl(), self.tos(), r.choice((0, 0, 0xfffff, r.getrandbits(20))), chain)

    def wrap4(self, src, dst, proto, body):
        r = self.r
        opts = r.choice(OPTIONS) if r.random() < .08 else b""
        return ipv4(src, dst, proto, body, self.ttl(), self.tos(), self.ident() & 0xffff, r.choice((0, 0, 2, 2, 4)), opts)

    def pools(self):
        return [b.addr for b in self.ref.by_pool.values()] or [ipaddress.IPv4Address("192.0.2.1").packed]

    # --- kinds of packets

    def outbound(self):
        """From an IPv6 host to the Internet, to a pool address, to where it may not go."""
        r, prefixes = self.r, self.ref.config.prefixes
        known = list(self.ref.by_host.values())
        proto = r.choice((6, 17, 58))
        src, sport = r.choice(HOSTS), r.choice(PORTS) if r.random() < .7 else r.randrange(65536)
        if known and r.random() < .5:
            b = r.choice(known)
            src, sport, proto = b.host, b.hport, {"tcp": 6, "udp": 17, "echo": 58}[b.proto]
        dport, remote, x = r.choice(REMOTE_PORTS), r.choice(REMOTES), r.random()
        if x < .15 and self.ref.by_pool:
            b = r.choice(list(self.ref.by_pool.values()))
            remote, dport = b.addr, b.port
            if r.random() < .8:
                proto = {"tcp": 6, "udp": 17, "echo": 58}[b.proto]
        elif x < .2:
            remote = r.choice(ODD4)
        elif x < .21:
            remote = r.randbytes(4)
        dst = r.choice(prefixes).embed(remote)
        if len(prefixes[0].bits) < 96 and r.random() < .1:  # suffix and u octet are ignored
            dst = (int.from_bytes(dst, "big") | r.getrandbits(8) | 0xa5 << 56).to_bytes(16, "big")
        if r.random() < .03:
            src = r.choice(ODD6)
        elif r.random() < .01:
            dst = r.choice(ODD6)
        return self.wrap6(src, dst, proto, self.segment(6, src, dst, proto, sport, dport))

    def inbound(self):
        """From the IPv4 side to a pool port, mostly one in use and mostly from who is known there."""
        r = self.r
        remote, rport, proto = r.choice(REMOTES), r.choice(REMOTE_PORTS), r.choice((6, 17, 1))
        dst, dport = r.choice(self.pools()), r.choice((0, 1, 80, 2050, 65535, r.randrange(65536)))
        if self.ref.by_pool and r.random() < .9:
            b = r.choice(list(self.ref.by_pool.values()))
            dst, dport, proto = b.addr, b.port, {"tcp": 6, "udp": 17, "echo": 1}[b.proto]
            if b.sessions and r.random() < .7:
                remote, rport = r.choice(list(b.sessions))
        x = r.random()
        if x < .04:
            remote = r.choice(ODD4)
        elif x < .06:
            remote = r.choice(self.pools())
        elif x < .07:
            dst = r.randbytes(4)
        if proto == 1:
            return self.wrap4(remote, dst, 1, self.segment(4, remote, dst, 1, dport, 0))
        return self.wrap4(remote, dst, proto, self.segment(4, remote, dst, proto, rport, dport))

    def answer(self):
        """What came out of late, answered by who got it."""
        r = self.r
        if not self.seen:
            return None
        out = r.choice(self.seen)[1]
        if len(out) < 28:
            return None
        if out[0] >> 4 == 4:
            src, dst, proto, l4, version = out[16:20], out[12:16], out[9], out[20:], 4
        else:
            src, dst, proto, l4, version = out[24:40], out[8:24], out[6], out[40:], 6
        if proto in (1, 58):
            if l4[0] not in (0, 8, 128, 129):
                return None
            sport, dport = l4[4] << 8 | l4[5], 0
        elif proto in (6, 17):
            dport, sport = struct.unpack(">HH", l4[:4])
        else:
            return None
        body = self.segment(version, src, dst, proto, sport, dport)
        return (self.wrap4 if version == 4 else self.wrap6)(src, dst, proto, body)

    def error(self):
        """An ICMP error about what came out, or about what went in, from a router or from the receiver."""
        r = self.r
        if not self.seen:
            return None
        out = r.choice(self.seen)[r.random() < .93]
        if len(out) < 28:
            return None
        quoted = bytearray(out)
        version = out[0] >> 4
        if r.random() < .3:
            quoted[8 if version == 4 else 7] = r.randrange(256)
        if version == 4 and r.random() < .3:  # it says that it was longer, which matters to an MTU of 0
            quoted[2:4] = struct.pack(">H", r.choice((1492, 1492, 1492, 2002, 4352, 8166)) + r.choice((0, 0, -1, 1)))
        if r.random() < .1 and version == 6 and quoted[6] in (6, 17, 58):  # it had become a fragment, or an atomic one
            more, length = r.choice((0, 1)), (quoted[4] << 8 | quoted[5]) + 8
            quoted[40:40] = struct.pack(">BBHI", quoted[6], 0, more, r.getrandbits(32))
            quoted[4:7] = struct.pack(">HB", length & 0xfff8 if more else length, 44)
        elif r.random() < .1 and version == 4:
            quoted[6] |= 0x20
        if version == 4:
            quoted[10:12] = b"\0\0"
            quoted[10:12] = struct.pack(">H", check_of(bytes(quoted[:(quoted[0] & 15) * 4])))
        quoted = bytes(quoted)
        if r.random() < .4:
            quoted = quoted[:r.choice((28, 36, 48, 60, 68, 128, 128, 528, len(quoted) - 1, r.randrange(len(quoted) + 1)))]
        else:
            quoted = quoted[:1232 if version == 6 else r.choice((548, 1472))]
        if version == 4:
            type_, code = r.choice(((3, r.randrange(17)), (3, 4), (3, 3), (3, 1), (11, r.randrange(3)), (12, r.randrange(3)),
                                    (r.choice((4, 5)), 0)))
            word = 0
            if (type_, code) == (3, 4):
                word = r.choice((0, 0, 0, 0, 68, 1240, 1259, 1260, 1261, 1280, 1400, 1480, 1500, 65535, r.randrange(65536)))
            elif type_ == 12:
                word = r.randrange(24) << 24
            body = self.extended(type_ in (3, 11, 12), 4, quoted)
            length, rest = body
            message = struct.pack(">BBHI", type_, code, 0, word | length << 16) + rest
            src, dst = r.choice((HOP4, out[16:20], r.choice(ODD4))), out[12:16]
            if r.random() < .02:
                dst = r.choice(self.pools())
            message = checked(4, src, dst, 1, message)
            if r.random() < .02:
                message = message[:2] + r.randbytes(2) + message[4:]
            return self.wrap4(src, dst, 1, message)
        if version != 6:
            return None
        type_, code = r.choice(((1, r.randrange(8)), (1, 4), (2, 0), (3, r.randrange(3)), (4, 0), (4, r.randrange(4)),
                                (r.choice((5, 100)), 0)))
        word = 0
        if type_ == 2:
            word = r.choice((0, 1260, 1280, 1300, 1400, 1500, 2 ** 32 - 1, r.randrange(9000)))
        elif type_ == 4:
            word = r.randrange(45)
        length, rest = self.extended(type_ in (1, 3), 8, quoted)
        message = struct.pack(">BBHI", type_, code, 0, word | length << 24) + rest
        src, dst = r.choice((ROUTER6, out[24:40], r.choice(HOSTS), r.choice(ODD6))), out[8:24]
        if r.random() < .02:
            dst = r.choice(self.ref.config.prefixes).embed(r.choice(REMOTES))
        message = checked(6, src, dst, 58, message)
        if r.random() < .02:
            message = message[:2] + r.randbytes(2) + message[4:]
        return self.wrap6(src, dst, 58, message)

    def extended(self, able, unit, quoted):
        """Length attribute and what stands behind the ICMP header; now and then with an extension (RFC 4884)."""
        r, x = self.r, self.r.random()
        if x > .25 or not able:
            return 0, quoted
        padded = quoted.ljust(128, b"\0")
        padded += b"\0" * (-len(padded) % unit)
        if x < .02:
            return r.randrange(256), padded
        if x < .04:
            return 0, padded + EXTENSION
        return len(padded) // unit & 0xff, padded + EXTENSION + r.randbytes(r.choice((0, 0, 8, 100)))

    def meeting(self):
        """The SYN of an IPv6 host whose remote end has sent one that is kept."""
        met = [(k, self.ref.by_pool["tcp", k[2], k[3]]) for k in self.ref.kept if ("tcp", k[2], k[3]) in self.ref.by_pool]
        if not met:
            return None
        (remote, rport, _, _), b = self.r.choice(met)
        dst = self.r.choice(self.ref.config.prefixes).embed(remote)
        body = struct.pack(">HHIIBBHHH", b.hport, rport, 7, 0, 0x50, 2, 1000, 0, 0)
        return ipv6(b.host, dst, 6, checked(6, b.host, dst, 6, body))

    def large_packet(self):
        """A packet of a session that will not end soon: a Series without steps, or None."""
        r = self.r
        known = [(b, remote, s) for b in self.ref.by_host.values() for remote, s in b.sessions.items()
                 if b.addr and not self.ref.in_pool(remote[0]) and not self.ref.denied(remote[0], s.via)
                 and s.expires > self.ref.now + 40]
        if not known:
            return None
        b, (remote, rport), s = r.choice(known)
        proto, version = {"tcp": 6, "udp": 17, "echo": 1}[b.proto], r.choice((4, 6))
        here, there = (b.host, s.via.embed(remote)) if version == 6 else (remote, b.addr)
        if version == 6 and proto == 1:
            proto = 58
        ports = (b.hport, rport) if version == 6 else (b.port, 0) if proto == 1 else (rport, b.port)
        self.large = r.choice((150, 1400, 1500, 3000, 4000)) + r.randrange(40)
        body = self.segment(version, here, there, proto, *ports)
        self.large = 0
        if len(body) < 80:
            return None
        return Series(version, here, there, proto, self.ident(), self.tos(), body, [])

    def cuts(self, series, *steps):
        """The packet as [(offset, more, payload)], cut at 64 and then after one of these steps, or any."""
        borders, size = [0, 64], len(series.body)
        while borders[-1] + 8 < size:
            borders.append(borders[-1] + self.r.choice(steps or (512, 1024, 1200, self.r.randrange(8, 1200) & ~7)))
        borders = [b for b in borders if b < size] + [size]
        return [(at, int(end < size), series.body[at:end]) for at, end in zip(borders, borders[1:])]

    def fragments(self):
        """A large packet of a session in fragments, in any order, some of them twice: a tuple."""
        r, series = self.r, self.large_packet()
        if not series:
            return None
        out = [series.packet(*cut) for cut in self.cuts(series)]
        later = out[1:]  # the first one, twice, would move a TCP state twice
        if r.random() < .6:
            r.shuffle(out)
        if r.random() < .2:
            out.insert(r.randrange(len(out) + 1), r.choice(later))
        return tuple(out)

    def hostile(self):
        """Fragments that overlap, end twice, come again, late, cut too short, or never: a Series."""
        r, series = self.r, self.large_packet()
        if not series or sum(len(k.waiting) for k in self.ref.kin) > 40 or len(self.ref.kin) > 12:
            return None
        if series.proto in (6, 17) and series.body[6:8] != b"\0\0" and r.random() < .04:
            series.body += r.randbytes(8 * MOST)
            series.steps = self.cuts(series, 8)[:MOST + r.randrange(-1, 4)]
            return series
        steps = self.cuts(series)
        for _ in range(r.choice((1, 1, 2, 3))):
            self.spoil(series, steps)
        if not [s for s in steps if not isinstance(s, int)]:
            return None
        if r.random() < .5:
            r.shuffle(steps)
        series.steps = steps
        return series

    def spoil(self, series, steps):
        """Something that no honest sender's fragments do, or what happens to them on the way."""
        r, body = self.r, series.body
        cuts = [s for s in steps if not isinstance(s, int) and s[2]]
        if not cuts:
            return
        at, more, payload = r.choice(cuts)
        port = 2 if series.version == 6 else 0  # of the remote end: a packet of its own, if it is not a contradiction
        bad = r.choice((
            (max(0, at - 8), more, payload), (at + 8, more, payload), (at, 1, payload[:len(payload) // 2 & ~7] or bytes(8)),
            (at, 0, payload), (at, 1, payload + bytes(8 - len(payload) % 8)), (at, more, payload), (at, more, payload),
            (0, 1, body[:port] + r.randbytes(2) + body[port + 2:64] if series.proto in (6, 17) and
             self.ref.config.max_sessions > 1000 else body[:64]), (0, 1, body[:r.choice((4, 8, 16, 24))]),
            (at, 1, payload[:-3]), (at, more, b""), ((len(body) + 7) & ~7, r.choice((0, 1)), r.randbytes(16)),
            (65512, 0, r.randbytes(r.choice((3, 4)))), r.choice((1, 2, 3, 4, 6)), r.choice((1, 2, 3, 4, 6)), None, None))
        if bad is None:
            steps.remove((at, more, payload))
        elif isinstance(bad, int) or bad[0] > 0 or bad[1]:  # else it would be no fragment
            steps.insert(r.randrange(len(steps) + 1), bad)

    def strange(self):
        """Other protocols, other ICMP types."""
        r = self.r
        if r.random() < .5:
            src, dst = r.choice(HOSTS + ODD6[:3]), r.choice(self.ref.config.prefixes).embed(r.choice(REMOTES))
            if r.random() < .5:
                return self.wrap6(src, dst, r.choice((0, 1, 2, 4, 41, 43, 47, 50, 51, 59, 60, 132, 135, 255)), bytes(24))
            message = struct.pack(">BBHI", r.randrange(100, 256), r.choice((0, 0, 1)), 0, 0) + bytes(9)
            return self.wrap6(src, dst, 58, checked(6, src, dst, 58, message))
        src, dst = r.choice(REMOTES + ODD4[:3]), r.choice(self.pools())
        if r.random() < .5:
            return self.wrap4(src, dst, r.choice((0, 2, 4, 41, 43, 44, 47, 50, 51, 58, 59, 60, 132, 255)), bytes(24))
        message = checked(4, src, dst, 1, struct.pack(">BBHI", r.randrange(45), r.choice((0, 0, 1)), 0, 0) + bytes(9))
        return self.wrap4(src, dst, 1, message)

    def broken(self):
        """A good packet, cut, with bytes behind it or with a byte changed; the IPv4 header's sum is often put right."""
        r = self.r
        good = r.choice((self.outbound, self.inbound, self.answer, self.error))() or self.outbound()
        x = r.random()
        if x < .15:
            return good[:r.randrange(1, len(good) + 1)]
        if x < .3:
            return good + b"trailer"
        data = bytearray(good)
        at = r.randrange(min(len(data), 120))
        data[at] ^= r.choice((1, 0x80, 0xff, 1 << r.randrange(8)))
        if data[0] >> 4 == 4 and r.random() < .7 and len(data) >= 20:
            end = max(20, min((data[0] & 15) * 4, len(data)))
            data[10:12] = b"\0\0"
            data[10:12] = struct.pack(">H", check_of(bytes(data[:end])))
        return bytes(data)
