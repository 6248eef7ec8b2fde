"""canned.py SOCKET ANSWERS: answers on a unix socket what the JSON file ANSWERS says.

ANSWERS maps "METHOD /path?query" to [status, body]. Everything else is answered 404 and
reported. Each request is printed as one line "METHOD /path?query BODY". Ends with standard input.
"""
import http.server
import json
import os
import socket
import socketserver
import sys
import threading

answers = json.load(open(sys.argv[2]))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def address_string(self):
        return "local"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        call = f"{self.command} {self.path}"
        print(call, body.decode(), flush=True)
        message = f"no {call}"
        status, answer = answers.get(call) or (404, {
            "success": False, "error": {"code": "not_found", "message": message},
            "message": message})
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = do_PATCH = handle_any


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    address_family = socket.AF_UNIX
    daemon_threads = True


server = Server(sys.argv[1], Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
for path in sys.argv[1:3]:
    os.unlink(path)
os.rmdir(os.path.dirname(sys.argv[1]))
os._exit(0)
