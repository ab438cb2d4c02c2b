"""The captured oplog and the copy in another place: how far does each of them lead? Pure."""

from __future__ import annotations

from monitor.catalogue.model import Recovery
from monitor.render.dashboards_model import Panel, Query
from monitor.render.dashboards_style import CAPTURE_S, NONE_WANTED_TICKET, OFFSITE_LAG_S, PLAIN, above

WORKER = 'instance=~"$worker"'
FIRST_BACKUP = "first_backup"
NO_BACKUP = "no backup has been taken yet"
OFFSITE = "offsite_copy"
NO_OFFSITE = "there is no copy in another place"


def copies(recovery: Recovery | None) -> tuple[Panel, ...]:
    """Make the section's panels."""
    interval = None if recovery is None else recovery.full_backup_every.total_seconds()
    return (
        Panel(
            title="Is the oplog captured?",
            text=(
                "Age of the newest write that was captured. Good is below a minute: an idle server writes each ten "
                "seconds by itself. Otherwise the worker's log says why the captures fail."
            ),
            unit="s",
            width=12,
            queries=(Query(f"time() - max(dr_oplog_captured_timestamp_seconds{{{WORKER}}})", "newest write"),),
            steps=CAPTURE_S,
            draw_thresholds=True,
            alerts=("OplogCaptureStalled",),
            empty_until=FIRST_BACKUP,
            nothing=NO_BACKUP,
        ),
        Panel(
            title="How far back is it whole?",
            text=(
                "How long the oplog has been captured without a gap: each second of it can be restored from a backup "
                "in it. Good is as long as the service exists; a fall to zero is a gap, or a restore that somebody did."
            ),
            unit="s",
            width=12,
            queries=(Query(f"max(dr_oplog_window_seconds{{{WORKER}}})", "without a gap"),),
            steps=PLAIN if interval is None else above(interval / 2, warn=interval),
            alerts=("OplogGap",),
            empty_until=FIRST_BACKUP,
            nothing=NO_BACKUP,
        ),
        Panel(
            title="Did the history break?",
            text=(
                "How often in a day the captured history had to begin anew, by reason. Good is zero, but for restores "
                "that somebody did. After a gap take a full backup at once: only from it on can anything be restored."
            ),
            unit="short",
            width=8,
            queries=(Query(f"sum by (reason) (increase(dr_oplog_gaps_total{{{WORKER}}}[1d]))", "{{reason}}"),),
            steps=NONE_WANTED_TICKET,
            alerts=("OplogGap",),
            empty_until=FIRST_BACKUP,
            nothing=NO_BACKUP,
        ),
        Panel(
            title="How far behind is the offsite copy?",
            text=(
                "Between the newest recovery points here and in the other place. Good is a minute or two: the copy "
                "runs each minute. Otherwise see what `monitor backup copy` says."
            ),
            unit="s",
            width=8,
            queries=(Query(f"max(dr_offsite_lag_seconds{{{WORKER}}})", "behind"),),
            steps=OFFSITE_LAG_S,
            draw_thresholds=True,
            alerts=("OffsiteCopyBehind",),
            empty_until=OFFSITE,
            nothing=NO_OFFSITE,
        ),
        Panel(
            title="How many asked to be forgotten?",
            text=(
                "Entries in the signed list of erasures, which each restore ends with. Good is never falling: a list "
                "that is shorter was cut off, and no restore is let through with it."
            ),
            kind="stat",
            unit="none",
            width=8,
            queries=(Query(f"max(dr_erasures{{{WORKER}}})", "erasures"),),
            empty_until="first_erasure",
            nothing="no list of erasures is kept",
        ),
    )
