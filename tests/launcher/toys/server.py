"""An HTTP server on the port given. ``loading FILE`` answers 503 until the file exists; ``tls CERT KEY`` speaks TLS."""

import ssl
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

port, options = int(sys.argv[1]), sys.argv[2:]
loaded = Path(options[1]) if options[:1] == ["loading"] else None


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_loading = loaded is not None and not loaded.exists()
        body = b'{"status": "loading"}' if is_loading else b'{"status": "ok"}'
        self.send_response(503 if is_loading else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


server = HTTPServer(("127.0.0.1", port), Handler)
if options[:1] == ["tls"]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options[1], options[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("serving", flush=True)
server.serve_forever()
