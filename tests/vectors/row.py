"""row.py - what a row is made of

    row("UDP to IPv4", "RFC 7915 5.1",
        send(v6() / UDP(sport=5000, dport=53) / b"hello", "translated",
             lambda p: v4() / UDP(sport=p.a, dport=53) / b"hello", learn="a"))

A row is a name, the clause it shows, configuration lines, and steps. A step is a function of the running row. A packet
in a step is a scapy packet, bytes, or a function of the ports learnt so far: p.a is the pool port (or identifier) that
the gateway chose in the step with learn="a", p.sent is the packet that went in, p.out what came out. An IPv4 header that names no id matches any id, because there the RFC
leaves it to the translator; everything else is compared byte by byte, checksums included.
"""
import ipaddress
import struct
import types

from scapy.all import IP, UDP, TCP, ICMP, IPv6, ByteField, Packet, Raw, XIntField, XShortField
from scapy.all import ICMPv6EchoRequest, ICMPv6EchoReply, bind_top_down, checksum, conf, in6_chksum

conf.verb = 0

A = "2001:db8:1::a"         # IPv6 hosts; A and B are two subscribers
A2 = "2001:db8:1::a2"       # of A's subscriber
B = "2001:db8:2::b"
ROUTER = "2001:db8:ffff::1"  # an IPv6 router on the way
R = "203.0.113.5"           # IPv4 hosts
R2 = "203.0.113.6"
HOP = "203.0.113.254"       # an IPv4 router on the way
POOL = "192.0.2.1"          # pool and router4
PREFIX = "64:ff9b::/96"

INI = {
    "pool": [POOL],
    "prefix": [PREFIX],
    "source": ["2001:db8::/32"],
    "allow": ["203.0.113.0/24"],
    "workers": ["1"],
    "max-sessions": ["4096"],
}


def ini(lines):
    """The configuration of a row: the usual one, with the keys that the row names taken from the row."""
    keys = dict(INI)
    own = {}
    for line in lines:
        key, value = line.split("=", 1)
        own.setdefault(key.strip(), []).append(value.strip())
    keys.update(own)
    return "[tenant row]\n" + "".join(f"{k} = {v}\n" for k, values in keys.items() for v in values)


def embed(ip4, prefix=PREFIX):
    """RFC 6052 section 2.2, spelled with bit strings so as to share nothing with the code under test."""
    net = ipaddress.IPv6Network(prefix)
    bits = f"{int(net.network_address):0128b}"[:net.prefixlen]
    four = f"{int(ipaddress.IPv4Address(ip4)):032b}"
    if net.prefixlen < 96:
        room = 64 - net.prefixlen
        bits += four[:room] + "0" * 8 + four[room:]
    else:
        bits += four
    return str(ipaddress.IPv6Address(int(bits.ljust(128, "0"), 2)))


def v6(src=A, dst=R, **fields):
    """An IPv6 header; an IPv4 destination or source is embedded in the usual prefix."""
    name = [embed(a) if "." in a and ":" not in a else a for a in (src, dst)]
    return IPv6(src=name[0], dst=name[1], **fields)


def v4(src=POOL, dst=R, **fields):
    return IP(src=src, dst=dst, **fields)


def echo6(ident, seq=1, reply=False, **fields):
    return (ICMPv6EchoReply if reply else ICMPv6EchoRequest)(id=ident, seq=seq, **fields)


def echo4(ident, seq=1, reply=False, **fields):
    return ICMP(type=0 if reply else 8, id=ident, seq=seq, **fields)


def in6(src=A, dst=R, **fields):
    """What an IPv6 host sends."""
    return v6(src, dst, **fields)


def out4(src=POOL, dst=R, ttl=63, **fields):
    """What leaves to the IPv4 side of it."""
    return v4(src, dst, ttl=ttl, **fields)


def in4(src=R, dst=POOL, **fields):
    return v4(src, dst, **fields)


def out6(src=R, dst=A, hlim=63, **fields):
    return v6(src, dst, hlim=hlim, **fields)


def own4(dst=R, src=POOL, **fields):
    """The gateway's own error to an IPv4 host: internetwork control, which is no rank that its packet had a say in."""
    return v4(src, dst, tos=0xc0, **fields)


