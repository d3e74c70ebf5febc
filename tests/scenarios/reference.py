"""`python -m tests.scenarios.reference`: writes the tables of keys and rules into docs/scenarios.md."""

import re
from collections.abc import Callable
from pathlib import Path

from azdicom_scenarios.explaining import kind_in_words
from azdicom_scenarios.expressions import FUNCTIONS
from azdicom_scenarios.findings import RULES
from azdicom_scenarios.loading.schema import OBJECTS
from tests.support.markdown import table

PAGE = Path(__file__).parents[2] / "docs" / "scenarios.md"
BLOCK = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def filled_in() -> str:
    """The page with each `<!-- table: NAME -->` block as the code has it now."""
    return BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]]()}\n{block[3]}", PAGE.read_text("utf-8"))


def keys() -> str:
    """A section for each object of the schema."""
    return "\n\n".join(f"### [{name}]\n\n{shape.title}.\n\n{_keys_of(name)}" for name, shape in OBJECTS.items())


def _keys_of(name: str) -> str:
    shape = OBJECTS[name]
    rows = [
        (
            f"`{key.name}`{' (required)' if key.is_required else ''}",
            kind_in_words(key.kind),
            f"{key.summary}{f' Default: {key.default}.' if key.default else ''}",
        )
        for key in shape.keys
    ]
    if shape.others is not None:
        rows.append(("any other name", kind_in_words(shape.others.value), f"The name is {shape.others.key.summary}."))
    return table(("key", "takes", "meaning"), rows)


def rules() -> str:
    return table(
        ("rule", "level", "finds"), ((f"`{rule}`", str(row.level), row.summary) for rule, row in RULES.items())
    )


def functions() -> str:
    return table(("function", "gives"), ((f"`{name}()`", row.summary) for name, row in FUNCTIONS.items()))


TABLES: dict[str, Callable[[], str]] = {"keys": keys, "rules": rules, "functions": functions}


if __name__ == "__main__":
    PAGE.write_text(filled_in(), "utf-8")
