"""The command line: ``retreat-research COMMAND``; each command says more with ``--help``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from . import __version__
from .errors import InputError, RetreatError, must

STOPPED = 130  # exit status after Ctrl-C
CONNECT_SECONDS = 20
DEFAULT_STRATEGIES = ("Fixed(12)", "Stepped()")
EMBEDDED = Path(__file__).resolve().parent.parent / "data" / "synthetic"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Duration of effect and retreatment strategies for botulinum toxin. Research and teaching only.",
)

MappingOption = Annotated[Path | None, typer.Option(help="TOML file that names the columns of one long CSV file.")]
SeedOption = Annotated[int, typer.Option(help="Seed of every random draw.", min=0)]


@app.command()
def study(
    out: Annotated[Path, typer.Option(help="Folder for the report, its tables and figures.")],
    records: Annotated[
        Path | None,
        typer.Option(
            help="Folder with sessions.csv and assessments.csv, or one CSV file with --mapping; "
            "without it, the embedded synthetic clinic."
        ),
    ] = None,
    mapping: MappingOption = None,
    endpoint: Annotated[
        str | None, typer.Option(help="""Such as 'LossOfBenefit("TWSTRS", loss=0.8, response=8)'.""")
    ] = None,
    patients: Annotated[int, typer.Option(help="Synthetic patients.")] = 10_000,
    years: Annotated[float, typer.Option(help="Years of follow-up of the synthetic patients.")] = 10.0,
    seed: SeedOption = 1,
) -> None:
    """From records to a report that compares fixed with stepped intervals."""
    from .records import parse_endpoint, read_records
    from .report import fill, whole_folder
    from .studies import Study

    source = _source(records)
    must(out.resolve() != source.resolve(), "the output folder must not be the folder of the records")
    with whole_folder(out) as folder:
        _say(f"reading {source}")
        study = Study(
            records=read_records(source, mapping=mapping),
            endpoint=None if endpoint is None else parse_endpoint(endpoint),
            patients=patients,
            years=years,
            seed=seed,
        )
        _say("estimating durations, then simulating strategies")
        result = study.run(progress=True)
        _say("writing the report")
        arguments: dict[str, Any] = {
            "command": "study",
            "records": str(records) if records else "embedded",
            "mapping": str(mapping) if mapping else None,
            "endpoint": endpoint,
            "patients": patients,
            "years": years,
            "seed": seed,
        }
        fill(result, folder, arguments=arguments, inputs=[source, *([mapping] if mapping else [])])
        _stop_if_asked()
    typer.echo(f"report: {out / 'report.html'}")


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="Folder with sessions.csv and assessments.csv, or one CSV file.")],
    mapping: MappingOption = None,
) -> None:
    """List every bad cell of records; exit status 1 if there is one."""
    from .records import check_records

    problems = check_records(path, mapping=mapping)
    if problems.empty:
        typer.echo("no problems found")
        return
    typer.echo(problems.to_csv(index=False, lineterminator="\n"), nl=False)
    _say("1 problem" if len(problems) == 1 else f"{len(problems)} problems")
    raise typer.Exit(1)


@app.command()
def synthetic(
    out: Annotated[Path, typer.Option(help="Folder for the synthetic clinic.")],
    seed: SeedOption = 20261123,
) -> None:
    """Write the synthetic clinic of data/synthetic."""
    from .report import whole_folder
    from .synthetic import write_clinic

    with whole_folder(out) as folder:
        write_clinic(folder, seed=seed)
    typer.echo(f"records: {out}")


@app.command()
def validate(
    out: Annotated[
        Path, typer.Option(help="Folder for the tables, figures and summary; unfinished work is kept there.")
    ],
    replicates: Annotated[int, typer.Option(help="Data sets for each scenario.", min=2)] = 1000,
    scenario: Annotated[
        list[str] | None, typer.Option(help="Only this scenario (may be repeated); without it, the 24 declared ones.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="The full factorial of 1,728 scenarios instead.")] = False,
    workers: Annotated[int | None, typer.Option(help="Processes; by default one for each core.", min=1)] = None,
    seed: SeedOption = 1,
) -> None:
    """Estimate durations where the truth is known: bias, standard errors and coverage, each with its Monte Carlo error.

    A run that was stopped goes on where it was when the same command is given again.
    """
    from .report import fill_validation, whole_folder
    from .studies import SCENARIOS, SimulationStudy, factorial, scenarios_named

    among = factorial() if every else SCENARIOS
    _must_not_be_records(out)
    study = SimulationStudy(
        scenarios=scenarios_named(scenario, among) if scenario else among, replicates=replicates, seed=seed
    )
    with whole_folder(out) as folder:
        _say(f"{len(study.scenarios)} scenarios, {replicates:,} replicates each; finished blocks go to {out / 'work'}")
        _kept.append(out / "work")
        result = study.run(out, workers=workers, progress=True)
        _say("writing tables and figures")
        arguments = {
            "command": "validate",
            "replicates": replicates,
            "scenario": scenario,
            "all": every,
            "seed": seed,
        }
        fill_validation(result, folder, arguments=arguments)
        _stop_if_asked()
    typer.echo(f"summary: {out / 'summary.md'}")


@app.command()
def calibrate(
    out: Annotated[Path, typer.Option(help="Folder for the tables, the figure and the summary.")],
) -> None:
    """Fit the response to the published curves of the evidence and show where it does not fit."""
    from .calibration import fit_curves
    from .report import whole_folder
    from .report.calibration import fill_calibration

    _must_not_be_records(out)
    with whole_folder(out) as folder:
        _say("fitting the published curves")
        fit = fit_curves()
        _say("fitting them with the response of the default world")
        default = fit_curves(fixed=fit.defaults)
        _say("writing tables and figure")
        fill_calibration(fit, default, folder, arguments={"command": "calibrate"})
        _stop_if_asked()
    typer.echo(f"summary: {out / 'summary.md'}")


@app.command()
def predict(
    out: Annotated[Path, typer.Option(help="Folder for the table, figure and summary.")],
    trials: Annotated[int, typer.Option(help="Simulated trials of the size of each published one.", min=2)] = 500,
    draws: Annotated[int, typer.Option(help="Worlds drawn from the priors: 0 for none, or 40 or more.", min=0)] = 400,
    seed: SeedOption = 1,
) -> None:
    """Ask the default world for published figures, nothing fitted: what agrees, and what it misses."""
    from .report import fill_predictions, whole_folder
    from .studies import TARGETS, predictions

    _must_not_be_records(out)
    with whole_folder(out) as folder:
        _say(f"{len(TARGETS)} published figures")
        result = predictions(trials=trials, draws=draws, seed=seed, progress=True)
        arguments = {"command": "predict", "trials": trials, "draws": draws, "seed": seed}
        fill_predictions(result, folder, arguments=arguments)
        _stop_if_asked()
    typer.echo(f"summary: {out / 'summary.md'}")


@app.command()
def simulate(
    out: Annotated[
        Path, typer.Option(help="Folder for the summary and the Parquet files; finished parts are kept there.")
    ],
    indication: Annotated[
        list[str] | None, typer.Option(help="Such as glabellar (may be repeated); without it, all seven.")
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(help="Such as 'Stepped(step=2)' (may be repeated); without it, Fixed(12) and Stepped()."),
    ] = None,
    patients: Annotated[int, typer.Option(help="Synthetic patients of each scenario.", min=1)] = 10_000,
    years: Annotated[float, typer.Option(help="Years of follow-up.")] = 10.0,
    seed: SeedOption = 1,
    history: Annotated[bool, typer.Option("--history", help="Keep every visit, as Parquet.")] = False,
    no_patients: Annotated[bool, typer.Option("--no-patients", help="Keep no table of patients, only sums.")] = False,
    workers: Annotated[
        int | None, typer.Option(help="Threads; by default one for each core, or the scheduler's workers.", min=1)
    ] = None,
    scheduler: Annotated[str | None, typer.Option(help="Run on this Dask cluster, tcp://HOST:PORT.")] = None,
    until_mcse: Annotated[
        list[str] | None,
        typer.Option(help="Stop at this Monte Carlo error, such as time_in_benefit=0.001 (may be repeated)."),
    ] = None,
    figures: Annotated[
        bool, typer.Option("--figures", help="Draw each cohort over the years; needs --history and patients.")
    ] = False,
    patient: Annotated[
        list[int] | None, typer.Option(help="With --figures, draw this patient's years too (may be repeated).", min=0)
    ] = None,
) -> None:
    """Simulate strategies on synthetic cohorts: outcomes with their Monte Carlo errors, and the patients behind them.

    A run that was stopped goes on where it was when the same command is given again.
    """
    from .cohort import draw_cohort
    from .products import INDICATIONS
    from .report import whole_folder
    from .report.output import must_be_ours
    from .report.pictures import write_pictures
    from .report.simulation import FILES, fill_simulations
    from .simulation import parse_targets, simulate, whole
    from .strategies.parsing import parse_strategy
    from .world import indication_named

    must(not figures or (history and not no_patients), "--figures needs --history, and cannot go with --no-patients")
    must(figures or not patient, "--patient needs --figures")
    must(max(patient or [0]) < patients, f"--patient must be from 0 to {patients - 1}")
    _must_not_be_records(out)
    must_be_ours(out, FILES)
    names = dict.fromkeys(map(indication_named, indication or INDICATIONS))
    rules = {str(rule): rule for rule in map(parse_strategy, strategy or DEFAULT_STRATEGIES)}
    targets = parse_targets(until_mcse) if until_mcse else None
    arguments = {
        "command": "simulate",
        "indication": list(names),
        "strategy": list(rules),
        "patients": patients,
        "years": years,
        "seed": seed,
        "history": history,
        "no_patients": no_patients,
        "until_mcse": targets,
        "figures": figures,
        "patient": patient or [],
    }
    with whole_folder(out) as folder, _cluster(scheduler) as client:
        _kept.append(out / "data")
        threads = workers if client is not None else workers or os.cpu_count()
        results = []
        for name in names:
            cohort = draw_cohort(patients, indication=name, seed=seed)
            for rule in rules.values():
                _say(f"{name}, {rule}")
                done = simulate(
                    cohort, rule, years=years, seed=seed, history=history, patients=not no_patients,
                    store=out / "data", until_mcse=targets, workers=threads, client=client, progress=True,
                )  # fmt: skip
                results.append(whole(done))
        fill_simulations(results, folder, out=out, arguments=arguments)
        if figures:
            _say("drawing")
            write_pictures(results, folder, patients=patient or ())
        _stop_if_asked()
    for note in dict.fromkeys(note for result in results for note in result.notes):
        _say(f"note: {note}")
    typer.echo(f"summary: {out / 'summary.csv'}")


@app.command()
def compare(
    strategies: Annotated[
        Path, typer.Option(help="TOML or JSON file of a comparison, such as data/strategies/guideline.toml.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the report, its tables and figures; finished draws are kept.")],
    patients: Annotated[int | None, typer.Option(help="Synthetic patients, instead of the file's.", min=2)] = None,
    years: Annotated[float | None, typer.Option(help="Years of follow-up, instead of the file's.")] = None,
    draws: Annotated[
        int | None, typer.Option(help="Worlds drawn from the priors, instead of the file's; 0: none.", min=0)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random draw, instead of the file's.", min=0)] = None,
    workers: Annotated[int | None, typer.Option(help="Threads; by default one for each core.", min=1)] = None,
) -> None:
    """Compare strategies from one file: what each gains over the fixed interval of equal exposure, and how sure that
    is.

    A run that was stopped goes on where it was when the same command is given again.
    """
    from dataclasses import replace

    from .comparison import read_plan
    from .report import fill_comparison, whole_folder

    _must_not_be_records(out)
    must(years is None or 0.5 <= years <= 100, "--years must be from 0.5 to 100")
    plan = read_plan(strategies)
    given: dict[str, Any] = {"patients": patients, "years": years, "draws": draws, "seed": seed}
    plan = replace(plan, **{name: value for name, value in given.items() if value is not None})
    with whole_folder(out) as folder:
        if plan.draws:
            _kept.append(out / "work")
        _say(f"{len(plan.strategies)} strategies, {', '.join(plan.indications)}, {plan.patients:,} patients")
        store = out / "work" if plan.draws else None
        results = plan.run(store=store, workers=workers or os.cpu_count(), progress=True)
        _say("writing the report")
        arguments = {"command": "compare", "strategies": strategies.name, **given}
        fill_comparison(results, folder, arguments=arguments, inputs=[strategies])
        for indication, result in results.items():
            name = indication.replace("'", "").replace(" ", "-")
            table = result.value(plan.preferences).reset_index()
            (folder / f"value_{name}.csv").write_text(table.to_csv(index=False, lineterminator="\n"), encoding="utf-8")
        _stop_if_asked()
    for note in dict.fromkeys(note for result in results.values() for note in result.notes):
        _say(f"note: {note}")
    typer.echo(f"report: {out / 'report.html'}")


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """A client of a Dask cluster, or None without an address."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise InputError("--scheduler needs Dask: install retreat-research with its extra `cluster`") from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {address}: {type(error).__name__}") from None
    with client:
        yield client


