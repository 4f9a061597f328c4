"""Whatever stands in the cells, checking lists it or reading accepts it: nothing else is raised, nobody is named."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retreat_research import InputError, RecordsError, check_records, read_records

cells = st.one_of(
    st.sampled_from(
        ["", "0", "-1", "1e400", "2022-01-10", "2022-02-30", "10.01.2022", "placebo", "subject", "FWS", "high"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters='",;\n\r\0'), max_size=8),
)
quickly = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def replaced(data, content):
    """The content with any of its cells, and perhaps a whole column, replaced."""
    rows = [line.split(",") for line in content.splitlines()]
    for _ in range(data.draw(st.integers(1, 5))):
        column = data.draw(st.integers(0, len(rows[0]) - 1))
        whole = data.draw(st.booleans())
        for row in range(1, len(rows)) if whole else [data.draw(st.integers(1, len(rows) - 1))]:
            rows[row][column] = data.draw(cells)
    return "\n".join(",".join(row) for row in rows) + "\n"


def read_or_list(*paths):
    problems, said = None, ""
    try:
        problems = check_records(*paths)
    except InputError as error:
        said = repr(error)
    assert not said.startswith("RecordsError")  # checking lists problems, it does not raise them
    assert "7731" not in said
    if problems is None:
        return
    assert "7731" not in problems.to_csv()
    if problems.empty:
        read_records(*paths).quality()
    else:
        with pytest.raises(RecordsError):
            read_records(*paths)


@quickly
@given(data=st.data())
def test_a_folder(clinic, text, data):
    names = data.draw(st.sets(st.sampled_from(["sessions", "assessments", "antibodies"]), min_size=1))
    read_or_list(clinic(**{name: replaced(data, text[name]) for name in names}))


@quickly
@given(data=st.data())
def test_a_long_file(long_file, text, data):
    read_or_list(*long_file(replaced(data, text["long"])))
