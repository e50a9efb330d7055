"""`testmo-notifier route`: who would hear of a finding, by which routes, and by which key the others leave it out.

The judgement is the product's own (`notices/audience.py`); here it is asked for every reason, and told in words.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from testmo_notifier.model import (
    AGAIN,
    CHANGED,
    FAILING,
    FINISHED,
    NEW,
    REASONS,
    RECOVERED,
    Expands,
    Mention,
    Result,
    Run,
    Told,
)
from testmo_notifier.notices.audience import Audience
from testmo_notifier.notices.matching import LASTING_KEYS, Fact, Facts, Matcher, result_facts, run_facts
from testmo_notifier.notices.named import status_name
from testmo_notifier.notices.routes import Route, Routes, is_for_people
from testmo_notifier.settings.people import People
from testmo_notifier.text.shortening import one_line
from tools.lib.terminal import Terminal
from tools.ops.times import counted, quoted
from tools.settings.calm_words import calm_words

WIDTH: Final = 100
MAX_NAME_CHARS: Final = 60
MAX_LISTED: Final = 6  # results that are told alike
THINGS: Final[Mapping[str, tuple[str, str]]] = {  # a key in words: what a finding has, and what it lacks
    "project": ("the project is", "the project has no name"),
    "run": ("the run is called", "the run has no name"),
    "milestone": ("the milestone is", "the run has no milestone"),
    "configuration": ("the configuration is", "the run has no configuration"),
    "tag": ("the tags are", "the run has no tags"),
    "status": ("the status is", "the result has no status"),
    "assignee": ("it is assigned to", "nobody knows to whom it is assigned"),
    "tester": ("it was saved by", "nobody knows who saved it"),
    "issue": ("its issues are", "no issue is linked"),
    "test": ("the test is called", "the name of its test is not known yet"),
    "folder": ("it is in the folder", "the folder of its test is not known yet"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A result with what routes may ask about it. `case` says what is known of its case.

    `about` says whether it is failing, or has recovered; of a finished run no result is asked about.
    """

    run: Run
    project: str
    result: Result
    expands: Expands
    case: Facts
    about: str = FAILING


@dataclass(frozen=True, slots=True)
class Choice:
    """What one route makes of a finding, in words."""

    route: str
    is_taken: bool
    why: str
    words: str


@dataclass(frozen=True, slots=True)
class Explained:
    """Everything about one finding: `told` are the reasons by destination, `mentions` the names of who is called.

    `when` has the options of those that are not told of everything at once, in words.
    """

    finding: Finding
    choices: tuple[Choice, ...]
    told: Mapping[str, tuple[str, ...]]
    mentions: tuple[str, ...]
    when: Mapping[str, str] = field(default_factory=dict)

    @property
    def untold(self) -> tuple[str, ...]:
        """The reasons that nobody asks for; programs do not count."""
        told = {one for name, reasons in self.told.items() if is_for_people(name) for one in reasons}
        about = self.finding.about
        asked = REASONS if about == FAILING else (about,)
        return tuple(reason for reason in asked if not any(one.startswith(reason) for one in told))

    @property
    def kind(self) -> tuple[object, ...]:
        """What it has in common with findings that go the same way for the same reasons."""
        return self.finding.run.id, self.finding.about, self.choices, tuple(self.told.items()), self.mentions

    def as_json(self) -> dict[str, object]:
        """Everything, for programs."""
        run, result = self.finding.run, self.finding.result
        return {
            "about": self.finding.about,
            "run": {"id": run.id, "name": run.name, "project": self.finding.project},
            "result": {"id": result.id, "status": status_of(self.finding), "test": name_of(self.finding)},
            "routes": [
                {"route": one.route, "takes": one.is_taken, "why": one.why, "words": one.words} for one in self.choices
            ],
            "destinations": {name: list(reasons) for name, reasons in self.told.items()},
            "when": dict(self.when),
            "mentions": list(self.mentions),
            "told_to_nobody": list(self.untold),
        }


