"""Fragments, both ways: kept, called, released, cut (RFC 6146 section 3.4, RFC 7915 sections 4.1 and 5.1.1)."""
import itertools
import random

from scapy.all import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment

from row import *

WORKERS = "workers = 2"
BIG = "mtu = 65535"


def data(size, seed=1):
    return random.Random(seed).randbytes(size)


def cuts(size, *at):
    """Borders to [(offset, length, more)]."""
    at = [0, *at, size]
    return [(a, b - a, b < size) for a, b in zip(at, at[1:])]


def every(size, step):
    return cuts(size, *range(step, size, step))


def fragments(packet, where, id=0x1234, df=False):
    """Cut a whole packet of either family, as bytes, at [(offset, length, more)]. Shares nothing with the code under test."""
    whole = bytes(packet)
    out = []
    for at, size, more in where:
        if whole[0] >> 4 == 4:
            head, rest = bytearray(whole[:20]), whole[20:]
            head[2:4] = (20 + size).to_bytes(2, "big")
            head[4:6] = id.to_bytes(2, "big")
            head[6:8] = (at // 8 | more << 13 | df << 14).to_bytes(2, "big")
            head[10:12] = b"\0\0"
            head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
        else:
            head, rest = bytearray(whole[:40]), whole[40:]
            head += bytes([head[6], 0]) + (at | more).to_bytes(2, "big") + id.to_bytes(4, "big")
            head[6] = 44
            head[4:6] = (8 + size).to_bytes(2, "big")
        out.append(bytes(head) + rest[at:at + size])
    return out


def fields(piece):
    """(what it is a part of, header without its own numbers, offset, more, payload) of a fragment or a whole packet."""
    if piece[0] >> 4 == 4:
        if checksum(piece[:20]) or int.from_bytes(piece[2:4], "big") != len(piece):
            raise Difference(f"no IPv4 header: {piece[:20].hex()}")
        flags = int.from_bytes(piece[6:8], "big")
        return (4, piece[4:6], piece[9], piece[12:20]), piece[:2] + piece[8:10] + piece[12:20], \
            (flags & 0x1fff) * 8, flags >> 13 & 1, piece[20:]
    if 40 + int.from_bytes(piece[4:6], "big") != len(piece):
        raise Difference(f"no IPv6 header: {piece[:40].hex()}")
    if piece[6] != 44:
        return (6, b"", piece[6], piece[8:40]), piece[:4] + piece[6:40], 0, 0, piece[40:]
    if piece[41]:
        raise Difference(f"reserved bits in {piece[:48].hex()}")
    at = int.from_bytes(piece[42:44], "big")
    return (6, piece[44:48], piece[40], piece[8:40]), piece[:4] + piece[40:41] + piece[7:40], at & 0xfff8, at & 1, piece[48:]


def reassemble(pieces):
    """Whole packets from pieces in any order: {(family, id, protocol, addresses): (header, message)}. Every byte must come, and
    the same byte twice only with the same value."""
    kin = {}
    for piece in pieces:
        name, head, at, more, payload = fields(piece)
        heads, message, end = kin.setdefault(name, (set(), {}, []))
        heads.add(head)
        if more and len(payload) % 8:
            raise Difference(f"{len(payload)} bytes and more to come")
        for i, byte in enumerate(payload):
            if message.setdefault(at + i, byte) != byte:
                raise Difference(f"byte {at + i} came with two values")
        if not more:
            end.append(at + len(payload))
    whole = {}
    for name, (heads, message, end) in kin.items():
        if len(heads) != 1 or len(set(end)) != 1 or sorted(message) != list(range(end[0])):
            raise Difference(f"not all of {name} came: {len(message)} bytes, ends {end}, {len(heads)} headers")
        whole[name] = (heads.pop(), bytes(message[i] for i in range(end[0])))
    return whole


def let_through(run, packet, worker=0, kin=b"", hops=5):
    """A packet through the workers until one decides. Returns verdict, what is written, and who decided."""
    for _ in range(hops):
        verdict, out, to = run.gateway.packet(packet, worker, kin)
        if verdict != "handed_over":
            return verdict, run.gateway.pieces, worker
        packet, kin, worker = out, run.gateway.kin, to
    raise Difference(f"handed over {hops} times")


def released(run):
    """All that is due, through the workers: [(verdict, pieces)]."""
    out = []
    for worker in range(getattr(run, "workers", 1)):
        while due := run.gateway.due(worker):
            out.append(let_through(run, due[0], worker, due[1])[:2])
    return out


def feed(run, packets, rng=None):
    """Packets one after the other, each read by any worker; after each the workers release what is due. Returns the verdicts as
    read, and all that is written."""
    verdicts, written = [], []
    for packet in packets:
        worker = rng.randrange(getattr(run, "workers", 1)) if rng else 0
        verdict, pieces, _ = let_through(run, packet, worker)
        verdicts.append(verdict)
        written += pieces
        for verdict, pieces in released(run):
            if verdict != "translated":
                raise Difference(f"released, and then {verdict}")
            written += pieces
    return verdicts, written


def same_message(pieces, expected, number=1):
    """Put together, the pieces are the translation of the whole, as often as said; ids are the translator's."""
    whole = reassemble(pieces)
    if len(whole) != number:
        raise Difference(f"{len(whole)} packets came out, {number} expected")
    _, head, _, _, message = fields(bytes(expected))
    for got_head, got in whole.values():
        if got_head != head:
            raise Difference(f"header {got_head.hex()}, expected {head.hex()}")
        compare("message", message, got)


# The four kinds, each as (packet in, what the whole is translated to), from IPv6 and from IPv4.
def kinds6(payload, **ip):
    return {
        "TCP": (in6(**ip) / TCP(sport=5000, dport=80, flags="S", seq=3) / payload,
                lambda a: out4() / TCP(sport=a, dport=80, flags="S", seq=3) / payload),
        "UDP": (in6(**ip) / UDP(sport=5000, dport=53) / payload, lambda a: out4() / UDP(sport=a, dport=53) / payload),
        "echo": (in6(**ip) / echo6(77, 9) / payload, lambda a: out4() / echo4(a, 9) / payload),
    }


def kinds4(payload, a):
    return {
        "TCP": (in4() / TCP(sport=80, dport=a, flags="A", seq=3) / payload,
                out6() / TCP(sport=80, dport=40000, flags="A", seq=3) / payload),
        "UDP": (in4() / UDP(sport=53, dport=a) / payload, out6() / UDP(sport=53, dport=5000) / payload),
        "UDP without checksum": (in4() / UDP(sport=53, dport=a, chksum=0) / payload,
                                 out6() / UDP(sport=53, dport=5000) / payload),
        "echo": (in4() / echo4(a, 9, reply=True) / payload, out6() / echo6(77, 9, reply=True) / payload),
    }


def workers_of(run):
    run.workers = int(dict(line.split(" = ") for line in run.row.config if "=" in line).get("workers", 1))


def opened(run, kind):
    """A binding for packets of this kind to come back through; run.ports.a is its port."""
    workers_of(run)
    opener = {"TCP": in6() / TCP(sport=40000, dport=80, flags="S"), "echo": in6() / echo6(77)}.get(
        kind, in6() / UDP(sport=5000, dport=53))
    _, pieces, _ = let_through(run, bytes(opener))
    run.ports.a = learnt(pieces[0])


def pool_port(pieces):
    """The pool port in the first fragment of what went to the IPv4 side."""
    for p in pieces:
        if p[0] >> 4 == 4 and int.from_bytes(p[6:8], "big") & 0x1fff == 0:
            return learnt(p)
    raise Difference(f"no first fragment among {len(pieces)} packets")


def through6(kind, size, where, order, verdicts=None, seed=None, **ip):
    """A packet of this kind from IPv6, cut so, in this order, is translated as if it were whole."""
    def step(run):
        workers_of(run)
        packet, expected = kinds6(data(size), **ip)[kind]
        parts = fragments(packet, where(len(bytes(packet)) - 40))
        got, written = feed(run, [parts[i] for i in order(len(parts))], random.Random(seed) if seed is not None else None)
        if verdicts and got != verdicts:
            raise Difference(f"verdicts {got}, expected {verdicts}")
        run.written = written
        same_message(written, expected(pool_port(written)))
    return step


def through4(kind, size, where, order, verdicts=None, seed=None, **how):
    def step(run):
        opened(run, kind)
        packet, expected = kinds4(data(size), run.ports.a)[kind]
        parts = fragments(packet, where(len(bytes(packet)) - 20), **how)
        got, written = feed(run, [parts[i] for i in order(len(parts))], random.Random(seed) if seed is not None else None)
        if verdicts and got != verdicts:
            raise Difference(f"verdicts {got}, expected {verdicts}")
        run.written = written
        same_message(written, expected)
    return step


THIRDS = lambda size: cuts(size, 64, 128)
IN_ORDER = lambda n: range(n)
GATHERED = ("echo", "UDP without checksum")

for kind in ("TCP", "UDP", "echo", "UDP without checksum"):
    for order in itertools.permutations(range(3)):
        late = order.index(0)
        verdicts = ["kept"] * 3 if kind in GATHERED else ["kept"] * late + ["translated"] * (3 - late)
        name = f"{kind} in three fragments, in the order {order}"
        for config in ("workers = 1", WORKERS):
            if kind != "UDP without checksum":
                row(f"{name}, from IPv6, {config}", "RFC 6146 3.4",
                    through6(kind, 150, THIRDS, lambda n, o=order: o, verdicts), config=config)
            row(f"{name}, from IPv4, {config}", "RFC 6146 3.4",
                through4(kind, 150, THIRDS, lambda n, o=order: o, verdicts if config != WORKERS else None), config=config)


# What a single fragment looks like on the other side
def exactly(packets, expected, config=()):
    def step(run):
        workers_of(run)
        for packet, want in zip(packets(run.ports), expected(run.ports)):
            _, pieces, _ = let_through(run, bytes(packet))
            got = b"".join(pieces)
            compare("fragment", bytes(free_ids(want, got)), got)
    return step


def halves6(p, id=0x89abcdef):
    return fragments(in6() / UDP(sport=5000, dport=53) / data(100), cuts(108, 56), id)


row("a fragment header becomes flags, offset and the id's lower half; DF is 0", "RFC 7915 5.1.1", open_udp(),
    exactly(lambda p: halves6(p),
            lambda p: fragments(out4() / UDP(sport=p.a, dport=53) / data(100), cuts(108, 56), 0xcdef)))
row("flags, offset and id become a fragment header", "RFC 7915 4.1", open_udp(),
    exactly(lambda p: fragments(in4() / UDP(sport=53, dport=p.a) / data(100), cuts(108, 56), 0xfedc),
            lambda p: fragments(out6() / UDP(sport=53, dport=5000) / data(100), cuts(108, 56), 0xfedc)))
row("DF of an IPv4 fragment does not matter while it fits", "RFC 7915 4.1", open_udp(),
    exactly(lambda p: fragments(in4() / UDP(sport=53, dport=p.a) / data(100), cuts(108, 56), 5, df=True),
            lambda p: fragments(out6() / UDP(sport=53, dport=5000) / data(100), cuts(108, 56), 5)))
row("an IPv4 fragment with DF that does not fit: 3/4, with room for the fragment header", "RFC 7915 4.1", open_udp(),
    lambda run: check_too_big(run))


def check_too_big(run):
    first, later = fragments(in4() / UDP(sport=53, dport=run.ports.a) / data(2000), cuts(2008, 1480), 5, df=True)
    verdict, pieces, _ = let_through(run, first)
    if verdict != "too_big" or pieces[0][20:22] != b"\x03\x04" or pieces[0][26:28] != (1500 - 28).to_bytes(2, "big"):
        raise Difference(f"{verdict}: {pieces[0].hex()}")
    verdict, pieces, _ = let_through(run, later)
    if verdict != "translated":
        raise Difference(f"{verdict} for a later fragment that fits")


for size in (32, 40, 48, 56, 64, 96):
    row(f"fragments under a prefix of {size} bits", "RFC 6052 2.2",
        through6("UDP", 150, THIRDS, IN_ORDER, dst=embed(R, f"3fff::/{size}")), config=f"prefix = 3fff::/{size}")


# Each fragment on its own verdict
def expect(verdict, packet, then=None):
    """Through the workers; then: what is released is exactly these verdicts, in any order."""
    def step(run):
        workers_of(run)
        got, run.last, _ = let_through(run, bytes(build(packet, run.ports)))
        if got != verdict:
            raise Difference(f"verdict {got}, expected {verdict}")
        gone = sorted(v for v, _ in released(run))
        if then is not None and gone != sorted(then):
            raise Difference(f"released as {gone}, expected {sorted(then)}")
    return step


def part6(at, size, more, id=7, payload=None, **ip):
    """A fragment of a UDP datagram that is as long as anybody likes."""
    whole = bytes(UDP(sport=5000, dport=53, len=60000, chksum=0x1234)) + data(65500)
    body = whole[at:at + size] if payload is None else payload
    return in6(**ip) / IPv6ExtHdrFragment(nh=17, offset=at // 8, m=more, id=id) / body


def part4(at, size, more, id=7, proto=17, **ip):
    whole = bytes(UDP(sport=53, dport=0x1111, len=60000, chksum=0x1234)) + data(65500)
    return lambda p: in4(id=id, proto=proto, flags="MF" if more else 0, frag=at // 8, **ip) / (
        (bytes([0, 53]) + p.a.to_bytes(2, "big") + whole[4:])[at:at + size])


for part, side, opener in ((part6, "6", lambda run: None), (part4, "4", open_udp())):
    clause = "RFC 5722 3"
    row(f"from IPv{side}: an exact copy passes", "RFC 8200 4.5", opener, expect("translated", part(0, 64, 1)),
        expect("translated", part(0, 64, 1)), expect("translated", part(64, 64, 1)), expect("translated", part(64, 64, 1)),
        expect("translated", part(128, 60, 0)), expect("translated", part(128, 60, 0)), expect("translated", part(0, 64, 1)))
    row(f"from IPv{side}: a copy of one that waits waits, too", "RFC 8200 4.5", opener, expect("kept", part(64, 64, 0)),
        expect("kept", part(64, 64, 0)), expect("translated", part(0, 64, 1), ["translated"] * 2))
    for name, at, size, more in [("begins inside", 56, 64, 1), ("ends inside", 64, 24, 1), ("covers", 0, 136, 1), ("lies inside", 72, 8, 1),
                                 ("is the same but the last", 64, 64, 0), ("is longer", 64, 72, 1), ("is shorter", 64, 56, 1)]:
        row(f"from IPv{side}: one that {name} another poisons the packet", clause, opener,
            expect("kept", part(64, 64, 1)), expect("fragment_overlap", part(at, size, more), ["fragment_overlap"]),
            expect("fragment_overlap", part(0, 64, 1)), expect("fragment_overlap", part(200, 8, 0)),
            expect("translated", part(0, 64, 1, id=8)))
    row(f"from IPv{side}: an overlap after the first has gone", clause, opener, expect("translated", part(0, 64, 1)),
        expect("fragment_overlap", part(56, 64, 1)), expect("fragment_overlap", part(64, 64, 0)))
    row(f"from IPv{side}: two ends", clause, opener, expect("translated", part(0, 64, 1)), expect("translated", part(128, 8, 0)),
        expect("fragment_overlap", part(64, 8, 0)))
    row(f"from IPv{side}: something behind the end", clause, opener, expect("translated", part(0, 64, 1)),
        expect("translated", part(128, 8, 0)), expect("fragment_overlap", part(136, 8, 1)))
    row(f"from IPv{side}: an end before what was seen", clause, opener, expect("translated", part(0, 64, 1)),
        expect("translated", part(128, 8, 1)), expect("fragment_overlap", part(64, 16, 0)))
    row(f"from IPv{side}: the first never comes", "RFC 6146 3.4", opener, expect("kept", part(64, 64, 1)), expect("kept", part(128, 8, 0)),
        wait(2), expect("kept", part(136, 8, 0, id=9), []), wait(1),
        expect("kept", part(200, 8, 0, id=10), ["fragment_timeout"] * 2),
        expect("translated", part(0, 64, 1), []), wait(2), expect("kept", part(64, 8, 0, id=11), ["fragment_timeout"]))
    row(f"from IPv{side}: a longer fragment-timeout", "RFC 6146 3.4", opener, expect("kept", part(64, 64, 1)), wait(9),
        expect("kept", part(128, 64, 0)), expect("translated", part(0, 64, 1), ["translated"] * 2), config="fragment-timeout = 9")
    row(f"from IPv{side}: who comes after the time is over meets nobody", "RFC 6146 3.4", opener, expect("translated", part(0, 64, 1)),
        wait(3), expect("kept", part(64, 64, 0)))
    row(f"from IPv{side}: not a multiple of 8 and more to come", "RFC 8200 4.5", opener, expect("bad_fragment", part(0, 60, 1)),
        expect("bad_fragment", part(64, 9, 1)), expect("kept", part(64, 9, 0)))
    row(f"from IPv{side}: nothing in it", "RFC 8200 4.5", opener, expect("bad_fragment", part(64, 0, 1)), expect("bad_fragment", part(64, 0, 0)))
    row(f"from IPv{side}: beyond what a packet can be", "RFC 8200 4.5", opener, expect("kept", part(65504, 11, 0)),
        expect("bad_fragment", part(65512, 8, 1)), expect("bad_fragment", part(65528, 8, 0)))
    row(f"from IPv{side}: 128 fragments and no more", "RFC 6146 3.4", opener, *[expect("translated", part(8 * i, 8, 1)) for i in range(128)],
        expect("translated", part(8, 8, 1)), expect("bad_fragment", part(1024, 8, 1)), expect("fragment_overlap", part(1032, 8, 0)))
    row(f"from IPv{side}: a quarter of the store for one source", "RFC 6146 3.4", opener,
        *[expect("kept", part(64 + 8 * i, 8, 1)) for i in range(16)], expect("fragments_full", part(800, 8, 1)),
        expect("translated", part(0, 64, 1), ["translated"] * 16), expect("translated", part(800, 8, 1)),
        config="max-fragments = 64")
    row(f"from IPv{side}: one in order takes the place of one out of order, not the other way round", "RFC 4787 REQ-14a", opener,
        *[expect("kept", part(64, 8, 1, id=100 + i)) for i in range(16)],
        expect("fragments_full", part(64, 8, 1, id=200)),
        expect("translated", part(0, 64, 1, id=200), ["fragments_full"]),
        *[expect("translated", part(0, 64, 1, id=300 + i), ["fragments_full"]) for i in range(15)],
        expect("fragments_full", part(64, 8, 1, id=400)), expect("translated", part(64, 8, 0, id=314)))
    row(f"from IPv{side}: what is complete needs no place", "RFC 4787 REQ-14a", opener,
        *[step for i in range(50) for step in (expect("translated", part(0, 64, 1, id=i)), expect("translated", part(64, 8, 0, id=i)))],
        expect("kept", part(64, 8, 1, id=200)))
    row(f"from IPv{side}: of another packet, of another source", "RFC 8200 4.5", opener, expect("kept", part(64, 64, 1)),
        expect("translated", part(0, 64, 1, id=8), []),
        expect("translated", part(0, 64, 1, src="2001:db8:1::ab" if side == "6" else R2), []),
        expect("translated", part(0, 64, 1), ["translated"]))

for kind, header, size in [("UDP", 17, 8), ("TCP", 6, 20), ("TCP with options", 6, 40), ("echo", 58, 8)]:
    whole = {"UDP": UDP(sport=5000, dport=53), "TCP": TCP(sport=5000, dport=53, flags="S"), "echo": echo6(77),
             "TCP with options": TCP(sport=5000, dport=53, flags="S", options=[("NOP", None)] * 20)}[kind]
    message = bytes(in6() / whole / data(100))[40:]
    for n in range(8, 48, 8):
        want = "tiny_fragment" if n < size else "kept" if kind == "echo" else "translated"
        row(f"{kind}: a first fragment of {n} bytes: {want}", "RFC 6146 3.4, RFC 1858",
            expect(want, in6() / IPv6ExtHdrFragment(nh=header, m=1, id=3) / message[:n]))
for at in (8, 16):
    row(f"a TCP fragment at byte {at} overwrites what a filter has seen", "RFC 3128",
        expect("tiny_fragment", in6() / IPv6ExtHdrFragment(nh=6, offset=at // 8, m=1, id=3) / bytes(64)),
        expect("tiny_fragment", in4(proto=6, frag=at // 8, flags="MF") / bytes(64)))
row("a first fragment with another extension header behind", "RFC 7915 5.1.1",
    expect("bad_extension", in6() / IPv6ExtHdrFragment(m=1, id=3) / IPv6ExtHdrDestOpt() / UDP(sport=5000, dport=53) / bytes(56)),
    expect("bad_extension", in6() / IPv6ExtHdrFragment(nh=60, offset=10, id=3) / bytes(56)))
row("extension headers before the fragment header go", "RFC 7915 5.1",
    expect("translated", in6() / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(m=1, id=3) / UDP(sport=5000, dport=53, len=108, chksum=1) / bytes(56)),
    expect("translated", in6() / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(nh=17, offset=8, id=3) / bytes(44)))
row("an ICMP error in fragments", "RFC 6146 3.4", open_udp(),
    expect("icmp_inner", in6(ROUTER) / IPv6ExtHdrFragment(nh=58, m=1, id=3) / bytes(
        in6(ROUTER) / error6(1, 0, v6(R, A) / UDP(sport=53, dport=5000) / bytes(100)))[40:120]),
    expect("icmp_inner", lambda p: in4(HOP, flags="MF", proto=1) / bytes(error4(3, 1, v4() / UDP(sport=p.a, dport=53) / bytes(44)))))
row("UDP without checksum from IPv6", "RFC 8200 8.1",
    expect("udp_zero_checksum", in6() / IPv6ExtHdrFragment(m=1, id=3) / UDP(sport=5000, dport=53, len=108, chksum=0) / bytes(56)))
row("other protocols are refused as ever, and later fragments without an answer", "RFC 6146 3.4",
    expect("protocol_unsupported", in6() / IPv6ExtHdrFragment(nh=47, m=1, id=3) / bytes(64)),
    lambda run: None if run.last else (_ for _ in ()).throw(Difference("no answer")),
    expect("protocol_unsupported", in6() / IPv6ExtHdrFragment(nh=47, offset=8, id=3) / bytes(64)),
    lambda run: None if not run.last else (_ for _ in ()).throw(Difference("an answer")))
row("policy comes before the store", "RFC 6146 3.5",
    expect("destination_denied", part6(64, 64, 1, dst="10.0.0.1")), expect("source_denied", part6(64, 64, 1, src="2001:db9::1")),
    expect("not_in_prefix", part6(64, 64, 1, dst="2001:db8::9")), expect("source_in_prefix", part6(64, 64, 1, src=R2)),
    lambda run: expect("not_in_pool", in4(dst="192.0.2.77", proto=17, frag=8) / bytes(64))(run))
row("from IPv4 to no binding", "RFC 6146 3.5.1", lambda run: setattr(run.ports, "a", 60000), expect("kept", part4(64, 8, 0)),
    expect("no_binding", part4(0, 64, 1), ["no_session"]), expect("no_session", part4(64, 8, 0)), count(bindings=0))
row("a later fragment makes nothing and refreshes nothing", "RFC 6146 3.5.1",
    expect("kept", part6(64, 64, 1)), count(bindings=0, sessions=0), expect("translated", part6(0, 64, 1), ["translated"]),
    count(bindings=1, sessions=1), wait(299), expect("kept", part6(64, 64, 0, id=8)), count(sessions=1), wait(1), count(sessions=0),
    expect("translated", part6(0, 64, 1, id=9)), wait(2), count(bindings=1))
row("a later fragment needs a session", "RFC 6146 3.5.1", expect("translated", part6(0, 64, 1)), wait(301),
    expect("kept", part6(64, 64, 0)), count(sessions=0), config="fragment-timeout = 60")
row("a later fragment of one whose first made no session, although there is a binding", "RFC 6146 3.5.1", open_udp(),
    expect("hop_limit", part4(0, 64, 1, src=R2, ttl=1)), expect("no_session", part4(64, 64, 0, src=R2)), count(sessions=1))
row("a later fragment from a source that no prefix may show", "RFC 6052 3.1", open_tcp(),
    expect("source_illegal", lambda p: in4("10.0.0.1", id=7, flags="MF") / TCP(sport=80, dport=p.a, flags="A") / bytes(12)),
    expect("source_illegal", in4("10.0.0.1", id=7, frag=4, proto=6) / bytes(8)), count(sessions=1))
row("a SYN that finds no room among fragments", "RFC 6146 5.3",
    *[expect("kept", in4(f"203.0.113.{20 + n}", id=7, flags="MF", frag=8 + k, proto=17) / bytes(8)) for n in range(4) for k in range(16)],
    expect("no_binding", in4() / TCP(sport=80, dport=2048, flags="S")), config="max-fragments = 64")
row("a first fragment without SYN and without session", "RFC 6146 3.5.2",
    expect("kept", in6() / IPv6ExtHdrFragment(nh=6, offset=8, id=3) / bytes(40)),
    expect("no_session", in6() / IPv6ExtHdrFragment(m=1, id=3) / TCP(sport=5000, dport=80, flags="A") / bytes(44), ["no_session"]))
row("udp-zero-checksum = drop holds for fragments", "RFC 7915 4.5", open_udp(),
    expect("udp_zero_checksum", lambda p: in4(flags="MF", id=4) / UDP(sport=53, dport=p.a, chksum=0, len=100) / bytes(56)),
    config="udp-zero-checksum = drop")
row("UDP without checksum that says it is longer than its fragments", "RFC 6146 3.4", open_udp(),
    expect("kept", lambda p: in4(flags="MF", id=4) / UDP(sport=53, dport=p.a, chksum=0, len=105) / bytes(56)),
    expect("kept", lambda p: in4(frag=8, id=4, proto=17) / bytes(40), ["bad_length"] * 2))
row("UDP without checksum that is shorter than its fragments is summed as far as it goes", "RFC 768", open_udp(),
    *[lambda run, says=says, borders=borders, order=order: shorter(run, says, borders, order)
      for says in (8, 57, 64, 93, 136) for borders, order in (((64,), 1), ((72,), -1), ((64, 96), 1), ((56, 88), -1))])


def shorter(run, says, borders, order):
    """As a whole and in fragments it comes out with one and the same checksum."""
    message = bytes(UDP(sport=53, dport=run.ports.a, len=says, chksum=0)) + data(128, says)
    _, written = feed(run, [bytes(in4(proto=17) / message)])
    want = written[0]
    _, written = feed(run, fragments(in4(proto=17) / message, cuts(136, *borders), id=says * 256 + borders[0] + order)[::order])
    same_message(written, want)


row("UDP without checksum: a copy of the first goes only once", "RFC 6146 3.4", open_udp(),
    expect("kept", lambda p: in4(flags="MF", id=4) / UDP(sport=53, dport=p.a, chksum=0, len=104) / bytes(56)),
    expect("kept", lambda p: in4(flags="MF", id=4) / UDP(sport=53, dport=p.a, chksum=0, len=104) / bytes(56)),
    expect("kept", lambda p: in4(frag=8, id=4, proto=17) / bytes(40), ["translated", "translated", "udp_zero_checksum"]))
row("two first fragments with other ports", "RFC 5722 3", expect("translated", part6(0, 64, 1)),
    expect("fragment_overlap", in6() / IPv6ExtHdrFragment(m=1, id=7) / UDP(sport=5001, dport=53, len=200, chksum=1) / bytes(56)),
    expect("fragment_overlap", part6(64, 64, 0)), count(bindings=1))
row("two first fragments, the first of them with a checksum", "RFC 5722 3", open_udp(), expect("translated", part4(0, 64, 1)),
    expect("fragment_overlap", lambda p: in4(flags="MF", id=7) / UDP(sport=53, dport=p.a, len=200, chksum=0) / bytes(56)),
    expect("fragment_overlap", part4(64, 64, 0)))
row("UDP without checksum, and no room to gather it", "RFC 6146 3.4", open_udp(),
    *[expect("kept", lambda p, i=i: in4(frag=8 * i, id=4, proto=17, flags="MF") / bytes(64)) for i in range(1, 17)],
    expect("fragments_full", lambda p: in4(flags="MF", id=4) / UDP(sport=53, dport=p.a, chksum=0, len=9999) / bytes(56)),
    config="max-fragments = 64")
row("UDP without checksum whose sum is 0", "RFC 768", open_udp(), lambda run: zero_sum(run))


def zero_sum(run):
    want = out6() / UDP(sport=53, dport=5000) / bytes(100)
    filler = bytes(UDP(bytes(want)[40:]).payload)
    bare = bytes(out6() / UDP(sport=53, dport=5000) / (bytes(2) + filler[2:]))
    filler = bare[46:48] + filler[2:]
    parts = fragments(in4() / UDP(sport=53, dport=run.ports.a, chksum=0) / filler, cuts(108, 56))
    _, written = feed(run, parts)
    same_message(written, out6() / UDP(sport=53, dport=5000, chksum=0xffff) / filler)


# The next packet with the same identification
def same_id(run):
    workers_of(run)
    for n, borders in enumerate([(64, 128), (64, 128), (80,), (64, 128), (64,), (88, 96), (64, 128)]):
        for make6, make4 in [(UDP(sport=6000 + n, dport=53), lambda a: UDP(sport=a, dport=53)), (echo6(6000 + n), echo4)]:
            parts = fragments(in6() / make6 / data(150, n), cuts(158, *borders))
            _, written = feed(run, parts if n % 2 else [parts[0], *parts[:0:-1]])
            same_message(written, out4() / make4(pool_port(written)) / data(150, n))
    if run.gateway.bindings() != 14:
        raise Difference(f"{run.gateway.bindings()} bindings")


row("the next packet with the same identification has ports of its own", "RFC 4963", same_id)
for config in ("workers = 1", "workers = 16"):
    row(f"the largest echo in fragments for an MTU of 1280, default keys and {config}", "RFC 6146 3.4",
        through6("echo", 65507, lambda size: every(size, 1232), IN_ORDER, ["kept"] * 54, 1),
        through4("echo", 65507, lambda size: every(size, 1232), IN_ORDER, None, 1), config=[config, BIG])

# An atomic fragment meets nobody
row("an atomic fragment between the fragments of a packet with its id", "RFC 6946 4", expect("kept", part6(64, 64, 0)),
    expect("translated", in6() / IPv6ExtHdrFragment(id=7) / UDP(sport=5000, dport=53) / b"hello", []),
    expect("translated", part6(0, 64, 1), ["translated"]),
    expect("translated", in6() / IPv6ExtHdrFragment(id=7) / UDP(sport=5000, dport=53) / b"hello", []))


# Cut in two: IPv4 without DF to IPv6, small enough for lowest-ipv6-mtu
def cut_to(limit, sizes, proto="UDP"):
    """IPv4 packets of these total lengths, without DF: every piece at most limit, no more pieces than needed, and the whole is right."""
    def step(run):
        opened(run, proto)
        for size in sizes:
            packet, expected = kinds4(data(size - 28), run.ports.a)[proto]
            packet.id = size
            verdict, pieces, _ = let_through(run, bytes(packet))
            if verdict != "translated":
                raise Difference(f"{size} bytes: {verdict}")
            room = limit - 48 & ~7
            need = 1 if size + 20 <= limit else -(-(size - 20 - (limit - 48 - room)) // room) if size > 20 + room else 1
            if len(pieces) != need or max(map(len, pieces)) > limit:
                raise Difference(f"{size} bytes: {len(pieces)} pieces of {[len(p) for p in pieces]}, {need} expected")
            if need > 1 and any(p[44:48] != size.to_bytes(4, "big") for p in pieces):
                raise Difference(f"{size} bytes: the id is not the packet's own")
            if size + 20 <= limit and pieces[0][6] == 44:
                raise Difference(f"{size} bytes: a fragment header for nothing")
            same_message(pieces, expected)
    return step


EDGES = [*range(1230, 1300), *range(2480, 2520), 1500, 2712, 5000, 9000]
for proto in ("UDP", "UDP without checksum", "echo"):
    row(f"{proto} without DF leaves in pieces of at most 1280", "RFC 7915 4.1", cut_to(1280, EDGES, proto), config="mtu = 9000")
for lowest in (1281, 1285, 1287, 1288, 1400, 1500):
    row(f"lowest-ipv6-mtu {lowest}", "RFC 7915 4.1", cut_to(lowest, [*range(lowest - 60, lowest + 20), 2 * lowest - 116, 4000]),
        config=["mtu = 9000", f"lowest-ipv6-mtu = {lowest}"])
row("65,515 bytes to the last one", "RFC 7915 4.1", cut_to(1280, [65515, 65514, 65508]), config=BIG)
row("an IPv4 fragment without DF is cut like a packet", "RFC 7915 4.1",
    through4("UDP", 5000, lambda size: every(size, 1480), IN_ORDER, id=99),
    lambda run: None if len(run.written) == 7 and max(map(len, run.written)) <= 1280 else
    (_ for _ in ()).throw(Difference(f"pieces of {[len(p) for p in run.written]}")))


def cut4(mtu4, sizes):
    """Unfragmented IPv6 packets of these lengths, which an IPv4 side with this MTU gets in pieces, without DF."""
    def step(run):
        workers_of(run)
        for size in sizes:
            packet, expected = kinds6(data(size - 48))["UDP"]
            verdict, pieces, _ = let_through(run, bytes(packet))
            if verdict != "translated" or max(map(len, pieces)) > mtu4 or (len(pieces) == 1) != (size - 20 <= mtu4):
                raise Difference(f"{size} bytes: {verdict}, {[len(p) for p in pieces]}")
            if any(p[6] & 0x40 for p in pieces) or (len(pieces) > 1 and pieces[0][4:6] == b"\0\0"):
                raise Difference(f"{size} bytes: DF, or no id")
            same_message(pieces, expected(pool_port(pieces)))
    return step


for mtu4 in (576, 1000, 1001, 1259):
    row(f"mtu4 {mtu4}: IPv6 packets of up to 1280 bytes leave in pieces", "RFC 7915 5.1.1",
        cut4(mtu4, [mtu4 + 19, mtu4 + 20, mtu4 + 21, 1279, 1280]), config=f"mtu4 = {mtu4}")
row("IPv6 fragments leave in smaller ones", "RFC 7915 5.1.1",
    through6("UDP", 3000, lambda size: every(size, 1400), lambda n: range(n)),
    lambda run: None if max(map(len, run.written)) <= 700 else (_ for _ in ()).throw(Difference("larger than mtu4")),
    config="mtu4 = 700")
row("an atomic fragment leaves in smaller ones", "RFC 7915 5.1.1", lambda run: atomic(run), config=["mtu4 = 700"])


def atomic(run):
    packet = in6() / IPv6ExtHdrFragment(id=0x10009) / UDP(sport=5000, dport=53) / data(1300)
    verdict, pieces, _ = let_through(run, bytes(packet))
    if verdict != "translated" or len(pieces) != 2 or any(p[4:6] != b"\0\x09" for p in pieces):
        raise Difference(f"{verdict}, {len(pieces)} pieces")
    same_message(pieces, out4() / UDP(sport=pool_port(pieces), dport=53) / data(1300))


# Identifications (RFC 6864)
def ids(run):
    seen = {}
    workers_of(run)
    for n in range(3000):
        src = f"2001:db8:{n % 400:x}::1"
        _, pieces, worker = let_through(run, bytes(in6(src) / UDP(sport=5000, dport=53)), n % run.workers)
        number = pieces[0][4:6]
        if number == b"\0\0" or number in seen:
            raise Difference(f"id {number.hex()} of worker {worker} a second time")
        seen[number] = worker
    if len(set(seen.values())) != run.workers:
        raise Difference("not all workers took part")


for workers in (1, 2, 3, 16):
    row(f"{workers} workers: no id twice between two hosts", "RFC 6864 4.3", ids, config=f"workers = {workers}")


# Hairpinning
def hairpin(kind, where, order, seed=None):
    def step(run):
        workers_of(run)
        rng = random.Random(seed) if seed is not None else None
        port = {"TCP": 7001, "UDP": 7000}[kind]
        make = {"TCP": lambda s, d: TCP(sport=s, dport=d, flags="S"), "UDP": lambda s, d: UDP(sport=s, dport=d)}[kind]
        packet = in6(A, POOL) / make(5000, port) / data(3000)
        parts = fragments(packet, where(len(bytes(packet)) - 40), 0x30005)
        _, written = feed(run, [parts[i] for i in order(len(parts))], rng)
        first = next(p for p in written if p[6] != 44 or int.from_bytes(p[42:44], "big") & 0xfff8 == 0)
        same_message(written, out6(POOL, B, hlim=62) / make(int.from_bytes(first[48:50], "big"), port - 6300) / data(3000))
    return step


for config in ("workers = 1", WORKERS):
    for kind in ("TCP", "UDP"):
        for order in itertools.permutations(range(3)):
            row(f"hairpin: {kind} in the order {order}, {config}", "RFC 6146 3.8",
                hairpin(kind, lambda size: cuts(size, 1200, 2400), lambda n, o=order: o, 1),
                config=[config, f"static = udp {POOL}:7000 [{B}]:700", f"static = tcp {POOL}:7001 [{B}]:701"])
row("hairpin: echo to oneself", "RFC 6146 3.8", lambda run: echo_self(run))


def echo_self(run):
    parts = fragments(in6(A, POOL) / echo6(77) / data(2000), every(2008, 800))
    _, written = feed(run, parts[::-1])
    same_message(written, out6(POOL, A, hlim=62) / echo6(77) / data(2000))


# Errors about fragments
row("an error about a first fragment, from IPv4", "RFC 7915 4.3", open_udp(),
    send(lambda p: in4(HOP) / error4(3, 1, fragments(v4() / UDP(sport=p.a, dport=53) / data(100), cuts(108, 56), 0xabcd)[0]),
         "translated", lambda p: out6(HOP) / error6(1, 0, fragments(
             v6(A, R) / UDP(sport=5000, dport=53) / data(100), cuts(108, 56), 0xabcd)[0])))
row("an error about a first fragment, from IPv6", "RFC 7915 5.3", open_udp(),
    send(in6(ROUTER) / error6(1, 0, fragments(v6(R, A) / UDP(sport=53, dport=5000) / data(100), cuts(108, 56), 0x1abcd)[0]),
         "translated", lambda p: out4() / error4(3, 1, fragments(
             v4(R, POOL) / UDP(sport=53, dport=p.a) / data(100), cuts(108, 56), 0xabcd)[0])))
row("an error about a later fragment", "RFC 6146 3.4", open_udp(),
    drop(lambda p: in4(HOP) / error4(3, 1, fragments(v4() / UDP(sport=p.a, dport=53) / data(100), cuts(108, 56))[1]), "icmp_inner"),
    drop(in6(ROUTER) / error6(1, 0, fragments(v6(R, A) / UDP(sport=53, dport=5000) / data(100), cuts(108, 56))[1]), "icmp_inner"))
for header, mtu, want in [(0, 1400, 1380), (8, 1400, 1372), (8, 1280, 1252), (8, 9000, 1472), (0, 9000, 1480)]:
    inner = v6(R, A, hlim=5) / UDP(sport=53, dport=5000) / data(40)
    atomic_inner = v6(R, A, hlim=5) / IPv6ExtHdrFragment(id=0x77) / UDP(sport=53, dport=5000) / data(40)
    row(f"packet too big {mtu} about a packet with {header} bytes of fragment header: {want}", "RFC 7915 5.2", open_udp(),
        send(in6(ROUTER) / error6(2, 0, atomic_inner if header else inner, mtu), "translated",
             lambda p, h=header, w=want: out4() / error4(3, 4, v4(R, POOL, ttl=5, **({"id": 0x77} if h else {"flags": 0, "id": 0})) /
                                                         UDP(sport=53, dport=p.a) / data(40), w)))


# Any cut, any order, any reader: put together, it is the translation of the whole
def anyhow(side, seed):
    def step(run):
        rng = random.Random(seed)
        workers_of(run)
        for n in range(40):
            kind = rng.choice(["TCP", "UDP", "echo"] + (["UDP without checksum"] if side == 4 else []))
            size = rng.choice([rng.randrange(40, 400), rng.randrange(1000, 9000)])
            if side == 4:
                opened(run, kind)
                packet, expected = kinds4(data(size, n), run.ports.a)[kind]
            else:
                packet, expected = kinds6(data(size, n))[kind]
            message = len(bytes(packet)) - (20 if side == 4 else 40)
            borders = sorted(rng.sample(range(64, message, 8), min(rng.randrange(1, 20), len(range(64, message, 8)))))
            parts = fragments(packet, cuts(message, *borders), rng.randrange(65536))
            rng.shuffle(parts)
            if rng.random() < .3 and kind != "UDP without checksum":
                parts += rng.sample(parts, 1)
            _, written = feed(run, parts, rng)
            same_message(written, expected if side == 4 else expected(pool_port(written)))
    return step


for seed in range(6):
    for workers in (1, 2, 5):
        for side in (4, 6):
            row(f"any cut, any order, from IPv{side}, {workers} workers, {seed}", "RFC 6146 3.4", anyhow(side, seed),
                config=[f"workers = {workers}", "mtu = 9000"])