class ICMPError4(Packet):
    """An ICMP header of any type and code, with the four bytes behind the checksum as one number."""
    fields_desc = [ByteField("type", 3), ByteField("code", 0), XShortField("check", None), XIntField("word", 0)]

    def post_build(self, header, payload):
        whole = header + payload
        return whole[:2] + struct.pack(">H", checksum(whole)) + whole[4:] if self.check is None else whole


class ICMPError6(ICMPError4):
    def post_build(self, header, payload):
        whole = header + payload
        if self.check is None:
            whole = whole[:2] + struct.pack(">H", in6_chksum(58, self.underlayer, whole)) + whole[4:]
        return whole


bind_top_down(IP, ICMPError4, proto=1)
bind_top_down(IPv6, ICMPError6, nh=58)


def error4(type, code, inner, word=0, **fields):
    return ICMPError4(type=type, code=code, word=word, **fields) / inner


def error6(type, code, inner, word=0, **fields):
    return ICMPError6(type=type, code=code, word=word, **fields) / inner


class Row:
    def __init__(self, name, clause, config, steps):
        self.name, self.clause, self.config, self.steps = name, clause, config, steps


ROWS = []


def row(name, clause, *steps, config=()):
    ROWS.append(Row(name, clause, [config] if isinstance(config, str) else list(config), steps))


class Difference(Exception):
    pass


def build(packet, ports):
    if callable(packet) and not isinstance(packet, Packet):
        packet = packet(ports)
    return packet


def free_ids(expected, got):
    """Take the id of every IPv4 header that does not name one from what came out. Headers are where bytes say."""
    if not isinstance(expected, Packet):
        return expected
    expected = expected.copy()
    layer, at = expected, 0
    while isinstance(layer, Packet):
        if isinstance(layer, IP) and "id" not in layer.fields and len(got) >= at + 6:
            layer.id = int.from_bytes(got[at + 4:at + 6], "big")
        if isinstance(layer, (IP, IPv6)):
            at += len(bytes(layer)) - len(bytes(layer.payload)) if isinstance(layer, IP) else 40
        elif type(layer).__name__.startswith("ICMP"):
            at += 8
        layer = layer.payload if not isinstance(layer, (UDP, TCP, Raw)) and layer.payload else None
    return expected


def flatten(data):
    """Every field of every layer of a packet, as scapy dissects it: [(layer.field, value)]."""
    packet = IP(data) if data[:1] and data[0] >> 4 == 4 else IPv6(data)
    out = []
    while isinstance(packet, Packet) and type(packet).__name__ != "NoPayload":
        out += [(f"{type(packet).__name__}.{f.name}", packet.getfieldval(f.name)) for f in packet.fields_desc]
        packet = packet.payload
    return out


def compare(what, expected, got):
    if expected == got:
        return
    if not expected or not got:
        raise Difference(f"{what}: expected {expected.hex() or 'nothing'}, got {got.hex() or 'nothing'}")
    lines = [f"    {a[0]}: expected {a[1]!r}, got {b[1]!r}" if a[0] == b[0] else f"    expected {a}, got {b}"
             for a, b in zip(flatten(expected), flatten(got)) if a != b]
    raise Difference(f"{what}: {len(expected)} bytes expected, {len(got)} got\n" + "\n".join(lines) +
                     f"\n    expected {expected.hex()}\n    got      {got.hex()}")


def learnt(out):
    """The pool port in what came out: the source port or identifier of the transport header."""
    at = (out[0] & 15) * 4 if out[0] >> 4 == 4 else 40
    proto = out[9] if out[0] >> 4 == 4 else out[6]
    return int.from_bytes(out[at + 4:at + 6] if proto in (1, 58) else out[at:at + 2], "big")


