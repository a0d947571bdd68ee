#!/usr/bin/env python3
"""manager.py COMMAND... - a stand-in for systemd: runs a service of Type=notify, keeps its descriptors, restarts it

Speaks the protocol of sd_notify(3) and sd_listen_fds(3) as systemd does: only the main process is heard; FDSTORE=1 keeps
the descriptors that come with it under FDNAME, the same one only once; FDSTOREREMOVE=1 drops them; without FDPOLL=0 one
that shows an error is dropped. When the main process dies of a signal or fails, what is left of its session is killed
(KillMode=mixed) and it is started again at once with all that was kept. Its pids are added to the file that PIDS names.
When it ends with 0, so does this, with the number of descriptors it still keeps as exit status.
"""
import array
import ctypes
import os
import select
import signal
import socket
import struct
import sys
import tempfile

libc = ctypes.CDLL(None, use_errno=True)
store = []  # (name, fd, polled)


def same(a, b):
    return libc.syscall(312, os.getpid(), os.getpid(), 0, a, b) == 0  # kcmp, KCMP_FILE


def say(text):
    print(f"manager: {text}", flush=True)


def hear(channel, main):
    data, control, _, _ = channel.recvmsg(4096, 65536)
    fds, sender = [], 0
    for level, kind, payload in control:
        if kind == socket.SCM_RIGHTS:
            fds = list(array.array("i", payload[:len(payload) // 4 * 4]))
        elif kind == socket.SCM_CREDENTIALS:
            sender = struct.unpack("3i", payload)[0]
    words = dict(line.split("=", 1) for line in data.decode().split("\n") if "=" in line)
    if sender != main:
        return
    name = words.get("FDNAME", "stored")
    if words.get("FDSTORE") == "1":
        for fd in fds:
            if any(same(fd, other) for _, other, _ in store):
                os.close(fd)
            else:
                store.append((name, fd, words.get("FDPOLL") != "0"))
        return
    for fd in fds:
        os.close(fd)
    if words.get("FDSTOREREMOVE") == "1":
        for entry in [e for e in store if e[0] == name]:
            os.close(entry[1])
            store.remove(entry)
    if words.get("READY") == "1":
        say(f"ready {main}, keeps {len(store)}")


def drop_failed():
    for entry in [e for e in store if e[2]]:
        poll = select.poll()
        poll.register(entry[1], 0)
        if poll.poll(0):
            os.close(entry[1])
            store.remove(entry)


def child(command, path):
    os.setsid()
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    first = 200
    for i, (_, fd, _) in enumerate(store):  # out of the way, then into place
        os.dup2(fd, first + i, inheritable=False)
    for i in range(len(store)):
        os.dup2(first + i, 3 + i, inheritable=True)
    os.environ["NOTIFY_SOCKET"] = path
    if store:
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(store)),
                          LISTEN_FDNAMES=":".join(name for name, _, _ in store))
    os.execvp(command[0], command)


def main(command):
    path = tempfile.mkdtemp() + "/notify"
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    channel.bind(path)
    ended = os.pipe()
    signal.signal(signal.SIGCHLD, lambda *_: os.write(ended[1], b"x"))
    os.set_blocking(ended[0], False)
    while True:
        drop_failed()
        pid = os.fork()
        if pid == 0:
            child(command, path)
        with open(os.environ["PIDS"], "a") as out:
            print(pid, file=out)
        say(f"started {pid} with {len(store)}")
        status = None
        while status is None:
            if channel in select.select([channel, ended[0]], [], [])[0]:
                hear(channel, pid)
                continue
            os.read(ended[0], 64)
            done, how = os.waitpid(pid, os.WNOHANG)
            status = how if done == pid else None
        while select.select([channel], [], [], 0)[0]:
            hear(channel, pid)
        if status == 0:
            break
        for other in os.popen(f"pgrep -s {pid}").read().split():  # KillMode=mixed
            try:
                os.kill(int(other), signal.SIGKILL)
            except ProcessLookupError:
                pass
        say(f"{pid} ended with {status}")
    os.unlink(path)
    os.rmdir(os.path.dirname(path))
    say(f"stopped, keeps {len(store)}")
    sys.exit(len(store))


main(sys.argv[1:])
