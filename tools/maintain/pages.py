"""Pages that people write, and in which some parts are made: those between two marks."""

from __future__ import annotations

from collections.abc import Mapping


def renewed(text: str, parts: Mapping[str, str], made_by: str = "make docs") -> str:
    """The page with each part, by its name, as it is now; raises `ValueError` for one whose marks it lacks."""
    for name, made in parts.items():
        begin, end = (f"<!-- {which}{name}: written by `{made_by}` -->" for which in ("", "end of "))
        before, _, rest = text.partition(f"{begin}\n")
        _, closed, after = rest.partition(end)
        if not closed:
            raise ValueError(f"the page has no lines {begin} and {end}")
        text = f"{before}{begin}\n{made}\n{end}{after}"
    return text
