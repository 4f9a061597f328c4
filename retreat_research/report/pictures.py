"""Pictures of simulated scenarios: each cohort under its strategies, and some patients' years."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .. import plots
from ..plots.patient import HEIGHTS
from ..simulation import Simulation


def write_pictures(results: Sequence[Simulation], folder: Path, *, patients: Sequence[int] = ()) -> list[str]:
    """Write ``cohort_INDICATION.png`` and, if patients are named, ``patients_INDICATION_STRATEGY.png``.

    Parameters
    ----------
    results : sequence of Simulation
        With history.
    folder : Path
        There already.
    patients : sequence of int
        Addresses, drawn side by side.

    Returns
    -------
    list of str
        Names of the files.

    Raises
    ------
    InputError
        If there is no history, or a patient is not in a cohort.
    """
    import matplotlib.pyplot as plt

    cohorts: dict[str, dict[str, Simulation]] = {}
    for result in results:
        cohorts.setdefault(result.cohort.world.indication, {})[str(result.strategy)] = result
    files = []
    with plots.theme():
        for indication, several in cohorts.items():
            name = f"cohort_{_in_file_name(indication)}.png"
            _save(plots.plot_cohort(several)[0, 0].figure, folder / name)
            files.append(name)
        seen: Counter[str] = Counter()
        for result in results if patients else ():
            kind = f"{_in_file_name(result.cohort.world.indication)}_{type(result.strategy).__name__.lower()}"
            seen[kind] += 1
            name = f"patients_{kind}{f'_{seen[kind]}' if seen[kind] > 1 else ''}.png"
            figure, axes = plt.subplots(
                len(HEIGHTS), len(patients), figsize=(1.5 + 5.5 * len(patients), 9.5), sharex=True, squeeze=False,
                layout="constrained", gridspec_kw={"height_ratios": list(HEIGHTS.values())},
            )  # fmt: skip
            for patient, column in zip(patients, axes.T, strict=True):
                plots.plot_patient(result, patient, column)
            _save(figure, folder / name)
            files.append(name)
    return files


def _in_file_name(indication: str) -> str:
    return indication.replace("'", "").replace(" ", "-")


def _save(figure, path: Path) -> None:  # type: ignore[no-untyped-def]
    import matplotlib.pyplot as plt

    figure.savefig(path, metadata={"Software": None}, dpi=100)
    plt.close(figure)