def _source(records: Path | None) -> Path:
    if records is None and not EMBEDDED.is_dir():
        raise InputError("the embedded records are not installed; give --records")
    return EMBEDDED if records is None else records


def _must_not_be_records(out: Path) -> None:
    must(out.resolve() != EMBEDDED.resolve(), "the output folder must not be the folder of the embedded records")


def _say(text: str) -> None:
    typer.echo(text, err=True)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


_asked_to_stop: list[int] = []
_kept: list[Path] = []  # where a stopped command goes on when it is given again


def _ask_to_stop(number: int, _: Any) -> None:
    """Raise where Python is; the list remembers, for a library may swallow the exception in a callback of its own."""
    _asked_to_stop.append(number)
    raise KeyboardInterrupt


def _stop_if_asked() -> None:
    if _asked_to_stop:
        raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake gives a message and a status, never a traceback."""
    _asked_to_stop.clear()
    _kept.clear()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ask_to_stop)
    try:
        app(arguments)
    except RetreatError as error:
        _say(f"error: {error}")
        sys.exit(1)
    except OSError as error:
        _say(f"error: {error.strerror or error}")
        sys.exit(1)
    except MemoryError:
        _say("error: not enough memory; try fewer patients")
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == STOPPED:
            kept = f"finished blocks are kept in {_kept[0]}, and the same command goes on from there" if _kept else None
            _say(f"stopped; {kept or 'nothing was written'}")
        raise


if __name__ == "__main__":
    main()