def send(packet, verdict, expected=None, learn=None, worker=0, times=1):
    """A packet goes in; this verdict, and this packet (or nothing) must come out, each of so many times."""
    def step(run):
        for _ in range(times):
            data = bytes(build(packet, run.ports))
            run.ports.sent = data
            got, out, run.to = run.gateway.packet(data, worker)
            run.out = run.ports.out = out
            if got != verdict:
                raise Difference(f"verdict: expected {verdict}, got {got} (packet {data.hex()})")
            if learn and out:
                setattr(run.ports, learn, learnt(out))
                low, high = run.range
                if not low <= learnt(out) <= high:
                    raise Difference(f"port {learnt(out)} is outside the pool's {low} to {high}")
            want = build(expected, run.ports)
            compare("packet", bytes(free_ids(want, out)) if want is not None else b"", out)
    return step


def drop(packet, verdict, **more):
    return send(packet, verdict, None, **more)


def handed(packet, verdict, expected=None, worker=0, learn=None):
    """The packet is read by this worker, which owns nothing of it; the owner must give this verdict."""
    def step(run):
        data = bytes(build(packet, run.ports))
        got, out, to = run.gateway.packet(data, worker)
        if got != "handed_over" or to == worker:
            raise Difference(f"verdict: expected handed_over, got {got} to worker {to}")
        send(out, verdict, expected, learn=learn, worker=to)(run)
    return step


def open_udp(learn="a", src=A, sport=5000, dst=R, dport=53, **more):
    return send(in6(src, dst) / UDP(sport=sport, dport=dport) / b"hello", "translated",
                lambda p: out4(dst=dst) / UDP(sport=getattr(p, learn), dport=dport) / b"hello", learn=learn, **more)


def open_tcp(learn="a", src=A, sport=40000, dst=R, dport=80, **more):
    return send(in6(src, dst) / TCP(sport=sport, dport=dport, flags="S"), "translated",
                lambda p: out4(dst=dst) / TCP(sport=getattr(p, learn), dport=dport, flags="S"), learn=learn, **more)


def open_echo(learn="a", src=A, ident=77, dst=R, **more):
    return send(in6(src, dst) / echo6(ident) / b"hello", "translated",
                lambda p: out4(dst=dst) / echo4(getattr(p, learn)) / b"hello", learn=learn, **more)


def wait(seconds):
    return lambda run: run.gateway.clock(seconds)


def probed(*packets):
    """The clock hand has sent exactly these probes since the last such step, in any order."""
    def step(run):
        want = sorted(bytes(build(p, run.ports)) for p in packets)
        got = sorted(run.gateway.probes())
        if len(want) != len(got):
            raise Difference(f"probes: expected {len(want)}, got {[g.hex() for g in got]}")
        for a, b in zip(want, got):
            compare("probe", a, b)
    return step


def released(verdict=None, expected=None, times=1):
    """A kept packet is due: this verdict, and this packet must come out. Without a verdict: none is due."""
    def step(run):
        for _ in range(times):
            got = run.gateway.released()
            if (got[0] if got else None) != verdict:
                raise Difference(f"released: expected {verdict}, got {got[0] if got else None}")
            want = build(expected, run.ports)
            if got:
                compare("released packet", bytes(free_ids(want, got[1])) if want is not None else b"", got[1])
    return step


def reload(*lines):
    return lambda run: run.gateway.configure(ini(lines))


def restart(worker=0):
    return lambda run: run.gateway.restart(worker)


def count(**want):
    """bindings=, sessions=, held= or the name of a counter."""
    def step(run):
        for name, number in want.items():
            own = {"bindings": run.gateway.bindings, "sessions": run.gateway.sessions, "held": run.gateway.held}
            got = own[name]() if name in own else run.gateway.counter(name)
            if got != number:
                raise Difference(f"{name}: expected {number}, got {got}")
    return step


def run_row(row, gateway_class):
    """None, or what differs."""
    gateway = gateway_class(ini(row.config))
    run = types.SimpleNamespace(gateway=gateway, ports=types.SimpleNamespace(), range=(1024, 65535), row=row)
    ranges = [line.split("ports")[1].split("-") for line in row.config if line.startswith("pool") and "ports" in line]
    if ranges:
        run.range = min(int(r[0]) for r in ranges), max(int(r[1]) for r in ranges)
    try:
        for n, step in enumerate(row.steps, 1):
            try:
                step(run)
            except Difference as e:
                return f"step {n}: {e}"
        violation = gateway.audit()
        return f"audit: {violation}" if violation else None
    finally:
        gateway.close()
