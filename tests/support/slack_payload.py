"""A Slack message taken apart: what stands at its top, and the lines in its coloured attachment."""

from __future__ import annotations

from typing import Any


def top(payload: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    """The blocks above the attachment."""
    found: list[dict[str, Any]] = payload["blocks"]
    return found


def details(payload: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    """The blocks beside the colour bar."""
    (attachment,) = payload["attachments"]
    found: list[dict[str, Any]] = attachment["blocks"]
    return found


def line(payload: Any, number: int = 0) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """One of them."""
    return details(payload)[number]


def words(payload: Any, number: int = 0) -> str:  # noqa: ANN401 - JSON
    """The text of one that is mrkdwn."""
    block = line(payload, number)
    text = block["text"] if "text" in block else block["elements"][0]
    return str(text["text"])
