"""A machine's resources in detail. Pure."""

from __future__ import annotations

from monitor.render.dashboards_model import Panel, Query
from monitor.render.dashboards_promql import RATE
from monitor.render.dashboards_style import CLOCK_S, LOAD_PER_CORE, NONE_WANTED_TICKET, PRESSURE, SHARE_USED, warned

HOST = 'instance=~"$instance"'
DISK_WAIT_S = warned(0.05)
"""A solid-state disk answers within a millisecond or two, one that turns within twenty."""

NO_PSI = "this kernel keeps no pressure stall information"


def processors() -> tuple[Panel, ...]:
    """Processors and memory."""
    return (
        Panel(
            title="How long is the queue for a processor?",
            text=(
                "Load per core over one, five and fifteen minutes. Good is below one; a short line above the long one "
                "is a peak, a long one that rises is too little machine."
            ),
            decimals=2,
            queries=tuple(
                Query(
                    f"max by (instance) (node_load{minutes}{{{HOST}}})"
                    f' / count by (instance) (node_cpu_seconds_total{{{HOST},mode="idle"}})',
                    f"{{{{instance}}}} {minutes} min",
                )
                for minutes in (1, 5, 15)
            ),
            steps=LOAD_PER_CORE,
            draw_thresholds=True,
        ),
        Panel(
            title="Does anybody wait for memory?",
            text=(
                "Share of time in which some process waited for memory. Good is zero; more means that the kernel is "
                "busy making room, long before it kills: take something off this machine."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f"max by (instance) (rate(node_pressure_memory_waiting_seconds_total{{{HOST}}}[{RATE}]))",
                    "{{instance}}",
                ),
            ),
            steps=PRESSURE,
            empty_until="pressure_stall_information",
            nothing=NO_PSI,
        ),
        Panel(
            title="Is memory swapped out?",
            text=(
                "Pages per second written to and read from swap. Good is zero: a database that is swapped out is "
                "slower than one that is off."
            ),
            unit="ops",
            queries=(
                Query(f"sum by (instance) (rate(node_vmstat_pswpout{{{HOST}}}[{RATE}]))", "{{instance}} out"),
                Query(f"sum by (instance) (rate(node_vmstat_pswpin{{{HOST}}}[{RATE}]))", "{{instance}} in"),
            ),
            steps=warned(1),
        ),
    )


def disks() -> tuple[Panel, ...]:
    """Disks and file systems."""
    reads, writes = "node_disk_reads_completed_total", "node_disk_writes_completed_total"
    times = (
        f"rate(node_disk_read_time_seconds_total{{{HOST}}}[{RATE}])"
        f" + rate(node_disk_write_time_seconds_total{{{HOST}}}[{RATE}])"
    )
    return (
        Panel(
            title="How long does a disk take to answer?",
            text=(
                "Mean time of a read or write, waiting included. Good is a millisecond or two on solid-state disks; "
                "tens of them make every commit of the database slow."
            ),
            unit="s",
            queries=(
                Query(
                    f"sum by (instance, device) ({times})"
                    f" / (sum by (instance, device)"
                    f" (rate({reads}{{{HOST}}}[{RATE}]) + rate({writes}{{{HOST}}}[{RATE}])) > 0)",
                    "{{instance}} {{device}}",
                ),
            ),
            steps=DISK_WAIT_S,
        ),
        Panel(
            title="Does anybody wait for a disk?",
            text=(
                "Share of time in which some process waited for a disk. Good is below 10 %. More, with a busy disk, is "
                "too much work for it; with an idle one, a disk that is about to fail."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f"max by (instance) (rate(node_pressure_io_waiting_seconds_total{{{HOST}}}[{RATE}]))",
                    "{{instance}}",
                ),
            ),
            steps=PRESSURE,
            empty_until="pressure_stall_information",
            nothing=NO_PSI,
        ),
        Panel(
            title="Are there inodes left?",
            text=(
                "Used share of each file system's inodes. Good is below 80 %. A file system without inodes is full, "
                "whatever its free bytes say: look for a directory of very many small files."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f"1 - min by (instance, mountpoint) (node_filesystem_files_free{{{HOST}}})"
                    f" / (max by (instance, mountpoint) (node_filesystem_files{{{HOST}}}) > 0)",
                    "{{instance}} {{mountpoint}}",
                ),
            ),
            steps=SHARE_USED,
            maximum=1,
        ),
        Panel(
            title="How much is read and written?",
            text=(
                "Bytes per second that each disk reads and writes. What is good is what is usual; much more without "
                "more requests is a backup, a compaction, or a query that reads everything."
            ),
            unit="Bps",
            width=12,
            queries=(
                Query(
                    f"sum by (instance, device) (rate(node_disk_read_bytes_total{{{HOST}}}[{RATE}]))",
                    "{{instance}} {{device}} read",
                ),
                Query(
                    f"sum by (instance, device) (rate(node_disk_written_bytes_total{{{HOST}}}[{RATE}]))",
                    "{{instance}} {{device}} written",
                ),
            ),
        ),
        Panel(
            title="Can a file system not be read or written?",
            text=(
                "File systems that do not answer (1), and those that are mounted read-only (1). Good is 0 for all that "
                "should be written; a kernel that finds an error makes them read-only, and every write then fails."
            ),
            width=12,
            queries=(
                Query(
                    f"max by (instance, mountpoint) (node_filesystem_device_error{{{HOST}}})",
                    "no answer: {{instance}} {{mountpoint}}",
                ),
                Query(
                    f"max by (instance, mountpoint) (node_filesystem_readonly{{{HOST}}})",
                    "read-only: {{instance}} {{mountpoint}}",
                ),
            ),
            steps=NONE_WANTED_TICKET,
        ),
    )


