from __future__ import annotations

from tools.sbom import PINS, components, sbom

PINNED = """\
# a comment
Jinja2==3.1.6 \\
    --hash=sha256:{a} \\
    --hash=sha256:{b}
    # via -r requirements.in
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:{b}
""".format(a="a" * 64, b="b" * 64)


def test_every_pin_is_a_component_with_its_version_and_hashes() -> None:
    jinja, colorama = components(PINNED)
    assert (jinja["name"], jinja["version"], jinja["purl"]) == ("Jinja2", "3.1.6", "pkg:pypi/jinja2@3.1.6")
    assert jinja["hashes"] == [{"alg": "SHA-256", "content": letter * 64} for letter in "ab"]
    assert colorama["purl"] == "pkg:pypi/colorama@0.4.6"


def test_the_layer_is_listed_completely() -> None:
    """Our own list is the whole truth: the layer is built from it with --require-hashes."""
    pins = PINS.read_text()
    listed = list(components(pins))
    assert len(listed) == pins.count("==") - pins.count(" == ")
    assert {"boto3", "urllib3", "jinja2", "aws-lambda-powertools"} <= {str(found["name"]).lower() for found in listed}


def test_the_same_pins_give_the_same_document() -> None:
    assert sbom(PINNED, "1.0") == sbom(PINNED, "1.0")
    assert sbom(PINNED, "1.0")["serialNumber"] != sbom(PINNED, "1.1")["serialNumber"]
