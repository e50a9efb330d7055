"""Who imports whom, and that importing has no effect. Read from the source, nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = ("trim.py", "pack.py")  # programs of the layer's makefile, and not deployed
LAYERS = sorted(path for path in (ROOT / "layers").rglob("*.py") if path.name not in BUILD)
PACKAGE = ROOT / "layers" / "common" / "testmo_notifier"
ADAPTERS = sorted((PACKAGE / "adapters").glob("*.py"))
FUNCTIONS = sorted((ROOT / "functions").glob("*/app.py"))
ACTS = ("adapters/", "wiring/", "channels/slack/answers.py", "observability.py", "importing.py")
INNER = sorted(p for p in PACKAGE.rglob("*.py") if not p.relative_to(PACKAGE).as_posix().startswith(ACTS))
PACKAGES_ABOVE = {  # what may not be known where: the direction in docs/architecture.md
    "text": (
        *("errors", "config", "ports", "model", "settings", "notices", "channels"),
        *("sources", "polling", "delivery", "adapters", "poll"),
    ),
    "model": ("polling", "sources", "settings", "notices", "channels", "delivery", "adapters", "poll"),
    "notices": ("polling", "sources", "settings", "delivery", "poll"),
    "settings": ("polling", "sources", "delivery", "poll"),
    "sources": ("polling", "settings", "channels", "delivery", "poll"),
    "channels": ("polling", "sources", "delivery", "poll"),
    "delivery": ("polling", "sources", "poll"),
    "polling": ("delivery", "poll"),
}

OUTSIDE = {"boto3", "botocore", "urllib3", "aws_lambda_powertools", "http", "socket", "subprocess", "ssl"}
OUR_CLOCKS_AND_ENVIRONMENT = {"os", "time", "random", "sys"}

# What a module may call while it is imported: makers of constants, and what typing and dataclasses need.
HARMLESS = {
    *("frozenset", "dict", "dict.fromkeys", "tuple", "set", "max", "min", "range", "len"),
    *("dataclass", "field", "TypeVar", "MappingProxyType", "timedelta", "datetime", "datetime.fromtimestamp"),
    *("re.compile", "Path", "Path.resolve", "str.maketrans", "RLock", "itemgetter"),
}
IMPORTING = "quick_imports"  # in which a function imports


def name_of(node: ast.expr) -> str:
    return f"{name_of(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else getattr(node, "id", "?")


def imports(path: Path, *, for_types_too: bool = False) -> Iterator[str]:
    """The modules a file imports; under TYPE_CHECKING only on request."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and name_of(node.test) == "TYPE_CHECKING" and not for_types_too:
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calling(expression: ast.expr) -> str:
    """What this very expression calls."""
    return name_of(expression.func) if isinstance(expression, ast.Call) else ""


