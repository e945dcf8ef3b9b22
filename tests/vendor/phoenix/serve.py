"""Starts Arize Phoenix on loopback only, on ports that the system chooses.

Phoenix's HTTP server listens where PHOENIX_HOST says. Its gRPC server always listens on all addresses, and has no setting for
it, so its address is replaced here.
"""

import sys

from grpc.aio import _server

listen = _server.Server.add_insecure_port


def listen_on_loopback(self, address):
    host, _, port = address.rpartition(":")
    if host != "[::]":
        raise SystemExit(f"the gRPC server of Phoenix does not listen where it did: {address}")
    return listen(self, f"127.0.0.1:{port}")


_server.Server.add_insecure_port = listen_on_loopback

from phoenix.server.main import main  # noqa: E402

sys.argv = ["phoenix", "serve"]
main()
