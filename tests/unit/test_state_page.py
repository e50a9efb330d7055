"""docs/state.md describes every attribute that is stored, as it is stored, and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from html import unescape
from typing import Any

import pytest

from testmo_notifier.adapters import items
from testmo_notifier.adapters.held import due_item, held_item
from testmo_notifier.model import (
    CaseProgress,
    Counters,
    Digest,
    Issue,
    Kind,
    MailCheck,
    NamedResult,
    ProjectState,
    Resume,
    Silenced,
)
from tests.support.factories import START, make_checkpoint, make_held
from tests.support.stored import Item, everything_stored, kind_of, left_at_their_defaults, readable
from tests.support.template import ROOT

PAGE = (ROOT / "docs" / "state.md").read_text("utf-8")
SECTIONS = {unescape(text.partition("\n")[0]): text for text in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]}
STORED = everything_stored()
BY_THE_CLOCK = {"DELIVERY#<destination> / slack#<hash>": ("expires_at", "in_progress_expiration")}  # Powertools' own


def described(section: str) -> set[str]:
    """The attributes in the first column of a section's first table."""
    table = section.partition("| attribute |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_the_items_that_are_compared_have_every_attribute_there_can_be() -> None:
    assert left_at_their_defaults() == [], (
        "give these a value in tests/support/stored.py, and describe them in docs/state.md"
    )


def test_every_kind_of_item_has_its_section() -> None:
    assert {kind_of(item) for item in STORED} == {name for name in SECTIONS if " / " in name}


@pytest.mark.parametrize("item", STORED, ids=kind_of)
def test_an_attribute_that_is_stored_is_described_and_one_that_is_described_is_stored(item: Item) -> None:
    assert described(SECTIONS[kind_of(item)]) == item.keys()


@pytest.mark.parametrize("item", STORED, ids=kind_of)
def test_the_example_is_what_is_stored(item: Item) -> None:
    section = SECTIONS[kind_of(item)]
    example: dict[str, Any] = json.loads(section.partition("```json\n")[2].partition("```")[0])
    skipped = BY_THE_CLOCK.get(kind_of(item), ())

    assert {name: value for name, value in example.items() if name not in skipped} == {
        name: value for name, value in readable(item).items() if name not in skipped
    }
    assert example.keys() == item.keys()


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        ("RUN#<run> / CHECKPOINT", items.checkpoint_item(make_checkpoint())),
        ("PROJECT#<project> / STATE", items.project_item(ProjectState(3, START))),
        ("CASES#<project> / PROGRESS", items.progress_item(3, CaseProgress())),
        ("CASES#<project> / <bucket>", items.bucket_item(3, 0, {})),
        ("RUN#<run> / HELD#<destination>#<cause>", held_item(make_held())),
        ("HELD#<due> / <run>#<destination>#<cause>", due_item(make_held().key)),
    ],
)
def test_what_is_always_there_is_there_in_the_emptiest_item(kind: str, item: Item) -> None:
    always = re.findall(r"^\| `(\w+)` \|[^|]*always there", SECTIONS[kind], re.MULTILINE)

    assert {"pk", "sk", *always} == item.keys()


@pytest.mark.parametrize("noun", [Digest, Counters, NamedResult, Issue, Resume, Silenced])
def test_every_field_inside_a_checkpoint_is_described(noun: type[Any]) -> None:
    named = set(re.findall(r"`(?:digests\[\]\.)?(?:results\[\]\.)?(\w+)(?:\[\])?`", SECTIONS["RUN#<run> / CHECKPOINT"]))

    assert {field.name for field in fields(noun)} - named - {"counters", "results", "issues"} == set()


def test_every_field_of_a_kind_is_described() -> None:
    row = re.search(r"^\| `news` .*$", SECTIONS["RUN#<run> / HELD#<destination>#<cause>"], re.MULTILINE)

    assert {field.name for field in fields(Kind)} - set(re.findall(r"`(\w+)`", row[0] if row else "")) == set()


def test_every_field_of_a_look_at_the_mailboxes_is_described() -> None:
    row = re.search(r"^\| `mail` .*$", SECTIONS["CONTROL / POLLER"], re.MULTILINE)

    assert {field.name for field in fields(MailCheck)} - set(re.findall(r"`(\w+)`", row[0] if row else "")) == set()
