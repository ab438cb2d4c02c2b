"""Machines and containers by the USE method: of each resource its utilisation, saturation and errors. Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_containers import containers
from monitor.render.dashboards_hosts_detail import clock_and_files, disks, network, processors
from monitor.render.dashboards_model import Board, Panel, Query, Section, Variable
from monitor.render.dashboards_promql import RATE
from monitor.render.dashboards_style import CPU_BUSY, DISK_USED, LOAD_PER_CORE, LOST, MEMORY_LEFT, NONE_WANTED, PRESSURE
from monitor.render.links import HOSTS_DASHBOARD

HOST = 'instance=~"$instance"'
FULL = (
    f"1 - min by (instance, mountpoint)"
    f" (node_filesystem_avail_bytes{{{HOST}}} and node_filesystem_readonly{{{HOST}}} == 0)"
    f" / max by (instance, mountpoint) (node_filesystem_size_bytes{{{HOST}}} > 0)"
)
"""Machine by machine: all have a ``/``, and the room on one says nothing about the size of another. What is mounted
read-only (an image, a CD) is always full, and nobody minds."""


def hosts_board(_: Catalogue) -> Board:
    """Make the board."""
    return Board(
        uid=HOSTS_DASHBOARD,
        title="Hosts and containers (USE)",
        text="Which resource of a machine or a container is used up, which has a queue, and which fails?",
        span="now-3h",
        variables=(Variable(name="instance", label="Exporter", metric="node_load1", choice="instance"),),
        sections=(
            Section(title="Now", panels=_now()),
            Section(title="Overview", panels=_overview()),
            Section(title="Processors and memory", panels=processors(), collapsed=True),
            Section(title="Disks", panels=disks(), collapsed=True),
            Section(title="Network", panels=network(), collapsed=True),
            Section(title="Clock and files", panels=clock_and_files(), collapsed=True),
            Section(title="Containers", panels=containers(), collapsed=True),
        ),
    )


def _now() -> tuple[Panel, ...]:
    return (
        Panel(
            title="Is a machine busy?",
            text=(
                "Share of processor time that is not idle, of the busiest machine. Good is below 80 %; beyond it "
                "answer times grow for everyone. See below which mode takes it."
            ),
            kind="stat",
            unit="percentunit",
            queries=(
                Query(
                    f'max(1 - avg by (instance) (rate(node_cpu_seconds_total{{{HOST},mode="idle"}}[{RATE}])))', "busy"
                ),
            ),
            steps=CPU_BUSY,
            decimals=0,
            maximum=1,
        ),
        Panel(
            title="Do processes wait for a processor?",
            text=(
                "Load per core: threads that run or want to. Good is below one. At two each waits as long as it runs: "
                "move work away, or add cores."
            ),
            kind="stat",
            decimals=2,
            queries=(
                Query(
                    f"max(max by (instance) (node_load5{{{HOST}}})"
                    f' / count by (instance) (node_cpu_seconds_total{{{HOST},mode="idle"}}))',
                    "load",
                ),
            ),
            steps=LOAD_PER_CORE,
        ),
        Panel(
            title="Is there memory left?",
            text=(
                "Memory available of all memory, of the fullest machine. Good is above 10 %; below it the kernel ends "
                "processes, databases first, for they are the largest."
            ),
            kind="stat",
            unit="percentunit",
            decimals=0,
            queries=(
                Query(f"min(node_memory_MemAvailable_bytes{{{HOST}}} / node_memory_MemTotal_bytes{{{HOST}}})", "left"),
            ),
            steps=MEMORY_LEFT,
            maximum=1,
        ),
        Panel(
            title="Is a disk full?",
            text=(
                "Used share of the fullest file system that can be written. Good is below 80 %. Above 90 % databases "
                "and Prometheus may stop at any time: make room, or make it larger, before you look for the cause."
            ),
            kind="stat",
            unit="percentunit",
            decimals=0,
            queries=(Query(f"max({FULL})", "used"),),
            steps=DISK_USED,
            maximum=1,
        ),
        Panel(
            title="Did the kernel kill a process?",
            text=(
                "Processes that the kernel killed for want of memory within the last hour. Good is none. Otherwise "
                "see which one (journalctl -k), and what grew: the memory panels show it."
            ),
            kind="stat",
            queries=(Query(f"sum(increase(node_vmstat_oom_kill{{{HOST}}}[1h]))", "killed"),),
            steps=NONE_WANTED,
            decimals=0,
        ),
        Panel(
            title="Does the network lose packets?",
            text=(
                "Receive and transmit errors per second over all devices. Good is zero: any rate that lasts is a "
                "cable, a switch port, or a driver."
            ),
            kind="stat",
            unit="ops",
            queries=(
                Query(
                    f"sum(rate(node_network_receive_errs_total{{{HOST}}}[{RATE}]))"
                    f" + sum(rate(node_network_transmit_errs_total{{{HOST}}}[{RATE}]))",
                    "errors",
                ),
            ),
            steps=LOST,
        ),
    )


def _overview() -> tuple[Panel, ...]:
    return (
        Panel(
            title="What do the processors do?",
            text=(
                "Processor time by mode, idle left out; the mean of the machines chosen. Good is mostly user; much "
                "iowait is a slow disk, much system the kernel's own work, steal a neighbour on the same hardware."
            ),
            unit="percentunit",
            queries=(
                Query(f'avg by (mode) (rate(node_cpu_seconds_total{{{HOST},mode!="idle"}}[{RATE}]))', "{{mode}}"),
            ),
            steps=CPU_BUSY,
            stacked=True,
            maximum=1,
        ),
        Panel(
            title="How long is a processor waited for?",
            text=(
                "Share of time in which some process waited for a processor (pressure stall information). Good is "
                "below 10 %. It says what utilisation cannot: whether anybody suffers."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f"max by (instance) (rate(node_pressure_cpu_waiting_seconds_total{{{HOST}}}[{RATE}]))",
                    "{{instance}} processor",
                ),
            ),
            steps=PRESSURE,
            draw_thresholds=True,
            empty_until="pressure_stall_information",
            nothing="this kernel keeps no pressure stall information",
        ),
        Panel(
            title="How much memory is used?",
            text=(
                "Used share of memory, what can be given back at once not counted. Good is below 90 %, and level; a "
                "slope that does not end is a leak: see which process or container grows."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f"1 - min by (instance) (node_memory_MemAvailable_bytes{{{HOST}}}"
                    f" / node_memory_MemTotal_bytes{{{HOST}}})",
                    "{{instance}}",
                ),
            ),
            steps=((None, "green"), (0.9, "orange"), (0.95, "red")),
            maximum=1,
        ),
        Panel(
            title="How busy are the disks?",
            text=(
                "Share of time in which each disk had something to do. Good is below 80 % for a disk that turns; a "
                "solid-state one may be at 100 % and still have room: then look at the waiting times below."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f"max by (instance, device) (rate(node_disk_io_time_seconds_total{{{HOST}}}[{RATE}]))",
                    "{{instance}} {{device}}",
                ),
            ),
            steps=CPU_BUSY,
        ),
        Panel(
            title="Which file system fills?",
            text=(
                "Used share of each file system that can be written. Good is below 80 %, and level. Where a line "
                "rises, continue it by eye: where it meets 100 % databases stop."
            ),
            unit="percentunit",
            queries=(Query(FULL, "{{instance}} {{mountpoint}}"),),
            steps=DISK_USED,
            draw_thresholds=True,
            maximum=1,
        ),
        Panel(
            title="How much goes over the network?",
            text=(
                "Bytes per second in and out, by device. What is good is what is usual; near the device's speed "
                "packets wait, and everything that crosses machines slows down."
            ),
            unit="Bps",
            queries=(
                Query(
                    f"sum by (instance, device) (rate(node_network_receive_bytes_total{{{HOST}}}[{RATE}])"
                    f" + rate(node_network_transmit_bytes_total{{{HOST}}}[{RATE}]))",
                    "{{instance}} {{device}}",
                ),
            ),
        ),
    )
