"""The IP header: what is copied, counted down, set, refused (RFC 7915 sections 4.1 and 5.1)."""
from scapy.all import IPOption_NOP
from scapy.all import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting

from row import *

Q = UDP(sport=5000, dport=53)
HELLO = b"hello"


def query(**fields):
    return in6(**fields) / Q / HELLO


def sent(**fields):
    return lambda p: out4(**fields) / UDP(sport=p.a, dport=53) / HELLO


def answer(**fields):
    return lambda p: in4(**fields) / UDP(sport=53, dport=p.a) / HELLO


def received(**fields):
    return out6(**fields) / UDP(sport=53, dport=5000) / HELLO


# TOS and traffic class
for tos in (0x00, 0x01, 0x02, 0x03, 0x18, 0xb8, 0xf0, 0xff):
    row(f"TOS and traffic class {tos:#04x}, both ways", "RFC 7915 4.1, 5.1",
        send(query(tc=tos), "translated", sent(tos=tos), learn="a"),
        send(answer(tos=tos), "translated", received(tc=tos)))
for fixed in (0, 46):
    row(f"traffic-class = {fixed}", "RFC 7915 4.1, 5.1",
        send(query(tc=0xff), "translated", sent(tos=fixed), learn="a"),
        send(answer(tos=0xff), "translated", received(tc=fixed)), config=f"traffic-class = {fixed}")
row("the flow label does not survive, and comes back as 0", "RFC 7915 4.1, 5.1",
    send(query(fl=0xfffff), "translated", sent(), learn="a"), send(answer(), "translated", received(fl=0)))

# TTL and hop limit
for ttl in (2, 3, 64, 128, 255):
    row(f"hop limit {ttl} to TTL {ttl - 1}, and back", "RFC 7915 4.1, 5.1",
        send(query(hlim=ttl), "translated", sent(ttl=ttl - 1), learn="a"),
        send(answer(ttl=ttl), "translated", received(hlim=ttl - 1)))
for ttl in (0, 1):
    row(f"hop limit {ttl}: router6 answers", "RFC 7915 5.1",
        send(query(hlim=ttl), "hop_limit", v6(POOL, A) / error6(3, 0, query(hlim=ttl))), count(bindings=0))
    row(f"hop limit {ttl}, configured router6", "RFC 4443 3.3",
        send(query(hlim=ttl), "hop_limit", v6("2001:db8:ffff::64", A) / error6(3, 0, query(hlim=ttl))),
        config="router6 = 2001:db8:ffff::64")
    row(f"hop limit {ttl}, TCP and echo", "RFC 7915 5.1",
        send(in6(hlim=ttl) / TCP(flags="S"), "hop_limit", v6(POOL, A) / error6(3, 0, in6(hlim=ttl) / TCP(flags="S"))),
        send(in6(hlim=ttl) / echo6(1), "hop_limit", v6(POOL, A) / error6(3, 0, in6(hlim=ttl) / echo6(1))),
        count(bindings=0))
    row(f"TTL {ttl}: router4 answers", "RFC 7915 4.1", open_udp(),
        send(answer(ttl=ttl), "hop_limit",
             lambda p: own4() / error4(11, 0, p.sent)))
    row(f"TTL {ttl}, configured router4", "RFC 792", open_udp(),
        send(answer(ttl=ttl), "hop_limit",
             lambda p: own4(src="198.51.100.9") / error4(11, 0, p.sent)),
        config="router4 = 198.51.100.9")

    row(f"TTL {ttl}, TCP and echo", "RFC 7915 4.1", open_tcp(), open_echo("e"),
        send(lambda p, t=ttl: in4(ttl=t) / TCP(sport=80, dport=p.a, flags="SA"), "hop_limit", lambda p: own4() / error4(11, 0, p.sent)),
        send(lambda p, t=ttl: in4(ttl=t) / echo4(p.e), "hop_limit", lambda p: own4() / error4(11, 0, p.sent)))
