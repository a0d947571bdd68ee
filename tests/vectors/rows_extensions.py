"""Extension structures behind the packet inside an ICMP error, such as MPLS labels (RFC 4884; RFC 7915 sections 4.2, 5.2)."""
from scapy.all import IPOption_NOP

from row import *

HELLO = b"hello"
OBJECT = bytes.fromhex("000801010001a1ff")         # RFC 4950: one MPLS label
BARE = b"\x20\0\0\0" + OBJECT
LABELS = BARE[:2] + struct.pack(">H", checksum(BARE)) + OBJECT


def inner4(p, size=5, **fields):
    return bytes(v4(ttl=5, id=7, **fields) / UDP(sport=p.a, dport=53) / (HELLO + bytes(size - 5)))


def inner6(size=5):
    return bytes(in6(hlim=5) / UDP(sport=5000, dport=53) / (HELLO + bytes(size - 5)))


def reply6(size=5):
    return bytes(v6(R, A, hlim=5) / UDP(sport=53, dport=5000) / (HELLO + bytes(size - 5)))


def reply4(p, size=5, at=32):
    """As the IPv4 host had sent it; its id is the translator's choice."""
    return bytes(v4(R, POOL, ttl=5, flags="DF" if size > 1232 else 0, id=int.from_bytes(p.out[at:at + 2], "big")) /
                 UDP(sport=53, dport=p.a) / (HELLO + bytes(size - 5)))


def quoted(data, size):
    """data cut or filled up to this size."""
    return data[:size].ljust(size, b"\0")


def to6(name, make4, make6, type4=(11, 0), type6=(3, 0), word4=0, word6=0, clause="RFC 7915 4.2", **more):
    """make4 and make6: p -> (length attribute, what stands behind the ICMP header)."""
    row(f"to IPv6, {name}", f"{clause}; RFC 4884", open_udp(),
        send(lambda p: in4(HOP) / error4(*type4, make4(p)[1], word4 | make4(p)[0] << 16), "translated",
             lambda p: out6(HOP) / error6(*type6, make6(p)[1], word6 | make6(p)[0] << 24)), **more)


def to4(name, make6, make4, type6=(3, 0), type4=(11, 0), clause="RFC 7915 5.2", **more):
    row(f"to IPv4, {name}", f"{clause}; RFC 4884", open_udp(),
        send(lambda p: in6(ROUTER) / error6(*type6, make6(p)[1], make6(p)[0] << 24), "translated",
             lambda p: out4() / error4(*type4, make4(p)[1], make4(p)[0] << 16)), **more)


