"""Outcomes of two default worlds by the base-R twin, for `tests/simulation/test_peers.py`.

    python benchmarks/peers/reference.py      # needs Rscript; writes tests/reference/world.json

The world's numbers are kept beside the outcomes, so that the test builds that very world, whatever the defaults are
then.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from exchange import numbers, printed

import retreat_research as rr

HERE, PATIENTS, YEARS = Path(__file__).parent, 131_072, 10


def main() -> None:
    """Write the file."""
    version = subprocess.run(["Rscript", "-e", "cat(R.version.string)"], capture_output=True, text=True, check=True)
    page: dict[str, object] = {"R": version.stdout, "patients": PATIENTS, "worlds": []}
    for indication in ("glabellar lines", "cervical dystonia"):
        world = rr.World.default(indication)
        entry = {"indication": indication, "product": world.product, "numbers": numbers(world, YEARS)}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "world.json"
            file.write_text(json.dumps(entry["numbers"]))
            for strategy in ("fixed", "stepped"):
                command = ["Rscript", HERE / "world.R", file, strategy, "all", str(PATIENTS), "1"]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                *_, entry[strategy] = printed(done.stdout)
        page["worlds"].append(entry)
    path = HERE.parent.parent / "tests" / "reference" / "world.json"
    path.write_text(json.dumps(page, indent=1) + "\n")


if __name__ == "__main__":
    main()
