"""An SMTP server on loopback that accepts everything and counts: `sink.py FILE` says `ready PORT`, and writes
what came into FILE when its standard input ends. The recipients are p0@, p1@, ...: each may come once."""

import json
import os
import select
import socket
import sys


class Peer:
    def __init__(self, sock):
        self.sock = sock
        self.bytes = b""
        self.in_data = False


def take(peer, seen, count):
    """Answers all that is complete in what came."""
    out = []
    at = 0
    data = peer.bytes
    while True:
        if peer.in_data:
            if data.startswith(b".\r\n", at):
                end = at
            else:
                end = data.find(b"\r\n.\r\n", at)
                if end < 0:
                    break
                end += 2
            at = end + 3
            peer.in_data = False
            count["messages"] += 1
            out.append(b"250 2.0.0 accepted\r\n")
            continue
        end = data.find(b"\r\n", at)
        if end < 0:
            break
        verb = data[at:at + 4].upper()
        if verb == b"RCPT":
            number = int(data[data.index(b"<p", at) + 2:data.index(b"@", at)])
            count["twice"] += seen[number]
            seen[number] = 1
            out.append(b"250 2.1.5 ok\r\n")
        elif verb == b"DATA":
            peer.in_data = True
            out.append(b"354 go on\r\n")
        elif verb == b"EHLO":
            out.append(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
        elif verb == b"QUIT":
            out.append(b"221 2.0.0 bye\r\n")
        else:
            out.append(b"250 2.0.0 ok\r\n")
        at = end + 2
    peer.bytes = data[at:]
    return b"".join(out)


def serve(listener, rows):
    seen = bytearray(rows)
    count = {"messages": 0, "twice": 0}
    peers = {}
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    poll.register(sys.stdin, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == sys.stdin.fileno():
                if not os.read(fd, 1):
                    return dict(count, recipients=sum(seen))
            elif fd == listener.fileno():
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peers[sock.fileno()] = Peer(sock)
                poll.register(sock, select.POLLIN)
                sock.sendall(b"220 sink ESMTP\r\n")
            else:
                peer = peers[fd]
                try:
                    got = peer.sock.recv(262144)
                    peer.bytes += got
                    peer.sock.sendall(take(peer, seen, count))
                except OSError:
                    got = b""
                if not got:
                    poll.unregister(fd)
                    peers.pop(fd).sock.close()


def main():
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print("ready", listener.getsockname()[1], flush=True)
        result = serve(listener, int(sys.argv[2]))
    with open(sys.argv[1], "w", encoding="ascii") as out:
        json.dump(result, out)


main()