def network() -> tuple[Panel, ...]:
    """The network."""
    return (
        Panel(
            title="Which device loses packets?",
            width=6,
            text=(
                "Errors and drops per second of what is received, by device. Good is zero; drops alone are a queue "
                "that is too short for the load, errors a cable or a port."
            ),
            unit="ops",
            queries=(
                Query(
                    f"sum by (instance, device) (rate(node_network_receive_errs_total{{{HOST}}}[{RATE}]))",
                    "{{instance}} {{device}} errors",
                ),
                Query(
                    f"sum by (instance, device) (rate(node_network_receive_drop_total{{{HOST}}}[{RATE}]))",
                    "{{instance}} {{device}} drops",
                ),
            ),
            steps=warned(1),
        ),
        Panel(
            title="Is anything sent twice?",
            width=6,
            text=(
                "TCP segments sent again because nobody acknowledged them, of all sent. Good is below a percent; more "
                "is a network that loses packets somewhere between machines."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f"sum by (instance) (rate(node_netstat_Tcp_RetransSegs{{{HOST}}}[{RATE}]))"
                    f" / (sum by (instance) (rate(node_netstat_Tcp_OutSegs{{{HOST}}}[{RATE}])) > 0)",
                    "{{instance}}",
                ),
            ),
            steps=warned(0.01),
        ),
        Panel(
            title="Is there room in the firewall's table?",
            width=6,
            text=(
                "Connections that the kernel keeps track of, of the most that it keeps. Good is below 80 %; at the "
                "limit new connections are dropped, which looks like a network that fails now and then."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f"max by (instance) (node_nf_conntrack_entries{{{HOST}}}"
                    f" / (node_nf_conntrack_entries_limit{{{HOST}}} > 0))",
                    "{{instance}}",
                ),
            ),
            steps=SHARE_USED,
            empty_until="connection_tracking",
            nothing="this kernel tracks no connections",
        ),
        Panel(
            title="How many connections are open?",
            width=6,
            text=(
                "Established TCP connections. Good is steady; a slope that does not end is a process that does not "
                "close its own, and meets the limit of open files in the end."
            ),
            unit="short",
            queries=(Query(f"max by (instance) (node_netstat_Tcp_CurrEstab{{{HOST}}})", "{{instance}}"),),
        ),
    )


def clock_and_files() -> tuple[Panel, ...]:
    """What is shared by all processes."""
    return (
        Panel(
            title="Is the clock right?",
            width=6,
            text=(
                "How far each machine's clock is off what it is steered by, ahead or behind. Good is a few "
                "milliseconds; from some tens on, tokens expire early and traces do not fit together."
            ),
            unit="s",
            queries=(Query(f"max by (instance) (abs(node_timex_offset_seconds{{{HOST}}}))", "{{instance}}"),),
            steps=CLOCK_S,
        ),
        Panel(
            title="Do the machines' clocks agree?",
            width=6,
            text=(
                "How far each machine's clock is from Prometheus's own, as seen in each scrape. Good is below a "
                "second, the scrape's own time included; more than two and tokens and traces no longer fit together."
            ),
            unit="s",
            queries=(
                Query(
                    f"max by (instance) (abs(node_time_seconds{{{HOST}}} - timestamp(node_time_seconds{{{HOST}}})))",
                    "{{instance}}",
                ),
            ),
            steps=warned(2),
        ),
        Panel(
            title="Are there file handles left?",
            width=6,
            text=(
                "Open files of all processes, of the most that may be open. Good is far below 80 %; at the limit "
                "nothing can be opened or accepted any more."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f"max by (instance) (node_filefd_allocated{{{HOST}}} / node_filefd_maximum{{{HOST}}})",
                    "{{instance}}",
                ),
            ),
            steps=SHARE_USED,
        ),
        Panel(
            title="When did the machine start?",
            width=6,
            text=(
                "Time since each machine was started. Good is as long ago as the last planned restart; a fall to zero "
                "that nobody planned is a crash: see the kernel's log of before."
            ),
            unit="s",
            queries=(Query(f"time() - max by (instance) (node_boot_time_seconds{{{HOST}}})", "{{instance}}"),),
        ),
    )
