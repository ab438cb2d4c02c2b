"""Grafana dashboards from the catalogue: text, units and limits come from the promises themselves. Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_alerting import alerting_board
from monitor.render.dashboards_business import business_board
from monitor.render.dashboards_drills import drills_board
from monitor.render.dashboards_grafana import grafana_json
from monitor.render.dashboards_hosts import hosts_board
from monitor.render.dashboards_model import Board
from monitor.render.dashboards_mongodb import mongodb_board
from monitor.render.dashboards_monitoring import monitoring_board
from monitor.render.dashboards_recovery import recovery_board
from monitor.render.dashboards_redis import redis_board
from monitor.render.dashboards_service import service_board
from monitor.render.dashboards_slo import slo_board

BOARDS = (
    slo_board,
    service_board,
    business_board,
    mongodb_board,
    redis_board,
    hosts_board,
    recovery_board,
    drills_board,
    alerting_board,
    monitoring_board,
)
"""In the order of `links.DASHBOARDS`: the home first, then from the patient inwards, then our own work."""


def boards(catalogue: Catalogue) -> tuple[Board, ...]:
    """Every board of a catalogue."""
    return tuple(make(catalogue) for make in BOARDS)


def dashboards(catalogue: Catalogue) -> dict[str, str]:
    """Write every board: ``dashboards/<uid>.json`` -> JSON.

    Raises:
        InputError: grafana-foundation-sdk is not installed.
    """
    return {f"dashboards/{board.uid}.json": grafana_json(board, catalogue) for board in boards(catalogue)}