def explain(finding: Finding, routes: Routes, destinations: tuple[str, ...], people: People) -> Explained:
    """Ask the routes about a finding."""
    audience = Audience(routes, destinations, run_facts(finding.run, finding.project))
    if finding.about != FAILING:
        found = Explained(finding, tuple(other_choices(finding, audience)), other_told(finding, audience), ())
    else:
        taken = audience.routings[audience.routing(finding.result, finding.expands, finding.case)].routes
        going = told(finding, audience, taken)
        found = Explained(finding, tuple(choices(finding, audience, taken)), going, called(finding, audience, people))
    words = {name: calm_words(routes.options[name]) for name in found.told if name in routes.options}
    return replace(found, when={name: said for name, said in words.items() if said})


def choices(finding: Finding, audience: Audience, taken: Sequence[Route]) -> Iterator[Choice]:
    """What every route makes of it, in the order of the file; `taken` are those that take it."""
    facts = {**audience.facts, **result_facts(finding.result, finding.expands, finding.case)}
    is_routed = any(not route.catch_all for route in taken)
    for route in audience.routes.routes:
        if not route.takes:
            asks = " and ".join(reason for reason in REASONS if reason in route.notify)
            yield Choice(route.name, is_taken=False, why="notify", words=f"takes no failure: it asks for {asks} alone")
        elif route in taken:
            yield Choice(route.name, is_taken=True, why="", words=f"→ {', '.join(route.destinations)}")
        else:
            refused = None if route.catch_all and is_routed else route.matcher.refusal(facts)
            why = refused or "another route took it"
            yield Choice(route.name, is_taken=False, why=why, words=refusal(route.matcher, why, facts))


def other_choices(finding: Finding, audience: Audience) -> Iterator[Choice]:
    """What every route makes of a recovery, or of the end of a run: whether it asks for that, and whether it is meant.

    What the failing result was (its status, whose, with which issues) a route is not asked once the test has passed.
    """
    facts = {**audience.facts, **result_facts(finding.result, finding.expands, finding.case)}
    for route in audience.routes.routes:
        why = route.matcher.only(LASTING_KEYS).refusal(facts)
        if finding.about not in route.notify:
            yield Choice(route.name, is_taken=False, why="notify", words=f"does not ask for {finding.about}")
        elif why is not None:
            yield Choice(route.name, is_taken=False, why=why, words=refusal(route.matcher, why, facts))
        elif finding.about == FINISHED and route not in audience.of_the_end:
            yield Choice(route.name, is_taken=False, why="another route took it", words="another route took it")
        else:
            where = ", ".join(route.destinations)
            words = f"→ {where}, as far as that was told of the failure" if finding.about == RECOVERED else f"→ {where}"
            yield Choice(route.name, is_taken=True, why="", words=words)


def other_told(finding: Finding, audience: Audience) -> dict[str, tuple[str, ...]]:
    """Each destination that would be told of a recovery or of the end of a run."""
    everywhere = Told(destinations=frozenset(audience.destinations))
    names = audience.for_recovered(finding.case, everywhere) if finding.about == RECOVERED else audience.for_finished()
    return {name: (finding.about,) for name in audience.destinations if name in names}


def refusal(matcher: Matcher, why: str, facts: Facts) -> str:
    """Why a route leaves a finding out: what it wanted, and what there is."""
    table, _, key = why.partition(".")
    if not key:
        return why
    wanted = (matcher.match if table == "match" else matcher.exclude)[key]
    there, absent = THINGS[key]
    # Routes may ask for a case by its id, which is always known; for people it is its name.
    known = " and ".join(in_words(fact) for fact in facts.get(key, ()) if fact.name is not None or key != "test")
    words = f"{there} {known}" if known else absent
    return f"{why}: {words}, {'wanted' if table == 'match' else 'left out:'} {' or '.join(map(quoted, wanted))}"


def in_words(fact: Fact) -> str:
    """A fact by its name, and the id that a route may use as well."""
    if fact.name is None:
        return "nobody (0)" if fact.id == 0 else str(fact.id)
    name = quoted(one_line(fact.name, MAX_NAME_CHARS))
    return name if fact.id is None else f"{name} ({fact.id})"


