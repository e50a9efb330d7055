"""What it costs is one figure with its parts, and the parts are what the template makes."""

from __future__ import annotations

import json
import re
from typing import Final

from tests.support.template import RESOURCES, ROOT

PAGE: Final = (ROOT / "docs" / "metrics.md").read_text("utf-8").partition("## What it costs")[2].partition("\n## ")[0]
README: Final = (ROOT / "README.md").read_text("utf-8")
ROW: Final = re.compile(
    r"^\| (.+?) \| \*{0,2}(\$[\d.]+|nothing)\*{0,2} \| \*{0,2}(\$[\d.]+|nothing)\*{0,2} \|", re.MULTILINE
)
ALARMS: Final = [one for one in RESOURCES.values() if one["Type"] == "AWS::CloudWatch::Alarm"]


def cents(told: str) -> int:
    return 0 if told == "nothing" else round(float(told.removeprefix("$")) * 100)


def rows() -> dict[str, tuple[int, int]]:
    """Each part with its list price and what is left of it with the free tier, in cents."""
    return {name.strip("*"): (cents(whole), cents(rest)) for name, whole, rest in ROW.findall(PAGE)}


def test_the_parts_make_the_sum() -> None:
    parts = rows()
    told = parts.pop("together")
    assert len(parts) == 8
    assert (sum(whole for whole, _ in parts.values()), sum(rest for _, rest in parts.values())) == told


def test_alarms_cost_what_there_are() -> None:
    without_slack = [one for one in ALARMS if "Slack" not in one.get("Condition", "")]
    name = f"{len(ALARMS)} alarms ({len(without_slack)} without Slack)"
    watched = sum(max(1, json.dumps(one).count('"MetricStat"')) for one in ALARMS)
    assert rows()[name] == (10 * watched, 10 * (watched - 10))


def test_the_readme_tells_the_same_figure_and_its_parts() -> None:
    whole, rest = rows()["together"]
    assert re.search(rf"[Aa]bout \**{round(whole / 100)} dollars a month", README)
    assert re.search(rf"[Aa]bout {round(rest / 100)} in an account that uses nothing else of the\sfree tier", README)
    told = README.partition("## What it costs")[2].partition("free tier")[0]
    parts = re.findall(r"(\d\.\d\d) for", told)
    assert sum(round(float(part) * 100) for part in parts) == whole
    assert f"for {len(ALARMS)} alarms" in told
