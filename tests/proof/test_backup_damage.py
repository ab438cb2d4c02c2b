"""A thousand harms to a backup of five megabytes, each by chance: none passes, and nothing sound fails.

The harm of a trial follows from ``SEED`` and its number. What was done is noted in a file (``BACKUP_DAMAGE_LOG``), so
that a run that was broken off goes on where it was.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from monitor import clock
from monitor.backup.keys import Keyset
from monitor.backup.oplog.point import Target
from tests.contract.sabotage_ground import Ground, furnish_with_history, ground

SEED = 20_261_126
TRIALS = 1000
WEIGHTS = {"flip": 45, "truncate": 25, "swap": 15, "wrong-key": 5, "clock-sound": 5, "clock-flip": 5}
LONGEST_JUMP = timedelta(days=3650)
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Trial:
    """What was done to what, and how verification ended."""

    number: int
    kind: str
    target: str
    outcome: str
    codes: tuple[str, ...]
    named: bool
    """Whether a fault names what was harmed, as one who repairs it would look for it."""
    seconds: float


@pytest.fixture(scope="module")
async def sound(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    with ground(tmp_path_factory.mktemp("clinic")) as made:
        chance = Random(SEED)
        made.admin.bulk.more.insert_many([{"_id": n, "text": chance.randbytes(17_000)} for n in range(200)])
        await furnish_with_history(made)
        yield made


def victims(sound: Ground) -> list[Path]:
    """Every file that a restore of the last backup but one to the newest instant reads, and nothing else."""
    backup_id = sound.home.ids()[1]
    base = sound.home.manifest(backup_id).recovery_point
    root = sound.settings.backups
    slices = [path for path in root.glob("oplog/*/*/*.slice") if int(path.name.partition("_")[2][:10]) > base.time]
    return sorted([*(path for path in (root / backup_id).rglob("*") if path.is_file()), *slices])


@contextmanager
def harmed(*files: Path) -> Iterator[None]:
    before = {file: file.read_bytes() for file in files}
    try:
        yield
    finally:
        for file, content in before.items():
            file.write_bytes(content)


@contextmanager
def clock_jumped(by: timedelta) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        now = clock.now
        patch.setattr(clock, "now", lambda: now() + by)
        yield


def flip(file: Path, chance: Random) -> None:
    content = bytearray(file.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def truncate(file: Path, chance: Random) -> None:
    file.write_bytes(file.read_bytes()[: chance.randrange(file.stat().st_size)])


def swap(file: Path, chance: Random, others: list[Path]) -> Path:
    other = chance.choice([one for one in others if one != file and one.read_bytes() != file.read_bytes()])
    mine, theirs = file.read_bytes(), other.read_bytes()
    file.write_bytes(theirs)
    other.write_bytes(mine)
    return other


def run(sound: Ground, number: int, files: list[Path], stranger: Path) -> Trial:
    chance = Random(f"{SEED}-{number}")
    kind = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    target, jump = chance.choice(files), chance.uniform(-1, 1) * LONGEST_JUMP
    begun, other, settings = time.monotonic(), target, sound.settings
    if kind == "wrong-key":
        settings = replace(settings, escrow_keyset_file=stranger)
    with harmed(*files), clock_jumped(jump if kind.startswith("clock") else timedelta(0)):
        if kind.endswith("flip"):
            flip(target, chance)
        elif kind == "truncate":
            truncate(target, chance)
        elif kind == "swap":
            other = swap(target, chance, files)
        verdict = Ground(sound.clinic, sound.admin, settings, sound.store).verify(sound.home.ids()[1], at=Target())
    name = target.relative_to(sound.settings.backups).as_posix()
    codes = tuple(sorted({fault.code for fault in verdict.faults}))
    told = "\n".join(map(str, verdict.faults))
    named = kind in {"wrong-key", "clock-sound"} or target.name in told or other.name in told
    return Trial(number, kind, name, verdict.outcome, codes, named, round(time.monotonic() - begun, 3))


def as_it_should(trial: Trial) -> bool:
    return trial.named and trial.outcome == ("passed" if trial.kind == "clock-sound" else "failed")


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_no_harm_of_a_thousand_passes(sound: Ground, tmp_path: Path) -> None:
    log = Path(os.environ.get("BACKUP_DAMAGE_LOG", ROOT / ".run" / "backup-damage.jsonl"))
    log.parent.mkdir(parents=True, exist_ok=True)
    stranger = tmp_path / "another.json"
    Keyset.create().write(stranger)
    rows = list(map(json.loads, log.read_text().splitlines())) if log.exists() else []
    trials = {row["number"]: Trial(**(row | {"codes": tuple(row["codes"])})) for row in rows}
    files = victims(sound)
    size = sum(file.stat().st_size for file in files)
    assert size > 4_500_000
    with log.open("a") as out:
        for number in sorted(set(range(TRIALS)) - trials.keys()):
            trials[number] = run(sound, number, files, stranger)
            out.write(json.dumps(asdict(trials[number])) + "\n")
            out.flush()
    wrong = [trial for trial in trials.values() if not as_it_should(trial)]
    kinds = Counter(trial.kind for trial in trials.values())
    seconds = sum(trial.seconds for trial in trials.values())
    print(f"{len(trials)} trials on {size / 1e6:.1f} MB in {seconds:.0f} s, {dict(kinds)}: {len(wrong)} wrong")  # noqa: T201
    assert len(trials) == TRIALS
    assert not wrong, wrong[:5]
    assert sound.verify(sound.home.ids()[1], at=Target()).outcome == "passed"
