"""A comparison from one file: what is read, what is refused with its line, and what is run."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retreat_research as rr
from retreat_research.comparison import plan as module
from retreat_research.strategies.actions import PHRASES as ACTIONS
from retreat_research.strategies.actions import SWITCHING
from retreat_research.strategies.conditions import PHRASES as CONDITIONS
from retreat_research.strategies.reading import OF_COMPARISON

FOLDER = Path(__file__).parents[2] / "data" / "strategies"
RULE = '[[strategy]]\nname = "a"\nrule = "Fixed(12)"\n'


def read(tmp_path, text, name="plan.toml"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return rr.read_plan(tmp_path / name)


def problems(tmp_path, text, name="plan.toml"):
    """(line, text) of each problem of a file."""
    with pytest.raises(rr.InputError) as error:
        read(tmp_path, text, name)
    first, *rest = str(error.value).split("\n")
    assert first == f"{name} has {len(rest)} problem{'s' if len(rest) > 1 else ''}:"
    found = [line.removeprefix("  line ").split(": ", 1) for line in rest]
    return [(int(line), message) for line, message in found]


@pytest.mark.parametrize(
    "path", sorted(path for path in FOLDER.iterdir() if path.suffix != ".md"), ids=lambda p: p.name
)
def test_every_example_is_read(path):
    plan = rr.read_plan(path)
    assert rr.read_strategies(path) == plan.strategies
    assert len(plan.strategies) >= 2
    for strategy in plan.strategies.values():
        assert not strategy.oracle
        assert len(strategy.describe()) > 20


def test_the_page_of_the_examples_knows_every_phrase():
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for phrase in (*CONDITIONS, *ACTIONS, SWITCHING, *OF_COMPARISON):
        assert f"`{phrase}`" in page or f"[{phrase}]" in page, phrase


def test_everything_that_can_be_said(tmp_path):
    plan = read(
        tmp_path,
        'indication = ["glabellar", "cervical dystonia"]\nproduct = "abobotulinumtoxinA"\npatients = 300\nyears = 4\n'
        "seed = 7\ndraws = 5\npreferences = [0, 1]\n[world]\nwithin_sd = 0.2\ntest_every = 2\n[costs]\nsession = 100\n"
        f"unit = {{abobotulinumtoxinA = 2.5}}\n{RULE}",
    )
    assert plan.indications == ("glabellar lines", "cervical dystonia")
    assert (plan.product, plan.patients, plan.years, plan.seed, plan.draws) == ("abobotulinumtoxinA", 300, 4.0, 7, 5)
    assert plan.preferences == (0.0, 1.0)
    assert plan.changes == {"within_sd": 0.2, "test_every": 2}
    assert plan.costs == rr.Costs(session=100, unit={"abobotulinumtoxinA": 2.5})
    assert plan.strategies == {"a": rr.Fixed(12)}
    short = read(tmp_path, f'indication = "glabellar"\n{RULE}')
    assert (short.product, short.patients, short.years, short.seed, short.draws) == (
        "onabotulinumtoxinA",
        10_000,
        10,
        1,
        0,
    )
    assert (short.preferences, short.changes, short.costs) == ((0, 0.5, 1), {}, None)


def test_json_says_the_same(tmp_path):
    text = '{"indication": "glabellar", "strategy": [{"name": "a", "rule": "Fixed(12)"}], "world": {"within_sd": 0.2}}'
    assert read(tmp_path, text, "plan.json") == read(
        tmp_path, f'indication = "glabellar"\nworld.within_sd = 0.2\n{RULE}'
    )


def test_running_compares_in_every_indication(tmp_path, monkeypatch):
    plan = read(
        tmp_path,
        'indication = ["glabellar", "cervical"]\npatients = 20\nyears = 3\nseed = 9\ndraws = 2\n'
        f"[world]\nwithin_sd = 0.1\n{RULE}",
    )
    asked = []
    monkeypatch.setattr(module, "compare", lambda *given, **more: asked.append((given, more)) or len(asked))
    assert plan.run(store=tmp_path, workers=2, progress=True) == {"glabellar lines": 1, "cervical dystonia": 2}
    for ((strategies, cohort), more), indication in zip(asked, ("glabellar lines", "cervical dystonia"), strict=True):
        assert strategies == {"a": rr.Fixed(12)}
        assert (cohort.world.indication, len(cohort)) == (indication, 20)
        assert cohort.world == rr.World.default(indication).replace(within_sd=0.1)
        assert more == {
            "years": 3.0, "seed": 9, "draws": 2, "costs": None, "store": tmp_path, "workers": 2, "progress": True,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('product = "Dysport"', "unknown product; did you mean abobotulinumtoxinA"),
        ('product = "rimabotulinumtoxinB"', "no default world for rimabotulinumtoxinB in glabellar lines"),
        ("product = 3", "`product` must be a name"),
        ("patients = 1", "`patients` must be a whole number from 2 to 10,000,000"),
        ("patients = 100.0", "`patients` must be a whole number"),
        ("years = 0", "`years` must be a number from 0.5 to 100"),
        ("years = nan", "`years` must be a number"),
        (f"years = 1{'0' * 400}", "`years` must be a number"),
        ("seed = -1", "`seed` must be a whole number from 0"),
        ("draws = -1", "`draws` must be a whole number from 0"),
        ("draws = true", "`draws` must be a whole number"),
        ("preferences = [0, 1.01]", "`preferences` must be numbers from 0 (smooth) to 1"),
        ("preferences = -0.1", "`preferences` must be numbers from 0 (smooth) to 1"),
        ("preferences = []", "`preferences` must be numbers from 0 (smooth) to 1"),
        ('preferences = ["0"]', "`preferences` must be numbers from 0 (smooth) to 1"),
        ("drwas = 3", "unknown field `drwas`; did you mean draws?; there are strategy, indication"),
        ("world = 3", "`world` must be a table of numbers"),
        ("world.within_sdd = 3", "no parameter is called `within_sdd`, did you mean within_sd?"),
        ("world.within_sd = -1", "`within_sd` must be a number from 0 to 10"),
        ("world.within_sd = 'x'", "`within_sd` must be a number"),
        ("world.indication = 'cervical'", "`indication` is no number of the world"),
        ("world.priors = {}", "`priors` is no number of the world"),
        ("costs = 3", "`costs` has `session`"),
        ("costs.unit = 3", "`costs` has `session`"),
        ("costs = {session = -1}", "`session` must be a number from 0"),
        ("costs = {session = 1, unit = {botox = 1}}", "`unit` names no known product 'botox'"),
        ("costs = {session = 1, units = 1}", "unknown field `units`; did you mean unit?"),
        (f"costs = {{session = 1{'0' * 400}}}", "`session` must be a number from 0"),
    ],
)
def test_what_cannot_be_is_named_with_its_line(tmp_path, line, message):
    ((number, told),) = problems(tmp_path, f'# a comparison\nindication = "glabellar"\n\n{line}\n{RULE}')
    assert number == 4
    assert told.startswith(message)


@pytest.mark.parametrize(
    ("indication", "message"),
    [
        ("", "the `indication` is missing; known are glabellar lines"),
        ('indication = "foot"', "unknown indication; known are glabellar lines"),
        ("indication = 3", "unknown indication"),
        ("indication = []", "`indication` names none"),
        ('indication = ["glabellar", "foot"]', "unknown indication"),
        ('indication = ["glabellar", "glabellar lines"]', "an indication is named twice"),
    ],
)
def test_the_indication_must_be_known(tmp_path, indication, message):
    ((number, told),) = problems(tmp_path, f"{indication}\n{RULE}")
    assert number == 1
    assert told.startswith(message)


def test_strategies_must_be_possible_in_every_indication(tmp_path):
    text = (
        'indication = ["cervical", "glabellar", "forehead"]\n[[strategy]]\nname = "a"\nstart = "12 weeks"\nrule = [\n'
        '  {when = "no response", then = "switch to rimabotulinumtoxinB"},\n]\n'
        "[[strategy]]\nname = \"b\"\nrule = \"Fixed(12).switch_if('no response', 'rimabotulinumtoxinB')\"\n"
    )
    told = problems(tmp_path, text)
    assert [line for line, _ in told] == [5, 10]
    assert all("rimabotulinumtoxinB has no label dose for glabellar lines" in message for _, message in told)


def test_ladders_name_the_line_of_each_rule(tmp_path):
    text = (
        'indication = "cervical"\n[[strategy]]\nname = "a"\nstart = "12 weeks"\nearly = "12 weeks"\nrule = [\n'
        '  {when = "no response", then = "hold"},  # [[strategy]]\n'
        '  {when = "no response again", then = "hold"},\n'
        '  {whn = "tested positive", then = "hold"},\n'
        '  {when = "tested positive"},\n'
        '  {when = "tested positive", then = "extend by 2 weeks, at most 12 weeks"},\n'
        "  3,\n"
        ']\n[[strategy]]\nname = "b"\nrule = """\nFixd(12)\n"""\n[[strategy]]\nrule = "Fixed(12)"\n'
        '[[strategy]]\nname = " a "\nrule = 3\n'
    )
    assert [(line, message.split(";")[0]) for line, message in problems(tmp_path, text)] == [
        (5, '`early` must be written as "from 12 weeks"'),
        (8, "this rule is never reached: the one in line 7 holds first"),
        (9, "unknown field `whn`"),
        (9, 'a rule needs a `when`, such as "tested positive"'),
        (10, 'a rule needs a `then`, such as "extend by 2 weeks"'),
        (11, "this rule is never reached: the one in line 10 holds first"),
        (12, "a rule has `when` and `then`"),
        (16, "unknown strategy `Fixd`"),
        (19, "a strategy needs a `name`"),
        (22, "two strategies are called 'a'"),
        (23, 'a strategy needs a `rule`, such as "Stepped(step=2)", or a ladder of rules'),
    ]


def test_months_are_refused(tmp_path):
    text = 'indication = "cervical"\n[[strategy]]\nname = "a"\nstart = "3 months"\n'
    text += 'rule = [{when = "always", then = "hold"}]'
    assert problems(tmp_path, text) == [(4, '`start` must be written as "12 weeks"; a month is about 4.3 weeks')]


TABLES = ["[[strategy]]", "[[strategy.rule]]", "[world]", "[costs]"]
KEYS = ["name", "rule", "start", "early", "when", "then", "indication", "product", "patients", "within_sd"]
KEYS += ["session", "unit", "median_weeks"]
TEXTS = [
    "a",
    "12 weeks",
    "from 12 weeks",
    "Fixed(12)",
    "always",
    "hold",
    "extend by 2 weeks",
    "switch to placebo",
    "glabellar",
]
VALUES = ["3", "-1", "[]", "{}", "nan", "1979-05-27", "[3, {}]", "true", *(f'"{text}"' for text in TEXTS)]
WORDS = st.sampled_from(TABLES) | st.builds("{} = {}".format, st.sampled_from(KEYS), st.sampled_from(VALUES))


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=10), st.booleans())
def test_any_file_is_read_or_refused(tmp_path_factory, words, begins):
    text = 'indication = "cervical"\n' * begins + "\n".join(words)
    with suppress(rr.InputError):  # nothing else may come
        read(tmp_path_factory.mktemp("any"), text)
