"""Grafana dashboards from the catalogue: text, units and limits come from the promises themselves. Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_grafana import grafana_json
from monitor.render.dashboards_model import Board
from monitor.render.dashboards_recovery import recovery_board
from monitor.render.dashboards_service import service_board
from monitor.render.dashboards_slo import slo_board

BOARDS = (slo_board, service_board, recovery_board)


def boards(catalogue: Catalogue) -> tuple[Board, ...]:
    """Every board of a catalogue."""
    return tuple(make(catalogue) for make in BOARDS)


def dashboards(catalogue: Catalogue) -> dict[str, str]:
    """Write every board: ``dashboards/<uid>.json`` -> JSON.

    Raises:
        InputError: grafana-foundation-sdk is not installed.
    """
    return {f"dashboards/{board.uid}.json": grafana_json(board, catalogue) for board in boards(catalogue)}
