"""What ``conftest.py`` does, as functions that can be tested."""

import contextlib
import ipaddress
import random
import re
import socket
from unittest import mock

SEED_VARIABLE = "SKEXTRAS_TESTS_SEED"
DEFAULT_SEED = 42
ALL_SEEDS = range(100)


def require_array_api(environ, modules):
    """Switch SciPy's array API support on, or say that it is too late to do so."""
    if "scipy" in modules and environ.get("SCIPY_ARRAY_API") != "1":
        raise RuntimeError(
            "scipy was imported before the tests could set SCIPY_ARRAY_API=1 (by a "
            "pytest plugin?): set SCIPY_ARRAY_API=1 in the shell that starts pytest."
        )
    environ["SCIPY_ARRAY_API"] = "1"


def resolve_seeds(environ):
    """Seeds that the variable asks for; "any" is drawn once and written back.

    Worker processes inherit the environment, so that all of them see the same draw.
    """
    text = environ.get(SEED_VARIABLE, str(DEFAULT_SEED)).strip()
    if text == "any":
        text = environ[SEED_VARIABLE] = str(random.choice(ALL_SEEDS))
    if text == "all":
        return list(ALL_SEEDS)
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if match is None:
        raise ValueError(
            f"{SEED_VARIABLE} must be 'any', 'all', an integer or a range such as "
            f"'3-5'; got {text!r}."
        )
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ValueError(f"{SEED_VARIABLE}={text!r} is an empty range of seeds.")
    return list(range(first, last + 1))


class NetworkAccessError(RuntimeError):
    """A test tried to leave this machine.

    Not an ``OSError``: code that expects network failures would swallow it.
    """


def _is_local(host):
    """Whether no packet leaves this machine on the way to ``host``."""
    if host in (None, "", b"", "localhost", socket.gethostname()):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _is_address(host):
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def no_network():
    """Let this process connect to itself only; addresses of sockets on files pass."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    getaddrinfo = socket.getaddrinfo

    def refuse(host):
        raise NetworkAccessError(
            f"Tests must not use the network, yet one reaches for {host!r}. Bundle "
            "the data, or mock the download."
        )

    def guarded(method):
        def call(self, address):
            if isinstance(address, tuple) and not _is_local(address[0]):
                self.close()  # nobody expects our error, so nobody else would
                refuse(address[0])
            return method(self, address)

        return call

    def guarded_getaddrinfo(host, *args, **kwargs):
        # An address needs no name server; connecting to it is guarded above.
        if not (_is_local(host) or _is_address(host)):
            refuse(host)
        return getaddrinfo(host, *args, **kwargs)

    with (
        mock.patch.object(socket.socket, "connect", guarded(connect)),
        mock.patch.object(socket.socket, "connect_ex", guarded(connect_ex)),
        mock.patch.object(socket, "getaddrinfo", guarded_getaddrinfo),
    ):
        yield