for tos in (0, 3, 0xb8, 0xff):
    row(f"an error to an IPv4 host is internetwork control, whatever its packet with {tos:#04x} was", "RFC 5508 REQ-10; RFC 1812 4.3.2.5",
        open_udp(), send(answer(ttl=1, tos=tos), "hop_limit", lambda p: own4() / error4(11, 0, p.sent)),
        send(query(hlim=1, tc=tos), "hop_limit", v6(POOL, A, tc=0) / error6(3, 0, query(hlim=1, tc=tos))))

# Header fields the RFC fixes
row("IPv4 id, flags and reserved bit do not matter without a fragment", "RFC 7915 4.1", open_udp(),
    send(answer(id=0xffff, flags="DF"), "translated", received()),
    send(answer(id=0, flags="evil"), "translated", received()))
row("bytes behind the packet's end are not sent", "RFC 7915 4.1, 5.1",
    send(bytes(query()) + b"trailer", "translated", sent(), learn="a"),
    send(lambda p: bytes(answer()(p)) + b"trailer", "translated", received()))

# DF and id (RFC 7915 section 5.1): a result of up to 1260 bytes may be fragmented on its way
for size, df in [(28, 0), (1259, 0), (1260, 0), (1261, 2), (1300, 2), (1480, 2)]:
    data = b"d" * (size - 28)
    row(f"a result of {size} bytes has DF {df // 2}", "RFC 7915 5.1",
        send(in6() / Q / data, "translated",
             lambda p, data=data, df=df: out4(flags=df) / UDP(sport=p.a, dport=53) / data, learn="a"))


# MTU
def data6(size):
    return in6() / Q / bytes(size - 48)


def data4(size, flags="DF", **fields):
    return lambda p: in4(flags=flags, **fields) / UDP(sport=53, dport=p.a) / bytes(size - 28)


def quoted4(size, mtu, flags="DF"):
    """ICMPv4 3/4 from router4; an ICMPv4 error has at most 576 bytes (RFC 1812 section 4.3.2.3)."""
    return lambda p: own4() / error4(3, 4, bytes(data4(size, flags)(p))[:548], word=mtu)


def quoted6(size, mtu):
    """ICMPv6 2/0 from router6, of at most 1280 bytes (RFC 4443 section 3.2)."""
    return v6(POOL, A) / error6(2, 0, bytes(data6(size))[:1232], word=mtu)


for mtu6 in (1280, 1400, 1500):
    row(f"mtu6 {mtu6}: the largest packet that fits", "RFC 7915 4.1", open_udp(),
        send(data4(mtu6 - 20), "translated", out6() / UDP(sport=53, dport=5000) / bytes(mtu6 - 48)),
        config=f"mtu6 = {mtu6}")
    row(f"mtu6 {mtu6}: one byte more, DF: 3/4 with MTU {mtu6 - 20}", "RFC 7915 4.1", open_udp(),
        send(data4(mtu6 - 19), "too_big", quoted4(mtu6 - 19, mtu6 - 20)), config=f"mtu6 = {mtu6}")
for mtu4, most in [(576, 1260), (1259, 1260), (1260, 1260), (1261, 1261), (1300, 1300), (1500, 1500)]:
    df = 2 if most > 1260 else 0
    row(f"mtu4 {mtu4}: a result of {most} bytes fits, or may be fragmented", "RFC 7915 5.1.1",
        send(data6(most + 20), "translated",
             lambda p, most=most, df=df: out4(flags=df) / UDP(sport=p.a, dport=53) / bytes(most - 28), learn="a"),
        config=[f"mtu4 = {mtu4}", "mtu = 1600"])
    row(f"mtu4 {mtu4}: a result of {most + 1} bytes: packet too big, MTU {most + 20}", "RFC 7915 5.1",
        send(data6(most + 21), "too_big", quoted6(most + 21, most + 20)), count(bindings=0),
        config=[f"mtu4 = {mtu4}", "mtu = 1600"])
