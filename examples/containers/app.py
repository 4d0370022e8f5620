"""The back end of an app in a container: it counts its visits in the key-value store.

The store is reached as in Forge: through the proxy, with the header that the proxy requires.
"""

import json
import os
import sys
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PROXY = urlsplit(os.environ["FORGE_EGRESS_PROXY_URL"])
HEADERS = {
    "content-type": "application/json",
    "forge-proxy-authorization": f"Forge as=app,installationId={os.environ['INSTALLATION']}",
}


def call(operation, request):
    """Send a request to the store and return the status and the JSON of its answer."""
    connection = HTTPConnection(PROXY.netloc, timeout=10)
    path = f"{PROXY.path}/forge/storage/kvs/v1/{operation}"
    connection.request("POST", path, json.dumps(request), HEADERS)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status not in (200, 204, 404):
        raise RuntimeError(f"{operation} was answered with {answer.status}")
    return answer.status, json.loads(content or b"null")


def value_of(key, otherwise):
    """Return the value of a key, or `otherwise` if there is none."""
    status, answer = call("get", {"key": key})
    return otherwise if status == 404 else answer["value"]


class App(BaseHTTPRequestHandler):
    """Greets each visitor, and says how many there were."""

    def do_GET(self):
        """Answer with the greeting that the job has loaded, and the number of this visit."""
        visits = value_of("visits", 0) + 1
        call("set", {"key": "visits", "value": visits})
        text = f"{value_of('greeting', 'Hello')}: visit {visits}\n".encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "3000"))
    with ThreadingHTTPServer(("", port), App) as server:
        sys.stdout.write(f"listening on port {server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()
