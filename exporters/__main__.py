"""``python -m exporters``: reads MongoDB, Redis, the host, the business figures and the front door; serves /metrics."""

from __future__ import annotations

import argparse
import asyncio
import gc
import re
import signal
import ssl
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from aiohttp import web
from aiohttp.typedefs import Middleware

from exporters.collectors import METRICS, choose
from exporters.own import package_version
from exporters.scrape import Scraper
from exporters.server import make_app
from exporters.settings import Settings, SettingsError, host_port, load
from exporters.sources import Sources
from telemetry import logs, webconfig
from telemetry.metric import declarations

log = logs.get_logger()

_WRONG_USE = 2
_SHUTDOWN_LIMIT = 5.0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with exit code 2; what was mistyped is echoed, but never a password in it."""
        super().error(re.sub(r"://[^\s/@]*@", "://***@", message))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until SIGTERM or SIGINT; exit 2 on wrong use."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    if given.pop("metrics"):
        sys.stdout.write(declarations("exporters", METRICS))
        return
    try:
        settings = load(given)
        logs.configure("exporters", level=settings.log_level)
        asyncio.run(_serve(settings))
    except SettingsError as error:
        sys.stderr.write(f"exporters: {error}\n")
        sys.exit(_WRONG_USE)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="exporters",
        allow_abbrev=False,
        description="Exposes metrics of MongoDB, Redis, this host, the business and the front door.",
        epilog="Users and passwords: EXPORTERS_MONGODB_USERNAME, EXPORTERS_MONGODB_PASSWORD_FILE, "
        "EXPORTERS_REDIS_USERNAME, EXPORTERS_REDIS_PASSWORD_FILE. Every flag may be given as EXPORTERS_<NAME> too.",
    )
    parser.add_argument("--listen", metavar="ADDR", help="host:port of the page (default 127.0.0.1:9400)")
    parser.add_argument("--mongodb", dest="mongodb_uri", metavar="URI", help="the replica set, without password")
    parser.add_argument("--redis", dest="redis_uri", metavar="URI", help="Redis, without password")
    parser.add_argument("--probe", dest="probe_url", metavar="URL", help="the front door that is probed from outside")
    parser.add_argument("--collect", metavar="NAME,...", help="collectors to run (default: all that have a source)")
    parser.add_argument(
        "--web-config",
        dest="web_config_file",
        metavar="FILE",
        help="TLS and users, in Prometheus's web-config.yml format",
    )
    parser.add_argument("--config", metavar="FILE", help="a TOML file with the same settings")
    parser.add_argument("--metrics", action="store_true", help="print what may appear on the page, and exit")
    return parser


async def _serve(settings: Settings) -> None:
    kinds = choose(settings)
    names = tuple(kind.name for kind in kinds)
    protection = _protection(settings)
    with _tracing(settings) as spans:
        sources = Sources(settings)
        scraper = Scraper([kind.make(sources) for kind in kinds], sources)
        app = make_app(scraper, names, (*spans, webconfig.require_users(protection)))
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_LIMIT)
        await runner.setup()
        try:
            address = await _listen(runner, settings.listen, protection.ssl_context)
            log.info("exporters.started", address=address, version=package_version(), collectors=len(names))
            # What is loaded by now stays: no need for the collector to look through it after each decoded answer.
            gc.collect()
            gc.freeze()
            started = time.monotonic()
            await stop.wait()
            log.info("exporters.stopped", seconds=time.monotonic() - started)
        finally:
            await runner.cleanup()


def _protection(settings: Settings) -> webconfig.WebConfig:
    try:
        protection = webconfig.load(settings.web_config_file)
    except webconfig.WebConfigError as error:
        raise SettingsError(str(error)) from error
    if not settings.is_loopback and not protection.users:
        raise SettingsError(
            f"listen = {settings.listen!r} is reachable from other machines, "
            f"and {settings.web_config_file} names no basic_auth_users"
        )
    return protection


@contextmanager
def _tracing(settings: Settings) -> Iterator[tuple[Middleware, ...]]:
    """Trace scrapes and what they ask MongoDB, where an endpoint is set; the clients are made inside."""
    if not (settings.otlp_endpoint or settings.jaeger_endpoint):
        yield ()
        return
    from telemetry import traces  # noqa: PLC0415  # 20 MB and half a second for those who want it

    tracing = traces.configure(
        "exporters",
        otlp_endpoint=settings.otlp_endpoint,
        jaeger_endpoint=settings.jaeger_endpoint,
        version=package_version(),
    )
    traces.instrument_clients(tracing)
    try:
        yield (traces.http_middleware(tracing),)
    finally:
        tracing.close()


async def _listen(runner: web.AppRunner, listen: str, tls: ssl.SSLContext | None) -> str:
    host, port = host_port(listen)
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    except OSError as error:
        raise SettingsError(f"cannot listen on {listen}: {error.strerror}") from error
    return f"{host}:{runner.addresses[0][1]}"


if __name__ == "__main__":
    main()
