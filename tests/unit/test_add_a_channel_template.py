"""The recipe "Add a channel" of CONTRIBUTING.md: its piece of template.yaml, for every choice of channels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.template import ROOT, Loader
from tests.support.toy.template import with_toy

TEXT = with_toy((ROOT / "template.yaml").read_text())
TEMPLATE: dict[str, Any] = yaml.load(TEXT, Loader)  # noqa: S506 - a SafeLoader
CHOICES = [
    {"ToySecretArn": "arn:toy"},
    {"SlackSecretArn": "arn:slack"},
    {"EmailAddress": "qa@example.com"},
    {"SlackSecretArn": "arn:slack", "ToySecretArn": "arn:toy"},
    {"EmailAddress": "qa@example.com", "ToySecretArn": "arn:toy"},
    {"SlackSecretArn": "arn:slack", "EmailAddress": "qa@example.com", "ToySecretArn": "arn:toy"},
]
ABSENT = object()  # what AWS::NoValue leaves


def worked_out(value: Any, given: dict[str, str]) -> Any:  # noqa: ANN401, PLR0911 - one for each function
    """A part of the template, as these parameters make it; what only AWS knows stays as it is."""
    if isinstance(value, list):
        return [one for one in (worked_out(one, given) for one in value) if one is not ABSENT]
    if not isinstance(value, dict):
        return value
    name: str
    of: Any
    name, of = next(iter(value.items())) if len(value) == 1 else ("", None)
    if name == "Ref":
        return ABSENT if of == "AWS::NoValue" else given.get(of, default(of) if of in TEMPLATE["Parameters"] else value)
    if name == "Condition":
        return worked_out(TEMPLATE["Conditions"][of], given)
    if name == "Fn::Equals":
        first, second = worked_out(of, given)
        return first == second
    if name in ("Fn::And", "Fn::Or", "Fn::Not"):
        truths = worked_out(of, given)
        return {"Fn::And": all(truths), "Fn::Or": any(truths), "Fn::Not": not truths[0]}[name]
    if name == "Fn::If":
        return worked_out(of[1] if worked_out({"Condition": of[0]}, given) else of[2], given)
    if name == "Fn::Sub" and isinstance(of, list):
        text, parts = of
        for key, part in parts.items():
            text = text.replace(f"${{{key}}}", str(worked_out(part, given)))
        return text
    made = {key: worked_out(one, given) for key, one in value.items()}
    return {key: one for key, one in made.items() if one is not ABSENT}


def default(parameter: str) -> Any:  # noqa: ANN401 - text or a number
    return TEMPLATE["Parameters"][parameter].get("Default", "given")


def test_the_template_with_the_toy_is_one_that_cloudformation_takes(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEXT)
    ended = subprocess.run(  # noqa: S603 - ours
        [Path(sys.executable).with_name("cfn-lint"), tmp_path / "template.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (0, "")


@pytest.mark.parametrize("given", CHOICES, ids="+".join)
def test_each_choice_of_channels_is_a_stack_that_delivers_them(given: dict[str, str]) -> None:
    is_delivered = bool({"SlackSecretArn", "ToySecretArn"} & given.keys())
    there = {
        name: worked_out(resource.get("Properties", {}), given)
        for name, resource in TEMPLATE["Resources"].items()
        if "Condition" not in resource or worked_out({"Condition": resource["Condition"]}, given)
    }
    asked = {"slack": "SlackSecretArn", "email": "EmailAddress", "toy": "ToySecretArn"}

    channels = there["PollerFunction"]["Environment"]["Variables"]["CHANNELS"]
    assert channels == ",".join([*(name for name, key in asked.items() if key in given), "event"])
    assert ("SlackFunction" in there, "SlackSubscription" in there) == (is_delivered, is_delivered)
    if is_delivered:
        statements = there["SlackRole"]["Policies"][0]["PolicyDocument"]["Statement"]
        secrets = {one["Resource"] for one in statements if one["Action"] == "secretsmanager:GetSecretValue"}
        assert secrets == {given[key] for key in ("SlackSecretArn", "ToySecretArn") if key in given}
        assert set(there["SlackSubscription"]["FilterPolicy"]["channel"]) >= set(channels.split(",")) - {
            "email",
            "event",
        }
    assert all(worked_out(one["Assert"], given) for one in TEMPLATE["Rules"]["SomewhereToSendTo"]["Assertions"])


def test_a_stack_without_any_channel_is_refused() -> None:
    assert not any(worked_out(one["Assert"], {}) for one in TEMPLATE["Rules"]["SomewhereToSendTo"]["Assertions"])


@pytest.mark.parametrize("given", CHOICES, ids="+".join)
def test_nothing_names_what_this_choice_leaves_out(given: dict[str, str]) -> None:
    """A role, a function or an alarm that is there with one channel must not lean on what another one brings."""
    left_out = {
        name
        for name, resource in TEMPLATE["Resources"].items()
        if "Condition" in resource and not worked_out({"Condition": resource["Condition"]}, given)
    }
    there = {name: one for name, one in TEMPLATE["Resources"].items() if name not in left_out}
    named = {one for resource in there.values() for one in references(worked_out(resource, given))}

    assert not named & left_out


def references(value: Any) -> set[str]:  # noqa: ANN401 - any part of the template
    if isinstance(value, list):
        return {name for one in value for name in references(one)}
    if not isinstance(value, dict):
        return set()
    found = {name for one in value.values() for name in references(one)}
    ref, of = value.get("Ref"), value.get("Fn::GetAtt")
    return (
        found | ({ref} if isinstance(ref, str) else set()) | ({str(of).split(".")[0]} if isinstance(of, str) else set())
    )
