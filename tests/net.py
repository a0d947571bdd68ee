#!/usr/bin/env python3
"""net.py WHAT ... - the small peers that system tests talk to

  serve ADDRESS PORT             echo TCP and UDP, each answer led by the address and port it sees; until killed
  tcp ADDRESS PORT TEXT          connect, send a line, print the answer
  udp ADDRESS PORT TEXT [LPORT]  send a datagram, print the answer; "refused", "prohibited" or "unreachable" if an ICMP error
                                 says so
  send ADDRESS PORT TEXT         send a datagram, wait for nothing
  flows ADDRESS PORT N PREFIX    N UDP flows, each from its own address below PREFIX (a /48); print the answers' number
  pinhole ADDRESS PORT LPORT     send from LPORT, print how the peer sees it, then echo what arrives; until killed
  drip ADDRESS PORT FILE RATE    serve the file over HTTP at that many bytes a second, and what is left of it at once when
                                 SIGUSR1 comes; until killed
  embed PREFIX/LENGTH IPV4       the IPv4 address in the prefix, RFC 6052
  seen ADDRESS PORT LPORT        connect from LPORT, print the address and port that the peer sees
  opens ADDRESS PORT FROM LPORT TEXT  connect from FROM and LPORT, send a line, print the other's; or "refused SECONDS"
  large ADDRESS PORT SIZE N      N datagrams of so many bytes, one after the other; print how many came back as they were
  unsummed ADDRESS PORT          echo UDP without checksums (IPv4); until killed
  reversed ADDRESS PORT SIZE GO  a datagram in fragments, the last first, and the first when the file GO is there; print
                                 "right" when it comes back as it was
  timed ADDRESS PORT N           N lines over one TCP connection, a tenth of a second apart; print the answers' number
"""
import errno
import ipaddress
import os
import random
import select
import signal
import socket
import sys
import time


