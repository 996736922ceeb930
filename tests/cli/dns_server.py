"""A name server for tests: answers A, AAAA, MX and TXT from a dictionary, over UDP and TCP."""

import socket
import struct
import threading

TYPES = {"A": 1, "MX": 15, "TXT": 16, "AAAA": 28}


def name_bytes(name):
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def data_bytes(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "MX":
        preference, host = value.split(" ", 1)
        return struct.pack("!H", int(preference)) + name_bytes(host)
    pieces = [value[at:at + 255].encode() for at in range(0, len(value), 255)] or [b""]
    return b"".join(bytes([len(piece)]) + piece for piece in pieces)


class NameServer:
    """records: {("example.com", "TXT"): ["v=spf1 -all"]}; a name that is in none does not exist."""

    def __init__(self, records):
        self.records = {(name.lower(), kind): values for (name, kind), values in records.items()}
        self.names = {name for name, _ in self.records}
        self.asked = []
        self.udp, self.tcp = self.free_port()
        self.address = f"127.0.0.1:{self.udp.getsockname()[1]}"
        threading.Thread(target=self.run_udp, daemon=True).start()
        threading.Thread(target=self.run_tcp, daemon=True).start()

    @staticmethod
    def free_port():
        """One port for both; a port that is free for TCP may be taken for UDP."""
        for _ in range(20):
            tcp = socket.create_server(("127.0.0.1", 0))
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                udp.bind(tcp.getsockname())
                return udp, tcp
            except OSError:
                udp.close()
                tcp.close()
        raise RuntimeError("no port is free for UDP and TCP")

    def answer(self, query, limit):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        question = query[12:at + 5]
        name = ".".join(labels)
        number = struct.unpack("!H", query[at + 1:at + 3])[0]
        kind = next((kind for kind, value in TYPES.items() if value == number), None)
        self.asked.append((name, kind))
        found = self.records.get((name, kind), [])
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", number, 1, 60, len(data)) + data
                        for data in (data_bytes(kind, value) for value in found))
        exists = name in self.names or any(one.endswith("." + name) for one in self.names)
        flags = 0x8180 | (0 if exists else 3)
        if 12 + len(question) + len(body) > limit:  # RFC 1035 4.2.1: asked again over TCP
            return query[:2] + struct.pack("!HHHHH", flags | 0x0200, 1, 0, 0, 0) + question
        return query[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0) + question + body

    def run_udp(self):
        while True:
            try:
                query, peer = self.udp.recvfrom(4096)
                self.udp.sendto(self.answer(query, 512), peer)
            except OSError:
                return

    def run_tcp(self):
        while True:
            try:
                peer, _ = self.tcp.accept()
                with peer:
                    length = struct.unpack("!H", peer.recv(2))[0]
                    reply = self.answer(peer.recv(length), 65535)
                    peer.sendall(struct.pack("!H", len(reply)) + reply)
            except OSError:
                return

    def end(self):
        self.udp.close()
        self.tcp.close()