def run_on_import(body: list[ast.stmt]) -> Iterator[ast.expr]:
    """The expressions of a module that run while it is imported: everything outside functions."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from statement.decorator_list
            yield from (*statement.args.defaults, *(default for default in statement.args.kw_defaults if default))
        elif isinstance(statement, ast.ClassDef):
            yield from (*statement.decorator_list, *statement.bases)
            yield from run_on_import(statement.body)
        elif isinstance(statement, ast.If) and name_of(statement.test) == "TYPE_CHECKING":
            continue
        elif isinstance(statement, ast.With) and [calling(item.context_expr) for item in statement.items] == [
            IMPORTING
        ]:
            yield from (item.context_expr for item in statement.items)
            yield from run_on_import(statement.body)
        elif isinstance(statement, ast.If | ast.Try | ast.With | ast.For | ast.While):
            raise AssertionError(f"line {statement.lineno}: a decision while importing")
        elif isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign) and statement.value is not None:
            yield statement.value


def calls(expression: ast.expr) -> Iterator[str]:
    """What an expression calls, but for lambdas, which run later."""
    if isinstance(expression, ast.Lambda):
        return
    if isinstance(expression, ast.Call):
        yield name_of(expression.func)
    for child in ast.iter_child_nodes(expression):
        if isinstance(child, ast.expr | ast.keyword | ast.comprehension):
            yield from calls(child)  # type: ignore[arg-type]  # a keyword has children like an expression


def starts_with_one_of(module: str, roots: set[str]) -> bool:
    return any(module == root or module.startswith(f"{root}.") for root in roots)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", INNER, ids=relative)
def test_what_decides_imports_nothing_that_acts(path: Path) -> None:
    """Neither libraries that leave the process, nor our adapters, nor clock, chance or environment."""
    forbidden = OUTSIDE | OUR_CLOCKS_AND_ENVIRONMENT | {"testmo_notifier.adapters", "testmo_notifier.observability"}

    assert [module for module in imports(path) if starts_with_one_of(module, forbidden)] == []


@pytest.mark.parametrize("path", INNER, ids=relative)
def test_a_room_knows_nothing_of_the_rooms_above_it(path: Path) -> None:
    above = {
        f"testmo_notifier.{package}"
        for package in (*PACKAGES_ABOVE.get(path.relative_to(PACKAGE).parts[0], ()), "wiring")
    }

    assert [module for module in imports(path, for_types_too=True) if starts_with_one_of(module, above)] == []


@pytest.mark.parametrize("path", ADAPTERS, ids=relative)
def test_adapters_know_the_nouns_the_errors_the_ports_texts_and_each_other(path: Path) -> None:
    ours = {module for module in imports(path, for_types_too=True) if module.startswith("testmo_notifier.")}
    known = ("model", "errors", "ports", "text", "adapters", "lean", "version")
    allowed = {f"testmo_notifier.{name}" for name in known}

    assert [module for module in ours if not starts_with_one_of(module, allowed)] == []


@pytest.mark.parametrize("path", [*LAYERS, *FUNCTIONS], ids=relative)
def test_what_is_deployed_knows_nothing_of_tools_and_tests(path: Path) -> None:
    modules = imports(path, for_types_too=True)

    assert [module for module in modules if starts_with_one_of(module, {"tools", "tests"})] == []


@pytest.mark.parametrize("path", [*LAYERS, *FUNCTIONS], ids=relative)
def test_importing_has_no_effect(path: Path) -> None:
    """No client, no clock, no environment, no file: constants are all that a module makes."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    made = list(run_on_import(body))
    harmless = HARMLESS | ({IMPORTING} if path in FUNCTIONS else set())
    called = {name for expression in made for name in calls(expression)} - harmless

    assert {name.partition(".")[0] for name in called} <= {*our_own_values(body)}
    assert [node for expression in made for node in ast.walk(expression) if is_environment(node)] == []


def our_own_values(body: list[ast.stmt]) -> Iterator[str]:
    """Our frozen classes and functions, defined here or imported: a constant may be made of them."""
    for statement in body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            yield statement.name
        elif isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("testmo_notifier"):
            yield from (alias.name for alias in statement.names)


def is_environment(node: ast.AST) -> bool:
    """`os.environ`, however it is read."""
    return isinstance(node, ast.Attribute) and node.attr in ("environ", "environb")


@pytest.mark.parametrize("path", LAYERS, ids=relative)
def test_the_one_http_library_stays_in_one_file(path: Path) -> None:
    uses = [module for module in imports(path) if starts_with_one_of(module, {"urllib3", "http", "socket"})]

    assert uses == [] or path.name == "http.py"


# What one poll gathers step by step; everything else is a value that nobody changes.
GATHERING = {
    "Report",
    "HandOver",
    "HoldOrTell",
    "CaseNames",
    "Share",
    "RequestShare",
    "Discovery",
    "Names",
    "Tag",
    "Line",
    "Element",
}


@pytest.mark.parametrize("path", LAYERS, ids=relative)
def test_values_do_not_change_once_they_are_made(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            for options in (one.keywords for one in node.decorator_list if isinstance(one, ast.Call)):
                given = {option.arg: ast.unparse(option.value) for option in options}
                assert given.get("frozen") == (None if node.name in GATHERING else "True"), node.name
                assert given.get("slots", "True") == given.get("kw_only", "True") == "True", node.name
