"""An HTTP/1.1 server for tests: prints its port, serves until its standard input ends.

server.py [--unix PATH] [--tls CERTIFICATE KEY] [--record FILE]

With --record it answers nothing: FILE gets one line per connection, the bytes received in
hexadecimal, which for TLS are those received inside the encrypted session.
"""
import argparse
import http.server
import os
import socket
import socketserver
import ssl
import sys
import threading
import time
from urllib.parse import parse_qs, urlparse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections = 0
    waiting = []
    aborted = []

    def setup(self):
        super().setup()
        Handler.connections += 1
        self.connection_number = Handler.connections

    def log_message(self, *arguments):
        pass

    def address_string(self):
        return "local"

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        self.send_header("X-Connection", str(self.connection_number))
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self):
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        url = urlparse(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        getattr(self, "at_" + url.path.strip("/").replace("-", "_"), self.at_unknown)(query, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any

    def at_unknown(self, query, body):
        self.answer(404, b"no such page")

    def at_hello(self, query, body):
        self.answer(200, b"hello", [("X-Empty", ""), ("X-Padded", "  two words \t")])

    def at_echo(self, query, body):
        lines = [f"{self.command}"] + [f"{n}: {v}" for n, v in self.headers.items()]
        self.answer(200, "\n".join(lines).encode() + b"\n\n" + body)

    def at_wait(self, query, body):
        Handler.waiting.append(query.get("name", ""))
        self.connection.settimeout(float(query["seconds"]))
        try:
            if self.connection.recv(1, socket.MSG_PEEK) == b"":
                Handler.aborted.append(query.get("name", ""))
                self.close_connection = True
                return
        except TimeoutError:
            pass
        self.connection.settimeout(None)
        self.answer(200, b"waited")

    def at_waiting(self, query, body):
        self.answer(200, ",".join(Handler.waiting).encode())

    def at_aborted(self, query, body):
        self.answer(200, ",".join(Handler.aborted).encode())

    def at_big(self, query, body):
        self.answer(200, b"x" * int(query["bytes"]))

    def at_chunks(self, query, body):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for _ in range(int(query["count"])):
                self.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def at_headers(self, query, body):
        self.answer(200, b"", [(f"X-{n}", "y" * 1000) for n in range(int(query["count"]))])

    def at_redirect(self, query, body):
        self.answer(302, b"", [("Location", "/hello")])

    def at_break(self, query, body):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True

    def at_garbage(self, query, body):
        self.wfile.write(b"\x00\x01\x02 this is not HTTP\r\n\r\n")
        self.close_connection = True


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


class UnixServer(Server):
    address_family = socket.AF_UNIX


def record(listener, context, path):
    while True:
        connection, _ = listener.accept()
        received, note = b"", "plain"
        try:
            connection.settimeout(5)
            if context:
                connection, note = context.wrap_socket(connection, server_side=True), "tls"
            while piece := connection.recv(65536):
                received += piece
                if received.endswith(b"\r\n\r\n"):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (OSError, ssl.SSLError) as error:
            note += " " + type(error).__name__
        with open(path, "a") as file:
            file.write(f"{note}|{received.hex()}\n")
        connection.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--unix")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--record")
    options = parser.parse_args()
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
    if options.record:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        work = lambda: record(listener, context, options.record)
    else:
        server = UnixServer(options.unix, Handler) if options.unix else Server(
            ("127.0.0.1", 0), Handler)
        port = 0 if options.unix else server.server_address[1]
        if context:
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False)
        work = server.serve_forever
    threading.Thread(target=work, daemon=True).start()
    print(port, flush=True)
    sys.stdin.read()
    os._exit(0)


main()
