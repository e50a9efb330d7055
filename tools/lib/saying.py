"""Plain answers and errors, made harmless. Apart from `terminal`, because that takes time to import."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import Final

import click

from testmo_notifier.text.cleaning import printable

OBEYED: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")  # categories that JSON leaves as they are, some of which steer


def say(words: str, *, error: bool = False) -> None:
    """Plain lines, without a style: an answer, or an error."""
    click.echo(printable(words), err=error)


def say_json(content: object) -> None:
    """An answer for programs: the same content, with escapes for what would steer a terminal."""
    if sys.stdout is None:  # it was closed before we began
        return
    text = "".join(map(harmless_in_json, json.dumps(content, indent=2, ensure_ascii=False, default=str)))
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # an old terminal's encoding: a program shall not read `?` for what it lacks
        text = json.dumps(content, indent=2, default=str)
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()  # what cannot be written is said, and at the very end nobody could


def harmless_in_json(char: str) -> str:
    """A character of JSON as it can be printed; only within strings are there such that cannot."""
    if char == "\n" or (char.isascii() and char.isprintable()) or unicodedata.category(char) not in OBEYED:
        return char
    return json.dumps(char)[1:-1]
