"""What runs in the functions, as a bill of materials (CycloneDX 1.5): the pinned list of the layer, nothing guessed."""

from __future__ import annotations

import json
import re
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PINS: Final = ROOT / "layers" / "common" / "requirements.txt"
PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def components(pins: str) -> Iterator[dict[str, object]]:
    """Each pinned package with the hashes of the files it may be installed from."""
    starts = [match.start() for match in PIN.finditer(pins)]
    for begin, end in zip(starts, [*starts[1:], len(pins)], strict=True):
        block = pins[begin:end]
        name, version = PIN.findall(block)[0]
        purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
        hashes = [{"alg": "SHA-256", "content": found} for found in re.findall(r"sha256:([0-9a-f]{64})", block)]
        yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "hashes": hashes}


def sbom(pins: str, version: str) -> dict[str, object]:
    """The document; the same pins give the same bytes."""
    listed = list(components(pins))
    purl = f"pkg:generic/testmo-notifier@{version}"
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([purl, listed]))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": purl, "name": "testmo-notifier", "version": version, "purl": purl,
            },
        },
        "components": listed,
        "dependencies": [{"ref": purl, "dependsOn": [component["bom-ref"] for component in listed]}],
    }  # fmt: skip


def main() -> None:
    """Print it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    print(json.dumps(sbom(PINS.read_text(), version), indent=2))  # noqa: T201 - its output is the document


if __name__ == "__main__":
    main()
