"""Rule 20: of many runs every named test is in one line, with others only where they have that in common."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from testmo_notifier.model import Digest, NamedResult
from testmo_notifier.notices.several import Cause, causes, several_view
from testmo_notifier.notices.view import Limits
from tests.support.factories import make_digest, make_named

LIMITS = Limits(results=4, tests=3, runs=3, name_chars=80, note_chars=80)
TESTERS = {None: None, 1: "Ada L.", 2: "Grace H.", 3: "Ada L."}  # two of one name are two
FOLDERS = {None: None, 7: "Payment", 8: "Search", 9: None}

rows = st.builds(
    lambda test_id, status, note, folder_id, tester: make_named(
        None,
        test_id=test_id,
        status=status,
        note=note,
        folder_id=folder_id,
        folder=FOLDERS[folder_id],
        created_by=tester,
        created_by_name=TESTERS[tester],
    ),
    st.sampled_from([None, *range(6)]),
    st.sampled_from(["Failed", "Failed", "Blocked"]),
    st.sampled_from(["", "", "500", "500\nat once", "No device"]),
    st.sampled_from([*FOLDERS]),
    st.sampled_from([*TESTERS]),
)


@st.composite
def digests(draw: st.DrawFn) -> Digest:
    """Several runs of one project or of two that are called the same; the ids of tests are those of a run."""
    runs, projects = draw(st.lists(st.lists(rows, max_size=6), min_size=2, max_size=6)), draw(st.integers(1, 2))
    parts = [
        make_digest(
            (replace(row, id=100 * run + n) for n, row in enumerate(some)),
            run_id=run,
            project_id=1 + run % projects,
            project_name="Shop",
            omitted=run,
        )
        for run, some in enumerate(runs, 1)
    ]
    return make_digest(about="folded", parts=tuple(parts), total=sum(part.total for part in parts))


def firsts(cause: Cause) -> list[NamedResult]:
    return [one.rows[0] for one in cause.tests]


@given(digest=digests(), most=st.integers(0, 12))
def test_every_named_test_is_in_exactly_one_line(digest: Digest, most: int) -> None:
    found = [row.id for cause in causes(digest, most) for one in cause.tests for row in one.rows]
    assert Counter(found) == Counter(row.id for part in digest.parts for row in part.results)


@given(digest=digests(), most=st.integers(0, 12))
def test_tests_share_a_line_only_with_what_it_says_in_common(digest: Digest, most: int) -> None:
    lines = causes(digest, most)
    assert [len(cause.tests) for cause in lines] == sorted((len(cause.tests) for cause in lines), reverse=True)
    for cause in lines:
        rows = firsts(cause)
        assert len({row.status for row in rows}) == 1
        if len(rows) == 1:
            assert cause.words == ""
        elif cause.is_note:
            assert len({row.note for row in rows}) == 1
            assert cause.words == rows[0].note
        elif cause.words.startswith("folder "):
            assert len({(one.part.project_id, one.rows[0].folder_id) for one in cause.tests}) == 1
            where = " (Shop)" if len({part.project_id for part in digest.parts}) > 1 else ""
            assert cause.words == f"folder {FOLDERS[rows[0].folder_id] or rows[0].folder_id}{where}"
        else:
            assert len({row.created_by for row in rows}) == 1
            assert cause.words == f"saved by {TESTERS[rows[0].created_by] or 'somebody'}"
            assert {row.note for row in rows} == {""}


@given(digest=digests(), most=st.integers(0, 12))
def test_equal_notes_are_never_apart(digest: Digest, most: int) -> None:
    noted = [
        key for cause in causes(digest, most) for key in {(row.status, row.note) for row in firsts(cause) if row.note}
    ]
    shared = Counter((row.status, row.note) for cause in causes(digest, most) for row in firsts(cause) if row.note)
    assert all(noted.count(key) == 1 for key, n in shared.items() if n > 1)


@given(digest=digests())
def test_what_is_named_and_what_is_not_is_all_there_is(digest: Digest) -> None:
    view = several_view(digest, LIMITS)
    assert sum(line.rows for line in view.lines) + view.more == view.total
    assert len(view.lines) <= LIMITS.results
