"""Writes what nftables of this network namespace answers to the dumps of a reading: a line for each
message, first the number of its type (NFT_MSG_NEW*), then its bytes behind the netlink header."""
import socket
import struct

TABLES, CHAINS, RULES, SETS, ELEMENTS, OBJECTS = 1, 4, 7, 10, 13, 19


def attribute(kind, payload):
    return struct.pack("=HH", len(payload) + 4, kind) + payload + b"\0" * (-len(payload) % 4)


def text(message, wanted):
    place = 4
    while place < len(message):
        length, kind = struct.unpack_from("=HH", message, place)
        if kind & 0x3FFF == wanted:
            return message[place + 4 : place + length]
        place += (length + 3) & ~3


def dump(kernel, verb, family=0, attributes=b""):
    body = struct.pack("=BBH", family, 0, 0) + attributes
    kernel.send(struct.pack("=IHHII", 16 + len(body), 10 << 8 | verb, 0x301, 1, 0) + body)
    found = []
    while True:
        data, place = kernel.recv(65536), 0
        while place < len(data):
            length, kind = struct.unpack_from("=IH", data, place)
            if kind == 3:
                return found
            assert kind == 10 << 8 | verb - 1, kind
            found.append(data[place + 16 : place + length])
            place += (length + 3) & ~3


kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
messages = [(verb, m) for verb in (TABLES, CHAINS, SETS) for m in dump(kernel, verb)]
for verb, message in list(messages):
    table = attribute(1, text(message, 1))
    if verb == CHAINS:
        chain = attribute(2, text(message, 3))
        messages += [(RULES, m) for m in dump(kernel, RULES, message[0], table + chain)]
    if verb == SETS:
        name = attribute(2, text(message, 2))
        messages += [(ELEMENTS, m) for m in dump(kernel, ELEMENTS, message[0], table + name)]
for kind in (1, 2):
    wanted = attribute(3, struct.pack(">I", kind))
    messages += [(OBJECTS, m) for m in dump(kernel, OBJECTS, 0, wanted)]
for verb, message in messages:
    print(f"{verb - 1:02x}{message.hex()}")