IPV6_RECVERR = 25               # Python has no name for it


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def serve(address, port):
    udp = socket.socket(family(address), socket.SOCK_DGRAM)
    udp.bind((address, int(port)))
    tcp = socket.socket(family(address), socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind((address, int(port)))
    tcp.listen(64)
    peers = {}
    while True:
        for s in select.select([udp, tcp, *peers], [], [])[0]:
            if s is udp:
                data, who = udp.recvfrom(65536)
                udp.sendto(b"%s %d " % (who[0].encode(), who[1]) + data, who)
            elif s is tcp:
                connection, who = tcp.accept()
                peers[connection] = who
            else:
                try:
                    data = s.recv(65536)
                except OSError:
                    data = b""
                if data:
                    s.sendall(b"%s %d " % (peers[s][0].encode(), peers[s][1]) + data)
                else:
                    s.close()
                    del peers[s]


def tcp(address, port, text):
    with socket.create_connection((address, int(port)), timeout=5) as s:
        s.sendall(text.encode())
        print(s.recv(65536).decode())


def udp(address, port, text, local="0"):
    with socket.socket(family(address), socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.bind(("", int(local)))
        s.connect((address, int(port)))
        if s.family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)      # errors that may pass, too
        s.send(text.encode())
        try:
            print(s.recv(65536).decode())
        except ConnectionRefusedError:
            print("refused")
        except PermissionError:
            print("prohibited")
        except TimeoutError:
            raise
        except OSError as e:
            print("unreachable" if e.errno == errno.EHOSTUNREACH else e)


def send(address, port, text):
    with socket.socket(family(address), socket.SOCK_DGRAM) as s:
        s.sendto(text.encode(), (address, int(port)))


def flows(address, port, n, prefix):
    net = ipaddress.ip_network(prefix)
    sockets = []
    for i in range(int(n)):
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.setsockopt(socket.IPPROTO_IPV6, 75, 1)  # IPV6_TRANSPARENT: any source address
        s.bind((str(net.network_address + (i << 64) + 9), 0))
        s.sendto(b"%d" % i, (address, int(port)))
        sockets.append(s)
    end, answered = time.monotonic() + 3, set()
    while len(answered) < len(sockets) and time.monotonic() < end:
        for s in select.select(sockets, [], [], 0.1)[0]:
            s.recv(65536)
            answered.add(s)
    print(len(answered))


def pinhole(address, port, local):
    with socket.socket(family(address), socket.SOCK_DGRAM) as s:
        s.bind(("", int(local)))
        s.sendto(b"open", (address, int(port)))
        print(s.recv(65536).decode(), flush=True)
        while True:
            data, who = s.recvfrom(65536)
            s.sendto(b"%s %d " % (who[0].encode(), who[1]) + data, who)


def drip(address, port, path, rate):
    body, step, hurry = open(path, "rb").read(), 0.02, []
    signal.signal(signal.SIGUSR1, lambda *_: hurry.append(1))
    with socket.create_server((address, int(port))) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
                begun = time.monotonic()
                hurry.clear()
                for sent in range(0, len(body), int(int(rate) * step)):
                    connection.sendall(body[sent:sent + int(int(rate) * step)])
                    if not hurry:
                        time.sleep(max(0, begun + sent / int(rate) + step - time.monotonic()))


def embed(prefix, ip4):
    net = ipaddress.ip_network(prefix)
    octets = bytearray(net.network_address.packed)
    at = net.prefixlen // 8
    for b in ipaddress.ip_address(ip4).packed:
        at += at == 8
        octets[at] = b
        at += 1
    print(ipaddress.ip_address(bytes(octets)))


def from_port(address, local, port):
    s = socket.socket(family(address), socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.settimeout(15)
    s.bind((local, int(port)))
    return s


def seen(address, port, local):
    with from_port(address, "", local) as s:
        s.connect((address, int(port)))
        s.sendall(b"x")
        print(" ".join(s.recv(1000).decode().split()[:2]))


def opens(address, port, local, local_port, text):
    begun = time.monotonic()
    with from_port(address, local, local_port) as s:
        try:
            s.connect((address, int(port)))
            s.sendall(text.encode())
            print(s.recv(1000).decode())
        except ConnectionRefusedError:
            print("refused", int(time.monotonic() - begun))


def large(address, port, size, n):
    right = 0
    with socket.socket(family(address), socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.connect((address, int(port)))
        for i in range(int(n)):
            data = random.Random(i).randbytes(int(size))
            s.send(data)
            try:
                right += s.recv(65536).endswith(b" " + data)
            except TimeoutError:
                pass
    print(right)


def unsummed(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
        s.bind((address, int(port)))
        while True:
            data, who = s.recvfrom(65536)
            s.sendto(b"%s %d " % (who[0].encode(), who[1]) + data, who)


def checksum(data):
    total = sum(int.from_bytes(data[i:i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return 0xffff - total


def reversed(address, port, size, go):
    data = random.Random(1).randbytes(int(size))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s, \
            socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        s.settimeout(10)
        s.connect((address, int(port)))
        ends = b"".join(socket.inet_pton(socket.AF_INET6, a) for a in (s.getsockname()[0], address))
        head = s.getsockname()[1].to_bytes(2, "big") + int(port).to_bytes(2, "big") + (8 + len(data)).to_bytes(2, "big")
        check = checksum(ends + (8 + len(data)).to_bytes(4, "big") + b"\0\0\0\x11" + head + b"\0\0" + data) or 0xffff
        number = os.urandom(4)
        message = head + check.to_bytes(2, "big") + data
        for at in range(0, len(message), 1200)[::-1]:
            while at == 0 and not os.path.exists(go):
                time.sleep(0.01)
            part = message[at:at + 1200]
            raw.sendto(b"\x60\0\0\0" + (8 + len(part)).to_bytes(2, "big") + b"\x2c\x40" + ends + b"\x11\0" +
                       (at | (at + 1200 < len(message))).to_bytes(2, "big") + number + part, (address, 0))
        print("right" if s.recv(65536).endswith(b" " + data) else "wrong")


def timed(address, port, n):
    answers = 0
    with socket.create_connection((address, int(port)), timeout=10) as s:
        for i in range(int(n)):
            s.sendall(b"%d" % i)
            answers += bool(s.recv(65536))
            time.sleep(0.1)
    print(answers)


globals()[sys.argv[1]](*sys.argv[2:])
