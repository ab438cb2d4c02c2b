"""``python -m exporters``: reads MongoDB, Redis, the host, the business figures and the front door; serves /metrics."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from aiohttp import web
from aiohttp.typedefs import Middleware

from exporters.collectors import METRICS
from exporters.credentials import off_the_command_line
from exporters.listener import Listener
from exporters.lookup import Loop
from exporters.process import package_version
from exporters.secrets import masked
from exporters.server import make_app
from exporters.service import Configuration, Service
from exporters.settings import PREFIX, Settings, SettingsError, load
from telemetry import logs
from telemetry.metric import declarations

log = logs.get_logger()

_WRONG_USE = 2
_ADDRESS_FLAGS = {"mongodb_uri": ("--mongodb",), "redis_uri": ("--redis",)}
_WRITING_LIMIT = 1.0
"""Seconds beyond a scrape's own in which pages under way are handed over before the process ends."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with exit code 2; what was mistyped is echoed, but never a password in it."""
        super().error(masked(message))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until SIGTERM or SIGINT; exit 2 on wrong use."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    if given.pop("metrics"):
        sys.stdout.write(declarations("exporters", METRICS))
        return
    if arguments is None:
        off_the_command_line(given, _ADDRESS_FLAGS, PREFIX)
    try:
        configuration = Configuration.read(lambda: load(given))
        logs.configure("exporters", level=configuration.settings.log_level)
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(_serve(lambda: load(given), configuration))
    except SettingsError as error:
        sys.stderr.write(f"exporters: {error}\n")
        sys.exit(_WRONG_USE)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="exporters",
        allow_abbrev=False,
        description="Exposes metrics of MongoDB, Redis, this host, its containers, the business and the front door.",
        epilog="Users and passwords: EXPORTERS_MONGODB_USERNAME, EXPORTERS_MONGODB_PASSWORD_FILE, "
        "EXPORTERS_REDIS_USERNAME, EXPORTERS_REDIS_PASSWORD_FILE. Flags have such names too: EXPORTERS_REDIS_URI, "
        "EXPORTERS_TARGETS_FILE, EXPORTERS_WEB_CONFIG_FILE, EXPORTERS_COLLECT ...",
    )
    parser.add_argument("--listen", metavar="ADDR", help="host:port of the page (default 127.0.0.1:9400)")
    parser.add_argument("--mongodb", dest="mongodb_uri", metavar="URI", help="the replica set")
    parser.add_argument("--redis", dest="redis_uri", metavar="URI", help="the server")
    parser.add_argument("--probe", dest="probe_url", metavar="URL", help="the front door that is probed from outside")
    for name, what in (("procfs", "/proc"), ("sysfs", "/sys"), ("rootfs", "/"), ("cgroup-root", "/sys/fs/cgroup")):
        parser.add_argument(f"--{name}", metavar="DIR", help=f"where the host's {what} is (default {what})")
    parser.add_argument("--collect", metavar="NAME,...", help="collectors to run (default: all that have a source)")
    parser.add_argument("--names", metavar="NAME", help="percona: mongodb_exporter's names besides our own")
    parser.add_argument(
        "--web.config.file",
        "--web-config",
        dest="web_config_file",
        metavar="FILE",
        help="TLS and users, in Prometheus's web-config.yml format",
    )
    parser.add_argument(
        "--targets", dest="targets_file", metavar="FILE", help="a TOML file with a table for each target of /probe"
    )
    parser.add_argument("--config", metavar="FILE", help="a TOML file with the same settings")
    parser.add_argument("--metrics", action="store_true", help="print what may appear on the page, and exit")
    return parser


async def _serve(read: Callable[[], Settings], configuration: Configuration) -> None:
    limit = configuration.settings.scrape_budget + _WRITING_LIMIT
    with _tracing(configuration.settings) as spans:
        service = Service(read, configuration)
        stop = asyncio.Event()
        _on_signals(service, stop)
        runner = web.AppRunner(make_app(service, spans), access_log=None, shutdown_timeout=limit)
        await runner.setup()
        listener = Listener(runner, configuration.settings.listen)
        try:
            service.address = await listener.open(configuration.protection.ssl_context)
            service.serve = listener.serve
            collectors = len(service.fleet.main.scraper.names)
            log.info("exporters.started", address=service.address, version=package_version(), collectors=collectors)
            # What is loaded by now stays: no need for the collector to look through it after each decoded answer.
            gc.collect()
            gc.freeze()
            started = time.monotonic()
            await stop.wait()
            log.info("exporters.stopped", seconds=time.monotonic() - started)
        finally:
            listener.close()
            await runner.cleanup()


def _on_signals(service: Service, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reloads: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        # What was wrong stands in the log, on the metrics page and, in words, on the landing page.
        with contextlib.suppress(SettingsError):
            await service.reload()

    def start() -> None:
        task = loop.create_task(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, start)


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


if __name__ == "__main__":
    main()
