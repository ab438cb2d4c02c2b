"""Where callers come in. Its certificate, or whether there is one, can change without a caller noticing."""

from __future__ import annotations

import asyncio
import socket
import ssl

from aiohttp import web

from exporters.settings import SettingsError, host_port

_SETTLING = 0.05


class Listener:
    """Holds the listening sockets; what serves them is replaced while callers queue in the kernel."""

    def __init__(self, runner: web.AppRunner, listen: str) -> None:
        self._runner = runner
        self._listen = listen
        self._sockets: list[socket.socket] = []
        self._serving: list[tuple[socket.socket, web.SockSite]] = []

    async def open(self, tls: ssl.SSLContext | None) -> str:
        """Begin to listen; return the address.

        Raises:
            SettingsError: the address cannot be had.
        """
        host, port = host_port(self._listen)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, _, _, _, address in dict.fromkeys(found):
                self._sockets.append(_bound(family, address))
            await self.serve(tls)
        except OSError as error:
            self.close()
            raise SettingsError(f"cannot listen on {self._listen}: {error.strerror}") from error
        shown = f"[{host}]" if ":" in host else host
        return f"{shown}:{self._sockets[0].getsockname()[1]}"

    async def serve(self, tls: ssl.SSLContext | None) -> None:
        """Serve new callers with this certificate; those who are connected stay so."""
        before, self._serving = self._serving, []
        for bound in self._sockets:
            # Both the old and the new copy take from the one queue, so that nobody is refused in between.
            copy = bound.dup()
            site = web.SockSite(self._runner, copy, ssl_context=tls)
            await site.start()
            self._serving.append((copy, site))
        for copy, _ in before:
            asyncio.get_running_loop().remove_reader(copy)
        # Whoever was taken from the queue just now gets his transport in the next turn; a server that is closed by
        # then would drop him without a word.
        await asyncio.sleep(_SETTLING)
        for _, site in before:
            await site.stop()

    def close(self) -> None:
        """Let go of the address."""
        for bound in self._sockets:
            bound.close()
        self._sockets.clear()


def _bound(family: int, address: tuple[str | int | bytes, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        bound.listen(128)
    except OSError:
        bound.close()
        raise
    return bound
