"""The network's families, by node_exporter's names, types and labels."""

from __future__ import annotations

from exporters.host.families import node
from telemetry.metric import Metric

DEVICE: tuple[tuple[int, Metric], ...] = tuple(
    (column, node(name, f"{text}.", "device", source=f"/proc/net/dev column {column + 1}"))
    for column, name, text in (
        (0, "node_network_receive_bytes_total", "Bytes received"),
        (1, "node_network_receive_packets_total", "Packets received"),
        (2, "node_network_receive_errs_total", "Receive errors"),
        (3, "node_network_receive_drop_total", "Packets dropped on their way in"),
        (4, "node_network_receive_fifo_total", "Packets lost because the device's buffer was full"),
        (8, "node_network_transmit_bytes_total", "Bytes sent"),
        (9, "node_network_transmit_packets_total", "Packets sent"),
        (10, "node_network_transmit_errs_total", "Send errors"),
        (11, "node_network_transmit_drop_total", "Packets dropped on their way out"),
        (12, "node_network_transmit_fifo_total", "Packets not sent because the device's buffer was full"),
        (14, "node_network_transmit_carrier_total", "Packets lost because the link was gone"),
    )
)
"""Column of /proc/net/dev behind the colon, and the family."""

_LINK = "/sys/class/net/*/"
UP = node("node_network_up", "Whether the interface is up (operstate).", "device", source=_LINK + "operstate")
CARRIER = node("node_network_carrier", "Whether there is a link.", "device", source=_LINK + "carrier")
SPEED = node(
    "node_network_speed_bytes",
    "Bytes per second that the link can carry; looked up once a minute.",
    "device",
    source=_LINK + "speed",
)

NETSTAT = {
    protocol: {
        field: node(f"node_netstat_{protocol}_{field}", f"{text}.", kind="unknown", source=f"{file} {protocol} {field}")
        for field, text in fields
    }
    for protocol, file, fields in (
        (
            "Tcp",
            "/proc/net/snmp",
            (
                ("ActiveOpens", "Connections opened from here; a counter"),
                ("PassiveOpens", "Connections accepted; a counter"),
                ("CurrEstab", "Connections that are open now"),
                ("InSegs", "Segments received; a counter"),
                ("OutSegs", "Segments sent; a counter"),
                ("RetransSegs", "Segments sent again because nobody acknowledged them; a counter"),
                ("InErrs", "Segments received broken; a counter"),
                ("OutRsts", "Resets sent; a counter"),
            ),
        ),
        (
            "Udp",
            "/proc/net/snmp",
            (
                ("InDatagrams", "Datagrams received; a counter"),
                ("OutDatagrams", "Datagrams sent; a counter"),
                ("NoPorts", "Datagrams for a port at which nobody listens; a counter"),
                ("InErrors", "Datagrams received and not delivered; a counter"),
                ("RcvbufErrors", "Datagrams lost because a receive buffer was full; a counter"),
                ("SndbufErrors", "Datagrams lost because a send buffer was full; a counter"),
            ),
        ),
        (
            "TcpExt",
            "/proc/net/netstat",
            (
                ("ListenOverflows", "Connections lost because an accept queue was full; a counter"),
                ("ListenDrops", "Connections lost at a listening socket, for any reason; a counter"),
                ("SyncookiesSent", "SYN cookies sent: a queue of half-open connections was full; a counter"),
                ("TCPSynRetrans", "SYNs sent again; a counter"),
                ("TCPTimeouts", "Retransmission timeouts; a counter"),
            ),
        ),
        (
            "IpExt",
            "/proc/net/netstat",
            (("InOctets", "Bytes received by IP; a counter"), ("OutOctets", "Bytes sent by IP; a counter")),
        ),
    )
}

_SOCKSTAT = "/proc/net/sockstat"
SOCKSTAT = {
    (protocol, field): node(
        f"node_sockstat_{protocol}_{field}",
        f"{text}.",
        source=f"{_SOCKSTAT}{'6' if protocol.endswith('6') else ''} {protocol} {field}",
    )
    for protocol, field, text in (
        ("sockets", "used", "Sockets of all kinds"),
        ("TCP", "inuse", "TCP sockets in use"),
        ("TCP6", "inuse", "TCP sockets in use, IPv6"),
        ("TCP", "orphan", "TCP connections that no process holds any more"),
        ("TCP", "tw", "TCP connections in TIME_WAIT"),
        ("TCP", "alloc", "TCP sockets that exist, in any state"),
        ("TCP", "mem", "Memory of TCP's buffers, in pages"),
        ("UDP", "inuse", "UDP sockets in use"),
        ("UDP6", "inuse", "UDP sockets in use, IPv6"),
        ("UDP", "mem", "Memory of UDP's buffers, in pages"),
    )
}
SOCKSTAT_BYTES = {
    protocol: node(
        f"node_sockstat_{protocol}_mem_bytes", f"Memory of {protocol}'s buffers.", source=f"{_SOCKSTAT} {protocol} mem"
    )
    for protocol in ("TCP", "UDP")
}

CONNTRACK = {
    f"sys/net/netfilter/nf_conntrack_{file}": node(name, text, source=f"/proc/sys/net/netfilter/nf_conntrack_{file}")
    for file, name, text in (
        ("count", "node_nf_conntrack_entries", "Connections that the firewall keeps track of."),
        ("max", "node_nf_conntrack_entries_limit", "The most that it keeps; at the limit new connections are dropped."),
    )
}
CONNTRACK_STAT = {
    field: node(f"node_nf_conntrack_stat_{field}", text, source=f"/proc/net/stat/nf_conntrack {field}")
    for field, text in (
        ("drop", "Packets dropped because their connection could not be entered; counts up."),
        ("early_drop", "Entries removed to make room for new ones; counts up."),
        ("insert_failed", "Entries that could not be made; counts up."),
    )
}
ARP = node("node_arp_entries", "Neighbours known on this network.", "device", source="/proc/net/arp")
SOFTNET: tuple[tuple[int, Metric], ...] = tuple(
    (column, node(name, text, "cpu", source=f"/proc/net/softnet_stat column {column + 1}"))
    for column, name, text in (
        (0, "node_softnet_processed_total", "Packets that this processor took from the network."),
        (1, "node_softnet_dropped_total", "Packets dropped because this processor's queue was full."),
        (2, "node_softnet_times_squeezed_total", "Times that this processor had to leave packets for later."),
    )
)

METRICS: tuple[Metric, ...] = (
    *(metric for _, metric in DEVICE),
    UP,
    CARRIER,
    SPEED,
    *(metric for fields in NETSTAT.values() for metric in fields.values()),
    *SOCKSTAT.values(),
    *SOCKSTAT_BYTES.values(),
    *CONNTRACK.values(),
    *CONNTRACK_STAT.values(),
    ARP,
    *(metric for _, metric in SOFTNET),
)