def told(finding: Finding, audience: Audience, taken: Sequence[Route]) -> dict[str, tuple[str, ...]]:
    """Each destination with the reasons for which it would be told."""
    ways = frozenset(name for route in taken for name in route.destinations)
    known = Told(destinations=ways)
    found: dict[str, dict[str, None]] = {name: {} for name in audience.destinations}
    for reason in (NEW, AGAIN, CHANGED):
        for one in audience.told(taken, reason, None if reason == NEW else known, 0, sure=True):
            found[one.destination][in_a_row(reason, one.destination, taken)] = None
    for name in audience.for_recovered(finding.case, known):
        found[name][RECOVERED] = None
    for name in audience.for_finished():
        found[name][FINISHED] = None
    return {name: tuple(reasons) for name, reasons in found.items() if reasons}


def in_a_row(reason: str, destination: str, taken: Iterable[Route]) -> str:
    """A reason, with how many failures in a row it takes until a destination is told."""
    after = min((one.after for one in taken if destination in one.destinations and NEW in one.notify), default=1)
    return f"{reason} (failure {after} in a row)" if reason == NEW and after > 1 else reason


def called(finding: Finding, audience: Audience, people: People) -> tuple[str, ...]:
    """Whom messages about it would call, each once."""
    number = audience.routing(finding.result, finding.expands, finding.case)
    found = dict.fromkeys(
        mention
        for mentions in audience.mentions(number, finding.result, finding.expands).values()
        for mention in mentions
    )
    return tuple(mention_words(mention, people.slack_id(mention)) for mention in found)


def mention_words(mention: Mention, slack_id: str | None) -> str:
    """Somebody, and who that is in Slack."""
    name = one_line(mention.name, MAX_NAME_CHARS)
    kind = "group " if mention.is_group else ""
    return f"{kind}{name} ({slack_id or 'not in people.toml: named, not called'})"


def status_of(finding: Finding) -> str:
    """The status of a result, as messages have it."""
    return status_name(finding.result.status_id, finding.expands.statuses)


def name_of(finding: Finding) -> str:
    """The test by the name of its case, else by a number."""
    names = [fact.name for fact in finding.case.get("test", ()) if fact.name]
    test_id = finding.result.test_id
    return one_line(names[0], MAX_NAME_CHARS) if names else "of no test" if test_id is None else f"test {test_id}"


def tell(found: Iterable[Explained], terminal: Terminal) -> None:
    """Print what would become of each, those that go the same way together."""
    alike: dict[tuple[object, ...], list[Explained]] = {}
    for one in found:
        alike.setdefault(one.kind, []).append(one)
    for some in alike.values():
        first, run = some[0], some[0].finding.run
        terminal.heading(f'Run {run.id} "{one_line(run.name, MAX_NAME_CHARS)}" of {first.finding.project}', {})
        for line in lines(some):
            terminal.note(line)
        terminal.gap()


def lines(alike: Sequence[Explained]) -> Iterator[str]:
    """Findings that go the same way, as a table."""
    one = alike[0]
    found = list(dict.fromkeys(heading(shown.finding) for shown in alike))
    yield from found[:MAX_LISTED]
    if len(found) > MAX_LISTED:
        yield f"and {counted(len(found) - MAX_LISTED, 'more result')}, routed the same way"
    rows = [(f"{'✓' if choice.is_taken else '✗'} {choice.route}", choice.words) for choice in one.choices]
    for name, reasons in one.told.items():
        rows.append((f"  told {name}", ", ".join(reasons)))
        rows += [("  when", one.when[name])] if name in one.when else []
    rows += [("  mentions", ", ".join(one.mentions))] if one.mentions else []
    rows += [("  told to nobody", ", ".join(one.untold))] if one.untold else []
    width = min(max(len(name) for name, _ in rows), WIDTH // 3)
    for name, words in rows:
        yield from table_row(name, words, width)


def heading(finding: Finding) -> str:
    """What it is about, on one line."""
    if finding.about == FINISHED:
        return "the run is finished"
    return f"result {finding.result.id or 'without an id'}  {status_of(finding)}  {name_of(finding)}"


def table_row(name: str, words: str, width: int) -> Iterator[str]:
    """One row, folded so that it fits."""
    room = WIDTH - 4 - width
    first, *rest = textwrap.wrap(words, room, break_on_hyphens=False) or [""]
    head = name if len(name) <= width else f"{name[: width - 1]}…"
    yield f"{head:<{width}}  {first}"
    yield from (f"{'':<{width}}  {line}" for line in rest)
