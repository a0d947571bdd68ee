"""Properties that hold for every packet of a kind: cut at each byte, each byte changed, each length a lie."""
import random

from scapy.all import IPOption_NOP, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop

from row import *

HELLO = b"hello"
SAMPLES = [
    ("UDP", "6", lambda p: in6() / UDP(sport=5000, dport=53) / HELLO, 48),
    ("TCP", "6", lambda p: in6() / TCP(sport=5000, dport=53, flags="S", options=[("MSS", 1440)]) / HELLO, 64),
    ("echo", "6", lambda p: in6() / echo6(77) / HELLO, 48),
    ("UDP behind extension headers", "6", lambda p: in6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() /
     IPv6ExtHdrFragment() / UDP(sport=5000, dport=53) / HELLO, 72),
    ("an error about UDP", "6", lambda p: in6(ROUTER) / error6(1, 4, v6(R, A) / UDP(sport=53, dport=5000) / HELLO), 96),
    ("an error about TCP", "6", lambda p: in6(ROUTER) / error6(1, 4, v6(R, A) / TCP(sport=53, dport=5000) / HELLO), 96),
    ("UDP", "4", lambda p: in4() / UDP(sport=53, dport=p.a) / HELLO, 28),
    ("UDP behind options", "4", lambda p: in4(options=[IPOption_NOP()] * 8) / UDP(sport=53, dport=p.a) / HELLO, 36),
    ("TCP", "4", lambda p: in4() / TCP(sport=53, dport=p.a, flags="S", options=[("MSS", 1440)]) / HELLO, 44),
    ("echo", "4", lambda p: in4() / echo4(p.a) / HELLO, 28),
    ("an error about UDP", "4", lambda p: in4(HOP) / error4(3, 3, v4() / UDP(sport=p.a, dport=53) / HELLO), 56),
    ("an error about TCP", "4", lambda p: in4(HOP) / error4(3, 3, v4() / TCP(sport=p.a, dport=53) / HELLO), 56),
]


def checked(run, data, worker=0):
    """Translate anything; what comes out must be a whole packet, and a reply only where the verdict says so."""
    verdict, out, _ = run.gateway.packet(data, worker)
    action = run.gateway.action(verdict)
    if bool(out) and action == "drop":
        raise Difference(f"{verdict} sent something (packet {data.hex()})")
    if action == "translate" and not out:
        raise Difference(f"{verdict} sent nothing (packet {data.hex()})")
    if out:
        length = int.from_bytes(out[2:4], "big") if out[0] >> 4 == 4 else 40 + int.from_bytes(out[4:6], "big")
        if length != len(out) or (out[0] >> 4 == 4 and checksum(out[:20]) != 0):
            raise Difference(f"not a packet: {out.hex()} (from {data.hex()})")
    return verdict


def opened(run):
    """Bindings for all samples; p.a is UDP's, and the others share its number where they need one."""
    open_udp()(run)


def right_lengths(data):
    """The IP header's length and checksum made to fit the bytes there are."""
    data = bytearray(data)
    if data[0] >> 4 == 6 and len(data) >= 40:
        data[4:6] = (len(data) - 40).to_bytes(2, "big")
    elif data[0] >> 4 == 4 and len(data) >= (data[0] & 15) * 4:
        data[2:4] = len(data).to_bytes(2, "big")
        data[10:12] = b"\0\0"
        data[10:12] = checksum(bytes(data[:(data[0] & 15) * 4])).to_bytes(2, "big")
    return bytes(data)


def cut(sample, least, honest):
    def step(run):
        whole = bytes(build(sample, run.ports))
        for n in range(len(whole)):
            data = whole[:n]
            if honest:
                data = right_lengths(data) if n else data
            verdict = checked(run, data)
            if verdict == "translated" and (not honest or n < least):
                raise Difference(f"cut to {n} of {len(whole)} bytes and translated")
    return step


for name, side, sample, least in SAMPLES:
    row(f"{name} from IPv{side}, cut at every byte", "robustness", opened, cut(sample, least, False))
    row(f"{name} from IPv{side}, cut at every byte, the IP length right", "robustness", opened, cut(sample, least, True))


def lengths(sample):
    def step(run):
        whole = bytearray(bytes(build(sample, run.ports)))
        at = 4 if whole[0] >> 4 == 6 else 2
        right = int.from_bytes(whole[at:at + 2], "big")
        for n in [*range(right + 30), 1500, 0x7fff, 0x8000, 0xffff]:
            data = bytearray(whole)
            data[at:at + 2] = n.to_bytes(2, "big")
            if whole[0] >> 4 == 4:
                data[10:12] = b"\0\0"
                data[10:12] = checksum(bytes(data[:(data[0] & 15) * 4])).to_bytes(2, "big")
            if checked(run, bytes(data)) == "translated" and n > right:
                raise Difference(f"length {n} believed, {right} there")
    return step


def each_byte(sample, values):
    def step(run):
        whole = bytes(build(sample, run.ports))
        for i in range(len(whole)):
            for v in values:
                data = bytearray(whole)
                data[i] ^= v
                checked(run, bytes(data))
                if whole[0] >> 4 == 4 and i != 0:
                    checked(run, right_lengths(data) if i not in (2, 3) else bytes(data))
    return step


def scattered(sample, seed, rounds):
    def step(run):
        rng, whole = random.Random(seed), bytes(build(sample, run.ports))
        for _ in range(rounds):
            data = bytearray(whole[:rng.choice([len(whole), len(whole), rng.randrange(1, len(whole))])])
            for _ in range(rng.randrange(1, 5)):
                data[rng.randrange(len(data))] = rng.choice([0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)])
            checked(run, bytes(data))
            if rng.random() < .5:
                checked(run, right_lengths(data))
    return step


for n, (name, side, sample, least) in enumerate(SAMPLES):
    row(f"{name} from IPv{side}, every length in its IP header", "robustness", opened, lengths(sample))
    row(f"{name} from IPv{side}, each byte changed", "robustness", opened, each_byte(sample, (1, 0x80, 0xff)))
    row(f"{name} from IPv{side}, several bytes changed at random", "robustness", opened, scattered(sample, n, 1000))
row("nothing at all", "robustness", lambda run: checked(run, b""))
row("noise", "robustness", opened, lambda run: [checked(run, random.Random(n).randbytes(n % 200 + 1)) for n in range(3000)])
row("noise with a version", "robustness", opened, lambda run: [
    checked(run, bytes([0x45 if n % 2 else 0x60]) + random.Random(n).randbytes(n % 300)) for n in range(3000)])
