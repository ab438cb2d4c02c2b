"""The live source as it was at one instant, T: the newest that a majority of its replica set holds.

Read from a secondary by preference, and for no longer than the server keeps the snapshot: what was not read by then is
unknown. Small collections come first, so that this leaves out as few as can be.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bson.timestamp import Timestamp
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from monitor.backup.exact import changes, documents
from monitor.backup.exact.model import Reading
from monitor.backup.model import ClusterTime
from monitor.backup.progress import ShowProgress, quiet
from monitor.errors import Unavailable
from monitor.settings import Settings, read_secret
from monitor.sources import mongodb
from monitor.sources.mongodb import Client

DOING = "reading the source for the exact proof"
MAX_BYTES_PER_SECOND = 50e6
"""Half of what a backup that compresses with zlib reaches (103 MB/s measured): a clinic's 5 GB take 100 s."""
DEFAULT_WINDOW_S = 300
"""MongoDB's ``minSnapshotHistoryWindowInSeconds`` unless it was changed."""
MARGIN = 0.9
"""Of the window: the rest is for the last batch, and for clocks."""


@contextmanager
def opened(settings: Settings) -> Iterator[LiveSource]:
    """Fix T on the member that a long read hurts least.

    Raises:
        Unavailable: nobody answers, or the user may not ask.
        SettingsError: the password's file cannot be read.
    """
    uri = settings.mongodb_uri
    if settings.verify_username:
        username, password = settings.verify_username, read_secret(settings.verify_password_file, "verify_password")
    else:
        username, password = settings.backup_username, read_secret(settings.backup_password_file, "backup_password")
    with mongodb.connect(uri, username, password) as whole_set:
        members = mongodb.find_members(whole_set)
    chosen = mongodb.choose_secondary(members)
    name = chosen.name if chosen is not None else mongodb.primary_name(members)
    if name is None:
        raise Unavailable(f"{DOING}: {mongodb.hosts(uri)} has no primary and no secondary that keeps up now")
    with mongodb.connect_member(uri, name, username, password, bulk=True) as client:
        with mongodb.one_sentence(DOING, name):
            session = client.start_session(snapshot=True)
        with session:
            yield LiveSource(client, session, name)


class LiveSource:
    """A snapshot of the source, as of ``at``.

    Raises:
        Unavailable: the server does not answer, or gives no snapshot.
    """

    def __init__(self, client: Client, session: ClientSession, member: str) -> None:
        self.member = member
        self._client = client
        self._session = session
        with mongodb.one_sentence(DOING, member):
            self._life = _life(client)
            self._until = time.monotonic() + _window(client) * MARGIN
            self.at = _fix_the_instant(client, session)

    def read(self, *, max_bytes_per_second: float = MAX_BYTES_PER_SECOND, progress: ShowProgress = quiet) -> Reading:
        """Read every collection, then what changed meanwhile.

        Raises:
            Unavailable: the server stopped answering, or cannot tell what changed: nothing was proved.
        """
        begun = time.monotonic()
        reader = documents.Reader(
            self._client, self._session, limit=max_bytes_per_second, deadline=self._until, progress=progress
        )
        digests: dict[str, str] = {}
        unread: dict[str, str] = {}
        with mongodb.one_sentence(DOING, self.member):
            sizes, outside = documents.collections(self._client)
            for collection in sizes:
                try:
                    digests[".".join(collection)] = reader.digest(collection, sum(sizes.values()))
                except documents.UnreadError as error:
                    unread[".".join(collection)] = str(error)
            found = self._changes()
        return Reading(
            at=self.at,
            member=self.member,
            digests=digests,
            unread={name: _named(why, name, found) for name, why in unread.items()},
            changes=found,
            outside=outside,
            bytes=reader.bytes,
            seconds=time.monotonic() - begun,
        )

    def _changes(self) -> changes.Changes:
        """What the member that was read says was changed since T: also what a majority does not hold yet."""
        oplog = self._client.local["oplog.rs"]
        at = Timestamp(self.at.time, self.at.increment)
        if oplog.find_one({"ts": {"$lte": at}}, {"ts": 1}, sort=[("$natural", 1)]) is None:
            raise Unavailable(f"{DOING}: the oplog of {self.member} no longer reaches back to where the reading began")
        found = changes.find(oplog.find({"ts": {"$gt": at}, "op": "c"}, sort=[("$natural", 1)]))
        if _life(self._client) != self._life:
            raise Unavailable(f"{DOING}: {self.member} was restarted or rolled back meanwhile: run it again")
        return found


def _fix_the_instant(client: Client, session: ClientSession) -> ClusterTime:
    """Make the session's first read; the server takes the newest instant that a majority holds.

    Raises:
        Unavailable: there is nothing that this user may read.
    """
    for database, name in (documents.SERVERS_OWN, *documents.collections(client)[0]):
        try:
            reply = client[database].command({"find": name, "limit": 1, "singleBatch": True}, session=session)
        except OperationFailure as error:
            if error.code != mongodb.UNAUTHORIZED:
                raise
            continue
        # Of a collection that was dropped this moment it is not told.
        if at := reply["cursor"].get("atClusterTime"):
            return ClusterTime(time=at.time, increment=at.inc)
    raise Unavailable(f"{DOING}: there is no collection that this user may read")


def _window(client: Client) -> float:
    """How long the member keeps a snapshot, in seconds."""
    name = "minSnapshotHistoryWindowInSeconds"
    try:
        return float(client.admin.command({"getParameter": 1, name: 1})[name])
    except OperationFailure:
        # Not told to this user, or not known by that name.
        return DEFAULT_WINDOW_S


def _life(client: Client) -> Any:
    """Something that changes when a member is restarted, or takes back what it had applied."""
    status = client.admin.command("serverStatus")
    return status["pid"], status.get("repl", {}).get("rbid")


def _named(why: str, name: str, found: changes.Changes) -> str:
    """Add to a refusal what the oplog says was done."""
    done = ", ".join(part for part in (found.of(name), found.of_indexes(name)) if part)
    return f"{why} ({done})" if done else why