row("too big is answered before any state is made", "RFC 7915 5.1",
    send(data6(1600), "too_big", quoted6(1600, 1520)), count(bindings=0, sessions=0),
    config=["mtu4 = 1500", "mtu = 1600"])
row("a jumbo that fits", "RFC 7915 5.1",
    send(data6(9000), "translated", lambda p: out4(flags="DF") / UDP(sport=p.a, dport=53) / bytes(8952), learn="a"),
    send(data4(8980), "translated", out6() / UDP(sport=53, dport=5000) / bytes(8952)), config="mtu = 9000")

# IPv6 extension headers
HOPBYHOP, DEST = IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt()
FINISHED = IPv6ExtHdrRouting(type=253, segleft=0)


def skipped(name, *headers, verdict="translated"):
    packet = in6()
    for h in headers:
        packet = packet / h
    packet = packet / Q / HELLO
    row(f"{name}: {verdict}", "RFC 7915 5.1",
        send(packet, verdict, sent(), learn="a") if verdict == "translated" else drop(packet, verdict))


skipped("hop-by-hop", HOPBYHOP)
skipped("destination options", DEST)
skipped("finished routing header", FINISHED)
skipped("hop-by-hop, destination options", HOPBYHOP, DEST)
skipped("hop-by-hop, destination, routing", HOPBYHOP, DEST, FINISHED)
skipped("hop-by-hop, destination, routing, destination", HOPBYHOP, DEST, FINISHED, DEST)
skipped("eight headers", HOPBYHOP, *[DEST] * 7)
skipped("nine headers", HOPBYHOP, *[DEST] * 8, verdict="bad_extension")
skipped("hop-by-hop not first", DEST, HOPBYHOP, verdict="bad_extension")
skipped("hop-by-hop twice", HOPBYHOP, HOPBYHOP, verdict="bad_extension")
skipped("fragment header twice", IPv6ExtHdrFragment(), IPv6ExtHdrFragment(), verdict="bad_extension")


