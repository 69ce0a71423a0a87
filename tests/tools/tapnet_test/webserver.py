#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The outside world's web server: every page says hello and from which address the request came.

usage: webserver.py ADDRESS PORT
"""

import http.server
import socket
import sys


class Hello(http.server.BaseHTTPRequestHandler):
    """Answers any GET, so that a test sees the address that NAT gave the request."""

    def do_GET(self):
        body = f"hello from outside, {self.client_address[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    """Of the family of its address."""

    def __init__(self, address):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, Hello)


if __name__ == "__main__":
    Server((sys.argv[1], int(sys.argv[2]))).serve_forever()
