"""docs/deploy.md and the examples in docs/ci name only what exists."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import botocore.session
import pytest
import yaml
from botocore import xform_name

from tests.support.commands import CI, documented, every_command, options, split
from tests.support.template import PARAMETER, ROOT, Loader
from tools.cli import main

ROLES: Final[dict[str, Any]] = yaml.load((CI / "deploy-role.yaml").read_text("utf-8"), Loader)  # noqa: S506 - a SafeLoader
GITHUB: Final[dict[str, Any]] = yaml.safe_load((CI / "github-actions.yml").read_text("utf-8"))
GITLAB: Final[dict[str, Any]] = yaml.safe_load((CI / "gitlab-ci.yml").read_text("utf-8"))
DEPLOY: Final = (ROOT / "docs" / "deploy.md").read_text("utf-8")

# ----- What is written down exists -------------------------------------------------------------------------

# What tests/stack/test_ci.py (deploy) and test_update.py (delete) give to the real one.
SAM_OPTIONS: Final[dict[str, set[str]]] = {
    "build": set(),
    "deploy": {
        "--capabilities", "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar",
        "--no-resolve-s3", "--parameter-overrides", "--region", "--role-arn", "--s3-bucket", "--s3-prefix",
        "--stack-name",
    },
    "delete": {"--no-prompts", "--stack-name"},
}  # fmt: skip
CLI_ONLY: Final = {"query", "output"}  # options of `aws` itself
SHELL: Final = {"export", "read", "printf", "unset", "cd", "git"}


def ids(words: list[str]) -> str:
    return " ".join(words)[:60]


@pytest.mark.parametrize("words", [words for words in every_command() if words[0] == "make"], ids=ids)
def test_a_make_target_exists(words: list[str]) -> None:
    assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("words", [words for words in every_command() if words[0] == "testmo-notifier"], ids=ids)
def test_a_command_of_ours_takes_these_words(words: list[str]) -> None:
    command = main.commands[words[1]]
    command.make_context(words[1], list(words[2:]), resilient_parsing=False)


@pytest.mark.parametrize("words", [words for words in every_command() if words[0] == "sam"], ids=ids)
def test_a_sam_command_has_options_that_the_stack_tests_run_and_parameters_of_the_template(words: list[str]) -> None:
    assert {word for word in words[2:] if word.startswith("--")} <= SAM_OPTIONS[words[1]]
    assert set(overrides(words)) <= set(PARAMETER)


@pytest.mark.parametrize("words", [words for words in every_command() if words[0] == "aws"], ids=ids)
def test_an_aws_command_is_a_call_with_its_parameters(words: list[str]) -> None:
    if words[1:3] == ["cloudformation", "deploy"]:  # no call of its own
        assert set(overrides(words)) <= set(ROLES["Parameters"])
        return
    operation = {xform_name(name, "-"): name for name in service(words[1]).operation_names}[words[2]]
    shape = service(words[1]).operation_model(operation).input_shape
    known = {xform_name(name, "-") for name in (shape.members if shape else {})}
    assert set(options(words)) - CLI_ONLY <= known


def test_the_page_has_no_other_programs() -> None:
    assert {words[0] for words in every_command()} <= {"make", "sam", "aws", "testmo-notifier"} | SHELL


@cache
def service(name: str) -> Any:  # noqa: ANN401 - no types for it
    return botocore.session.get_session().get_service_model(name)


def overrides(words: list[str]) -> dict[str, str]:
    """The parameters that a command sets."""
    if "--parameter-overrides" not in words:
        return {}
    given = words[words.index("--parameter-overrides") + 1 :]
    return dict(word.split("=", 1) for word in given)


@pytest.mark.parametrize("words", [w for w in every_command() if overrides(w) and w[0] == "sam"], ids=ids)
def test_the_example_values_are_ones_that_the_template_takes(words: list[str]) -> None:
    for name, value in overrides(words).items():
        if "$" not in value:
            assert re.search(PARAMETER[name].get("AllowedPattern", ""), value.strip('"')), (name, value)


def test_the_example_values_of_the_roles_are_ones_that_their_template_takes() -> None:
    (words,) = [words for words in documented("From a CI") if words[:3] == ["aws", "cloudformation", "deploy"]]
    for name, value in overrides(words).items():
        assert re.search(ROLES["Parameters"][name].get("AllowedPattern", ""), value), (name, value)


def test_no_secret_is_ever_an_argument() -> None:
    """It would be in the shell's history, and in everybody's list of processes."""
    given = [options(words).get("secret-string") for words in every_command() if words[:2] == ["aws", "secretsmanager"]]
    assert {value for value in given if value} == {"file:///dev/stdin"}


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?://)([^)]+)\)", DEPLOY))
def test_a_link_leads_somewhere(target: str) -> None:
    path, _, anchor = target.partition("#")
    page = (ROOT / "docs" / path).resolve() if path else ROOT / "docs" / "deploy.md"
    assert page.exists()
    if anchor:
        headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", re.findall(r"`(tests/[\w/.]+|docs/[\w/.-]+)`", DEPLOY))
def test_a_file_that_is_named_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_an_error_that_the_page_quotes_is_one_the_template_gives() -> None:
    (rule,) = yaml.load((ROOT / "template.yaml").read_text(), Loader)["Rules"].values()  # noqa: S506 - a SafeLoader
    assert "Give SlackSecretArn or EmailAddress" in DEPLOY
    assert rule["Assertions"][0]["AssertDescription"].startswith("Give SlackSecretArn or EmailAddress")


# ----- The examples ----------------------------------------------------------------------------------------


def test_both_examples_deploy_in_the_same_words() -> None:
    """One of them is run by tests/stack/test_ci.py."""
    steps = [step["run"] for step in GITHUB["jobs"]["deploy"]["steps"] if "run" in step]
    lines = [line for line in GITLAB["deploy"]["script"] if not line.startswith(("export ", "printf "))]
    assert [split(step) for step in steps] == [split(line.partition(" # ")[0]) for line in lines]


@pytest.mark.parametrize("job", GITHUB["jobs"])
def test_actions_of_others_are_pinned_to_a_commit_and_say_which_version_it_is(job: str) -> None:
    used = [step["uses"] for step in GITHUB["jobs"][job]["steps"] if "uses" in step]
    text = (CI / "github-actions.yml").read_text("utf-8")
    for action in used:
        assert re.search(r"@[0-9a-f]{40}$", action)
        assert re.search(rf"{re.escape(action)} # v\d+\.\d+\.\d+$", text, re.MULTILINE)


def test_only_the_deploying_job_gets_a_token_and_two_deploys_do_not_meet() -> None:
    assert GITHUB["permissions"] == {"contents": "read"}
    assert "permissions" not in GITHUB["jobs"]["test"]
    deploy = GITHUB["jobs"]["deploy"]
    assert deploy["permissions"] == {"contents": "read", "id-token": "write"}
    assert deploy["concurrency"]["cancel-in-progress"] is False
    assert deploy["environment"] == "production"
    assert deploy["needs"] == "test"
    assert "id_tokens" not in GITLAB["test"]
    assert GITLAB["deploy"]["id_tokens"] == {"AWS_ID_TOKEN": {"aud": ROLES["Parameters"]["Audience"]["Default"]}}
    assert GITLAB["deploy"]["resource_group"]


def test_the_variables_of_the_examples_are_the_outputs_of_the_roles_and_are_documented() -> None:
    promised = {
        re.findall(r"[A-Z]+(?:_[A-Z]+)+|ARTEFACT_BUCKET", one["Description"])[0] for one in ROLES["Outputs"].values()
    }
    used = set(re.findall(r"vars\.([A-Z_]+)", (CI / "github-actions.yml").read_text("utf-8")))
    assert promised < used
    assert {name for name in used if f"`{name}`" not in DEPLOY} == set()
    assert {name for name in used if name not in (CI / "gitlab-ci.yml").read_text("utf-8")} == set()
    assert "secrets." not in (CI / "github-actions.yml").read_text("utf-8")