def raw_extension(size):
    """A destination options header of so many bytes, as bytes: next header UDP, one PadN after the other."""
    body = b""
    while len(body) < size - 2:
        n = min(250, size - 2 - len(body) - 2)
        body += bytes([1, n]) + bytes(n) if n >= 0 else b"\0"
    return bytes([17, size // 8 - 1]) + body


for size, verdict in [(256, "translated"), (264, "bad_extension"), (2048, "bad_extension")]:
    transport = bytes(in6() / Q / HELLO)[40:]
    packet = in6(nh=60, plen=size + len(transport)) / (raw_extension(size) + transport)
    row(f"{size} bytes of extension headers: {verdict}", "RFC 7915 5.1",
        send(packet, verdict, sent(), learn="a") if verdict == "translated" else drop(packet, verdict),
        config="mtu = 9000")


def with_routing(before=(), segleft=1):
    packet = in6()
    for h in before:
        packet = packet / h
    return packet / IPv6ExtHdrRouting(type=0, segleft=segleft, addresses=["2001:db8::99"]) / Q / HELLO


row("unfinished routing header: 4/0 at Segments Left", "RFC 7915 5.1",
    send(with_routing(), "routing_header", v6(POOL, A) / error6(4, 0, with_routing(), word=43)), count(bindings=0))
row("unfinished routing header behind hop-by-hop", "RFC 7915 5.1",
    send(with_routing([HOPBYHOP], 255), "routing_header",
         v6(POOL, A) / error6(4, 0, with_routing([HOPBYHOP], 255), word=51)))
row("no answer about a routing header to who is not served", "RFC 7269 uRPF",
    drop(with_routing(), "source_denied"), config="source = 2001:db8:9::/48")

# Atomic fragments; all others are in rows_fragments.py
for size in (28, 1260, 1300, 1480):
    data = bytes(size - 28)
    row(f"atomic fragment of {size} bytes as IPv4: DF 0, id copied", "RFC 7915 5.1.1",
        send(in6() / IPv6ExtHdrFragment(id=0x12345678) / Q / data, "translated",
             lambda p, data=data: out4(flags=0, id=0x5678) / UDP(sport=p.a, dport=53) / data, learn="a"),
        config="mtu = 1600")
row("reserved bits of a fragment header are ignored", "RFC 8200 4.5",
    send(in6() / IPv6ExtHdrFragment(id=7, res1=0xff, res2=3) / Q / HELLO, "translated",
         lambda p: out4(flags=0, id=7) / UDP(sport=p.a, dport=53) / HELLO, learn="a"))
row("atomic fragment behind hop-by-hop and destination options", "RFC 6946 4",
    send(in6() / HOPBYHOP / DEST / IPv6ExtHdrFragment(id=9) / Q / HELLO, "translated",
         lambda p: out4(flags=0, id=9) / UDP(sport=p.a, dport=53) / HELLO, learn="a"))
row("no fragment header comes out", "RFC 8021", open_udp(),
    send(answer(id=1234, flags=0), "translated", received()))
row("two packets without DF have different ids", "RFC 6864 4.3",
    open_udp(), lambda run: setattr(run, "first", run.out[4:6]), send(query(), "translated", sent()),
    lambda run: None if run.out[4:6] != run.first else (_ for _ in ()).throw(Difference("the same id twice")))

# IPv4 options
def with_options(options):
    """A reply from R with these bytes as options. scapy knows source routes too well to be asked for one, so the room
    is filled with no-operations first; the header's checksum is its own again."""
    def packet(p):
        size = len(options)
        whole = bytes(in4(options=[IPOption_NOP()] * size) / UDP(sport=53, dport=p.a) / HELLO)
        header = whole[:10] + b"\0\0" + whole[12:20] + options
        return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + whole[20 + size:]
    return packet


NOPS = b"\x01" * 4
ONE_LEFT = b"\x07\x04\xcb\x00\x71\x09\x01"        # length 7, pointer 4, one address; a NOP fills the word
TWO_LEFT = b"\x0b\x04\xcb\x00\x71\x09\xcb\x00\x71\x0a\x01"
USED_UP = b"\x07\x08\xcb\x00\x71\x09\x01"
for name, options in [("no operation", NOPS), ("record route", b"\x07\x07\x04" + bytes(5)), ("an unknown one", b"\x5e\x04ab"),
                      ("timestamp", b"\x44\x08\x05\x00" + bytes(4)), ("40 bytes", b"\x5e\x28" + bytes(38)),
                      ("expired loose source route", b"\x83" + USED_UP),
                      ("expired strict source route", b"\x89" + USED_UP),
                      ("expired, the pointer far away", b"\x83\x07\xff" + bytes(5)),
                      ("a source route without a pointer", b"\x83\x02\x89\x02"),
                      ("the end, and anything behind it", b"\x00\x5e\x00\x00")]:
    row(f"IPv4 options ignored: {name}", "RFC 7915 4.1", open_udp(),
        send(with_options(options), "translated", received()))
for name, kind in [("loose", b"\x83"), ("strict", b"\x89")]:
    for left, route in [(1, ONE_LEFT), (2, TWO_LEFT)]:
        for before in (b"", NOPS, b"\x5e\x04ab"):
            row(f"{name} source route with {left} left behind {len(before)} bytes: 3/5", "RFC 7915 4.1", open_udp(),
                send(with_options(before + kind + route), "source_route",
                     lambda p: own4() / error4(3, 5, p.sent)), count(sessions=1))
for name, bad in [("length 0", b"\x5e\x00\x00\x00"), ("length 1", b"\x5e\x01\x00\x00"),
                  ("longer than the header", b"\x5e\x05\x00\x00"), ("no room for a length", b"\x01\x01\x01\x5e")]:
    row(f"IPv4 option with {name}", "RFC 791 3.1", open_udp(), drop(with_options(bad), "bad_length"))

# Lengths and versions that lie
row("IPv4 header checksum wrong", "RFC 7915 4.1", open_udp(), drop(answer(chksum=1), "bad_checksum"))
for version in (0, 1, 5, 7, 15):
    row(f"version {version}", "RFC 7915 4.1, 5.1", drop(in6(version=version) / Q, "bad_version"))
row("IPv6 payload length longer than the packet", "RFC 8200 3", drop(in6(plen=14) / Q / HELLO, "bad_length"))
row("IPv6 payload length 0", "RFC 8200 3", drop(in6(plen=0) / Q / HELLO, "bad_length"))
row("IPv6 payload length ends in the transport header", "RFC 8200 3", drop(in6(plen=7) / Q, "truncated"))
row("IPv4 total length longer than the packet", "RFC 791 3.1", open_udp(), drop(answer(len=34), "bad_length"))
row("IPv4 total length shorter than its header", "RFC 791 3.1", open_udp(), drop(answer(len=19), "bad_length"))
row("IPv4 total length ends in the transport header", "RFC 791 3.1", open_udp(), drop(answer(len=27), "truncated"))
for ihl in range(5):
    row(f"IPv4 header length {ihl}", "RFC 791 3.1", open_udp(), drop(answer(ihl=ihl), "bad_length"))
row("IPv4 header longer than the packet", "RFC 791 3.1", open_udp(), drop(answer(ihl=15), "bad_length"))
row("UDP length longer than the packet", "RFC 768", drop(in6() / UDP(sport=5000, dport=53, len=14) / HELLO,
                                                         "bad_length"))
row("UDP length shorter than its header", "RFC 768", drop(in6() / UDP(sport=5000, dport=53, len=7), "bad_length"))
row("UDP length 0", "RFC 768", drop(in6() / UDP(sport=5000, dport=53, len=0), "bad_length"))
for offset in (0, 4, 6, 15):
    row(f"TCP data offset {offset} in a segment of five words", "RFC 9293 3.1",
        drop(in6() / TCP(sport=5000, dport=53, flags="S", dataofs=offset), "bad_length"))

# Families and protocols
row("ICMPv4 inside IPv6", "RFC 7915 5.1", drop(in6(nh=1) / bytes(8), "wrong_family"))
for proto in (0, 43, 44, 58, 60):
    row(f"protocol {proto} of IPv6 inside IPv4", "RFC 7915 4.1", drop(in4(proto=proto) / bytes(16), "wrong_family"))
for proto in (2, 4, 33, 41, 47, 50, 51, 89, 132, 136, 253):
    row(f"protocol {proto} from IPv6: 1/4", "RFC 6146 3.4",
        send(in6(nh=proto) / bytes(16), "protocol_unsupported", v6(POOL, A) / error6(1, 4, in6(nh=proto) / bytes(16))))
    row(f"protocol {proto} from IPv4: 3/2", "RFC 6146 3.4",
        send(in4(proto=proto) / bytes(16), "protocol_unsupported",
             own4() / error4(3, 2, bytes(in4(proto=proto, id=1) / bytes(16)))))
row("unknown protocol from who is not served: silence", "RFC 7269 uRPF", drop(in6(nh=47) / bytes(16), "source_denied"),
    config="source = 2001:db8:9::/48")
row("unknown protocol to no pool address: silence", "RFC 6146 3.5",
    drop(in4(dst="192.0.2.9", proto=47) / bytes(16), "not_in_pool"))
row("unknown protocol from an illegal source: silence", "RFC 7915 4.1",
    drop(in4("127.0.0.1", proto=47) / bytes(16), "source_illegal"))
