"""Finished candidates of a search on disk, so that one that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..cohort import Cohort
from ..errors import InputError
from ..simulation.identity import digest_of
from ..simulation.known import SOURCES, source_digest
from .aims import Limit, Objective
from .family import Family
from .racing import row_of


class Notes:
    """Finished candidates on disk, one line each, so that a search can go on."""

    def __init__(self, path: Path | None, found: dict[str, dict[str, Any]]) -> None:
        self.path, self.found = path, found

    @classmethod
    def of(cls, store: str | Path | None, family: Family, cohort: Cohort, years: float, seed: int, aim: Objective,
           limits: Sequence[Limit]) -> Notes:  # fmt: skip
        """Those of this search, told from others by everything that decides about them."""
        if store is None:
            return cls(None, {})
        about = [
            digest_of([family.kind, dict(family.space), dict(family.fixed), cohort.world, aim, list(limits)]),
            str(cohort._address),
            cohort.seed, float(years), seed, source_digest((*SOURCES, "comparison")),
        ]  # fmt: skip
        folder = Path(store)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"`store` cannot be written: {error.strerror}") from None
        path = folder / f"search_{sha256(json.dumps(about).encode()).hexdigest()[:24]}.jsonl"
        found = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                with suppress(ValueError, KeyError, TypeError):  # a line that was cut off is done again
                    one = json.loads(line)
                    found[one["key"]] = {name: one["row"][name] for name in row_of(0, 0, 0, "", "", 0, 0)}
        return cls(path, found)

    def add(self, key: str, row: dict[str, Any]) -> None:
        """Note one candidate."""
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(
                    "\n" * bool(file.tell() and not self._ends_well()) + json.dumps({"key": key, "row": row}) + "\n"
                )

    def _ends_well(self) -> bool:
        assert self.path is not None
        return self.path.read_bytes().endswith(b"\n")
