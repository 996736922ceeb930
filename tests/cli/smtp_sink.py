"""A server that takes one message of any size and keeps nothing of it: it counts, and looks at the
memory of the client while the client waits for the last answer."""

import socket
import threading


def memory_peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


class Sink(threading.Thread):
    """`url` to send to; after `finish(pid)`: `size` of the message, `peak_kib` of the process."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self.listener.getsockname()[1]}?tls=none"
        self.pid = None
        self.known = threading.Event()
        self.size = self.peak_kib = None
        self.failure = None
        self.start()

    def run(self):
        try:
            self.serve()
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error

    def serve(self):
        peer, _ = self.listener.accept()
        peer.settimeout(300)
        peer.sendall(b"220 sink ESMTP\r\n")
        lines = b""
        while True:
            while b"\r\n" not in lines:
                lines += peer.recv(65536)
            line, _, lines = lines.partition(b"\r\n")
            word = line[:4].upper()
            if word == b"EHLO":
                peer.sendall(b"250-sink\r\n250-8BITMIME\r\n250 SIZE 99999999999\r\n")
            elif word == b"DATA":
                peer.sendall(b"354 go on\r\n")
                self.take(peer, lines)
                self.known.wait(60)
                self.peak_kib = memory_peak_kib(self.pid)
                peer.sendall(b"250 taken\r\n")
                lines = b""
            elif word == b"QUIT":
                peer.sendall(b"221 bye\r\n")
                return
            else:
                peer.sendall(b"250 fine\r\n")

    def take(self, peer, first):
        buffer = bytearray(1 << 20)
        self.size, tail = len(first), first[-5:]
        while tail != b"\r\n.\r\n":
            got = peer.recv_into(buffer)
            assert got > 0, "the client hung up"
            self.size += got
            tail = (tail + bytes(buffer[max(0, got - 5):got]))[-5:]

    def finish(self, pid):
        self.pid = pid
        self.known.set()
