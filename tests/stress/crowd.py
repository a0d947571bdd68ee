#!/usr/bin/env python3
"""crowd.py SERVER PORT SUBSCRIBERS FLOWS SECONDS RATE - one that takes what it can, beside many that want a little

Run in the client's namespace, to which all of 2001:db8:100::/40 belongs. SUBSCRIBERS good ones, each a /64, open FLOWS UDP
flows each in the course of SECONDS: a flow is good when it has been answered after at most three datagrams, a second apart.
Meanwhile one attacker, 2001:db8:1ff:ffff::/64, sends RATE datagrams a second, each from another address of its own, so each
asks for a binding. Both begin together. Prints one line; exit status 1 when less than 99.9 % of the good flows are.
"""
import multiprocessing
import select
import socket
import struct
import sys
import time

ATTACKER = bytes.fromhex("20010db801ffffff")
TRIES = 3
IPV6_TRANSPARENT = 75           # Python has no name for it


def put(s, data, source, to):
    try:
        s.sendmsg([data], [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, struct.pack("16sI", source, 0))], 0, to)
    except (BlockingIOError, ConnectionRefusedError):
        pass                    # as good as lost on the way


def bound(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)      # any address is ours to send from
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    s.bind(("::", port))
    s.setblocking(False)
    return s


def attack(server, rate, stop, sent):
    """As many a second as were asked for, or as there is processor for."""
    s = bound(9999)
    begun = time.monotonic()
    n = 0
    while not stop.is_set():
        due = int((time.monotonic() - begun) * rate)
        for _ in range(min(due - n, 200)):
            n += 1
            put(s, b"mine", ATTACKER + struct.pack(">Q", n), (server, 9))
        if due <= n:
            time.sleep(0.001)
    sent.value = n


class Good:
    def __init__(self, server, port, subscribers, flows, seconds):
        self.server, self.port, self.seconds = server, port, seconds
        self.sockets = [bound(20000 + f) for f in range(flows)]
        self.waiting = {}           # (subscriber, flow) -> when it was sent last, how often
        self.coming = [(n, f) for f in range(flows) for n in range(subscribers)]
        self.total = len(self.coming)
        self.answered = self.failed = self.again = 0

    def send(self, flow, tries):
        n, f = flow
        address = bytes.fromhex("20010db8") + struct.pack(">HH8s", 0x100 + (n >> 16), n & 0xffff, b"\0" * 7 + b"\1")
        put(self.sockets[f], struct.pack(">II", n, f), address, (self.server, self.port))
        self.waiting[flow] = (time.monotonic(), tries)

    def hear(self, s):
        while True:
            try:
                data = s.recv(200)
            except BlockingIOError:
                return
            if self.waiting.pop(struct.unpack(">II", data[-8:]), None):
                self.answered += 1

    def wait(self):
        for s in select.select(self.sockets, [], [], 0.002)[0]:
            self.hear(s)
        late = time.monotonic() - 1
        for flow, (when, tries) in [x for x in self.waiting.items() if x[1][0] < late]:
            if tries == TRIES:
                del self.waiting[flow]
                self.failed += 1
            else:
                self.again += 1
                self.send(flow, tries + 1)

    def run(self):
        begun = time.monotonic()
        done = 0
        while done < self.total or self.waiting:
            due = int(min((time.monotonic() - begun) / self.seconds, 1) * self.total)
            for flow in self.coming[done:min(due, done + 50)]:
                self.send(flow, 1)
                done += 1
            self.wait()


def main(server, port, subscribers, flows, seconds, rate):
    stop, sent = multiprocessing.Event(), multiprocessing.Value("q", 0)
    attacker = multiprocessing.Process(target=attack, args=(server, int(rate), stop, sent))
    good = Good(server, int(port), int(subscribers), int(flows), float(seconds))
    attacker.start()
    try:
        good.run()
    finally:
        stop.set()
        attacker.join(10)
    share = 100 * good.answered / good.total
    print(f"crowd: {good.answered} of {good.total} flows of {subscribers} good subscribers, {share:.2f} %, "
          f"{'good enough' if share >= 99.9 else 'too few'}; {good.again} asked again; "
          f"attacker: {sent.value} new flows asked for")
    return share < 99.9


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