# IPv6 headers are 20 bytes longer, and their length attribute counts in units of eight bytes
for size in (128, 132, 136, 140, 256, 528):
    full = -(-(size + 20) // 8) * 8
    to6(f"{size} bytes and MPLS labels", lambda p, s=size: (s // 4, quoted(inner4(p, 500), s) + LABELS),
        lambda p, s=size, f=full: (f // 8, quoted(inner6(500)[:s + 20], f) + LABELS))
to6("a short packet, filled up", lambda p: (32, quoted(inner4(p), 128) + LABELS),
    lambda p: (19, quoted(inner6(), 152) + LABELS))
for type4, type6 in [((3, 0), (1, 0)), ((3, 3), (1, 4)), ((3, 13), (1, 1)), ((11, 1), (3, 1))]:
    to6("%d/%d" % type4, lambda p: (32, quoted(inner4(p), 128) + LABELS), lambda p: (19, quoted(inner6(), 152) + LABELS),
        type4, type6)
to6("40 bytes of options inside: filled up to 128", lambda p: (32, quoted(
    inner4(p, 100, options=[IPOption_NOP()] * 40), 128) + LABELS), lambda p: (16, quoted(inner6(100)[:108], 128) + LABELS))
to6("nothing but the length attribute", lambda p: (32, quoted(inner4(p), 128)), lambda p: (0, quoted(inner6(), 148)))

# IPv4 headers are shorter; their quotation must not become less than 128 bytes
for size in (128, 136, 144, 152, 256, 1024):
    full = max(size - 20, 128)
    to4(f"{size} bytes and MPLS labels", lambda p, s=size: (s // 8, quoted(reply6(900), s) + LABELS),
        lambda p, s=size, f=full: (f // 4, quoted(reply4(p, 900)[:s - 20], f) + LABELS))
for type6, type4 in [((1, 0), (3, 1)), ((1, 1), (3, 10)), ((1, 4), (3, 3)), ((3, 1), (11, 1))]:
    to4("%d/%d" % type6, lambda p: (16, quoted(reply6(), 128) + LABELS), lambda p: (32, quoted(reply4(p), 128) + LABELS),
        type6, type4)
to4("nothing but the length attribute", lambda p: (16, quoted(reply6(), 128)), lambda p: (0, quoted(reply4(p), 108)))

# What has no length attribute carries no extension
to6("protocol unreachable", lambda p: (32, quoted(inner4(p), 128) + LABELS), lambda p: (0, quoted(inner6(), 148)), (3, 2), (4, 1),
    word6=6)
to6("fragmentation needed", lambda p: (32, quoted(inner4(p), 128) + LABELS), lambda p: (0, quoted(inner6(), 148)), (3, 4), (2, 0),
    1400, 1420)
to6("parameter problem", lambda p: (32, quoted(inner4(p), 128) + LABELS), lambda p: (0, quoted(inner6(), 148)), (12, 0), (4, 0),
    8 << 24, 7)

# What has no room goes as a whole: half a structure is none
BIG = LABELS + bytes(600)
to6("no room for the extension", lambda p: (137, quoted(inner4(p, 540), 548) + BIG + bytes(200)),
    lambda p: (0, inner6(540)[:568]))
to4("no room for the extension", lambda p: (75, quoted(reply6(600), 600) + LABELS), lambda p: (0, reply4(p, 600)[:548]),
    config="mtu4 = 576")
to6("a quotation too long to be moved", lambda p: (160, quoted(inner4(p, 700), 640) + LABELS),
    lambda p: (0, inner6(700)[:660]))
to6("a quotation that need not be moved may be long", lambda p: (161, quoted(inner4(p, 700), 644) + LABELS),
    lambda p: (83, inner6(700)[:664] + LABELS))

# What is not by RFC 4884 is payload, and has no length attribute any more (RFC 7915: opaque)
for length, why in [(0, "no length attribute"), (31, "a length below 128"), (36, "a length that ends where the packet does"),
                    (200, "a length beyond the packet")]:
    to6(f"{why}: as it came", lambda p, n=length: (n, quoted(inner4(p), 128) + LABELS + bytes(4)),
        lambda p: (0, quoted(inner6(), 148) + LABELS + bytes(4)))
for length, why in [(0, "no length attribute"), (15, "a length below 128"), (200, "a length beyond the packet")]:
    to4(f"{why}: as it came", lambda p, n=length: (n, quoted(reply6(), 128) + LABELS),
        lambda p: (0, quoted(reply4(p), 108) + LABELS))

# Both ways at once
CALL = open_udp("b", B, 700), send(
    lambda p: in6(A, POOL) / UDP(sport=5000, dport=p.b) / HELLO, "translated",
    lambda p: out6(POOL, B, hlim=62) / UDP(sport=p.a, dport=700) / HELLO, learn="a")
row("hairpin: IPv6 to IPv6, the attribute counts what was filled up on the way", "RFC 6146 3.8; RFC 4884", *CALL,
    send(lambda p: in6(B, POOL) / error6(1, 4, quoted(bytes(out6(POOL, B, hlim=62) / UDP(sport=p.a, dport=700) / HELLO), 128) +
                                         LABELS, 16 << 24), "translated",
         lambda p: out6(POOL, A, hlim=62) / error6(1, 4, quoted(bytes(in6(A, POOL, hlim=62) / UDP(sport=5000, dport=p.b) /
                                                                     HELLO), 152) + LABELS, 19 << 24)))
