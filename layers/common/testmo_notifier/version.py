"""Which version runs: it is in the User-Agent that Testmo sees. A test holds it equal to pyproject.toml's."""

from typing import Final

VERSION: Final = "1.10.3"
