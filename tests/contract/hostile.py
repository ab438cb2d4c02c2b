"""Servers that misbehave on purpose, and certificates that nobody should believe."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(
    handler: Handler, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Give each connection to ``handler``, and yield the port; at the end all connections are cut."""
    open_now: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            open_now.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in [*open_now]:
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)


async def head(reader: asyncio.StreamReader) -> str:
    """Read a request's head, and return its path."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode()
    return lines.split(" ", 2)[1]


def saying(answer: bytes) -> Handler:
    """Answer every request with these bytes, and hang up."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(answer)
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        await reader.read()

    return handler


def ok(body: bytes, *, kind: str = "text/html", status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n\r\n".encode() + body


async def frozen(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take the connection, and never say a word."""
    await asyncio.Event().wait()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a page one byte at a time: it would take hours."""
    await head(reader)
    writer.write(ok(b"<", length=100_000))
    while True:
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b".")


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a page that has no end."""
    await head(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"." * 0x10000 + b"\r\n"
    while True:
        writer.write(chunk)
        await writer.drain()


async def endless_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a header that has no end."""
    await head(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        writer.write(b"." * 0x1000)
        await writer.drain()


async def circling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send everybody on to the next address, which is here."""
    path = await head(reader)
    location = f"/{len(path)}{'x' * len(path)}"
    writer.write(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
    await writer.drain()


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates for a test; ``file`` is what those who believe it are given."""

    folder: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    def server(
        self, name: str = "localhost", *, days: float = 30, through: float | None = None, own: bool = False
    ) -> ssl.SSLContext:
        """Make a server's context: a certificate for ``name`` that ends in ``days`` (negative: it is over).

        ``through`` puts an authority of its own in between, which ends in so many days; ``own`` signs with itself.
        """
        signer, chain = (self.certificate, self.key), b""
        if through is not None:
            middle_key = ec.generate_private_key(ec.SECP256R1())
            middle = _certificate("between", middle_key, signer, days=through, authority=True)
            signer, chain = (middle, middle_key), middle.public_bytes(serialization.Encoding.PEM)
        key = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(name, key, None if own else signer, days=days)
        file = self.folder / f"{made.serial_number}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM) + chain)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        return context


def authority(folder: Path) -> Authority:
    """Make an authority that only this test believes."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = Authority(folder, _certificate("authority", key, None, days=365, authority=True), key)
    made.file.write_bytes(made.certificate.public_bytes(serialization.Encoding.PEM))
    return made


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
    *,
    days: float,
    authority: bool = False,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, issuer_key = (signer[0].subject, signer[1]) if signer else (subject, key)
    now = datetime.now(UTC)  # noqa: TID251  # TLS libraries compare with the real clock
    ends = now + timedelta(days=days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, ends) - timedelta(days=1))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        named: x509.GeneralName = x509.DNSName(name)
        with contextlib.suppress(ValueError):
            named = x509.IPAddress(ip_address(name))
        builder = builder.add_extension(x509.SubjectAlternativeName([named]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
