"""Takes out of the built layer what no function reads, and what every cold start would read all the same.

    python3 trim.py LAYER SERVICE...

Files are written anew and never in place: an installer may have linked them to its cache.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

# boto3 imports all of s3transfer, and through it multiprocessing, for the sake of this one class.
S3TRANSFER = '''"""Stands in for s3transfer, of which boto3 wants this one name: nothing here moves files to S3."""


class TransferConfig:
    """As boto3 knows it."""
'''
# urllib3 asks at its start how to find out which version h2 would have, if it were there: importlib.metadata, zipfile …
HTTP2 = '"""Without HTTP/2: it would need the package h2, which is not in this layer."""\n'


def trim_endpoints(file: Path, services: set[str]) -> None:
    """Keep the end points of these services, in every partition and Region."""
    endpoints = json.loads(file.read_text("utf-8"))
    for partition in endpoints["partitions"]:
        partition["services"] = {name: at for name, at in partition["services"].items() if name in services}
    file.unlink()
    file.write_text(json.dumps(endpoints, separators=(",", ":")), "utf-8")


def correct_record(record: Path, layer: Path) -> None:
    """List only what is there. A program's hash is of its first line, too: the path of whatever Python installed it."""
    lines = [line for line in record.read_text().splitlines() if (layer / line.partition(",")[0]).exists()]
    record.unlink()
    record.write_text("\n".join(lines) + "\n")


def replace(package: Path, modules: dict[str, str]) -> None:
    """Put these modules where a package was."""
    shutil.rmtree(package)
    package.mkdir()
    for name, text in modules.items():
        (package / name).write_text(text)


if __name__ == "__main__":
    LAYER = Path(sys.argv[1])
    trim_endpoints(LAYER / "botocore" / "data" / "endpoints.json", set(sys.argv[2:]))
    replace(LAYER / "s3transfer", {"__init__.py": "", "manager.py": S3TRANSFER})
    probe = (LAYER / "urllib3" / "http2" / "probe.py").read_text()
    replace(LAYER / "urllib3" / "http2", {"__init__.py": HTTP2, "probe.py": probe})
    for found in LAYER.glob("*.dist-info/RECORD"):
        correct_record(found, LAYER)
