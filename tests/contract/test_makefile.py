"""``make install`` on machines that are not fresh: what an interrupted one left behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHOLE = '#!/bin/sh\necho "$@" >>"{log}"\n'
WITHOUT_PIP = "#!/bin/sh\nexit 1\n"


@pytest.mark.parametrize("found", [WITHOUT_PIP, WHOLE, None])
def test_a_venv_whose_making_was_interrupted_is_made_again(found: str | None, tmp_path: Path) -> None:
    venv, log = tmp_path / "venv", tmp_path / "log"
    inside = venv / "bin" / "python"
    if found is not None:
        inside.parent.mkdir(parents=True)
        executable(inside, found.format(log=log))
    # Stands for Python: what it makes is whole.
    outside = executable(tmp_path / "python", f'#!/bin/sh\nmkdir -p {inside.parent} && cp "$0.venv" {inside}\n')
    executable(tmp_path / "python.venv", WHOLE.format(log=log))

    done = subprocess.run(
        ["/usr/bin/make", "install", f"VENV={venv}", f"PYTHON={outside}"],
        cwd=ROOT,
        env={name: text for name, text in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (venv / ".installed").exists()
    assert "-m pip install" in log.read_text(encoding="utf-8")


def executable(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    file.chmod(0o755)
    return file
