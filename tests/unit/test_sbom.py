"""`make sbom`: CycloneDX's own tool on the pinned list of the layer."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.support.template import ROOT
from tools.lib.version import version

MAKE = shutil.which("make") or "make"
PINS = (ROOT / "layers" / "common" / "requirements.txt").read_text("utf-8")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    recipe = subprocess.run(  # noqa: S603 - our own
        [MAKE, "--no-print-directory", "--dry-run", "--assume-old=setup", "sbom"],
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"},  # under `make test` it would tell of its folders
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    command = recipe[recipe.index(".venv-sbom/bin/") :].replace("\\\n", " ").split()
    written = command.index("--output-file") + 1
    assert command[written] == "sbom.json"
    command[written] = "-"
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)  # noqa: S603 - the recipe
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def test_every_pinned_package_is_listed_with_its_version_and_hashes(document: dict[str, Any]) -> None:
    pinned = dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", PINS, re.MULTILINE))
    assert {"boto3", "urllib3", "jinja2", "aws-lambda-powertools"} <= pinned.keys()
    assert {one["name"]: one["version"] for one in document["components"]} == pinned
    for one in document["components"]:
        hashes = {h["content"] for reference in one["externalReferences"] for h in reference["hashes"]}
        assert hashes, one["name"]
        assert all(f"sha256:{found}" in PINS for found in hashes)


def test_it_says_what_it_is_about_and_is_the_same_every_time(document: dict[str, Any]) -> None:
    about = document["metadata"]["component"]
    assert (document["bomFormat"], about["name"], about["version"]) == ("CycloneDX", "testmo-notifier", version())
    assert "timestamp" not in document["metadata"]
    assert "serialNumber" not in document
