"""The tables of the worklist's pages, made from those that the server reads."""

from collections.abc import Mapping

from azdicom_emulator.storage.worklist import WorkitemState
from azdicom_emulator.storage.worklist_attributes import SEARCH_ATTRIBUTES
from azdicom_emulator.worklist.requirement_tables import FINAL_STATE, MACROS, MODULES
from azdicom_emulator.worklist.requirements import CODES, Rule, written
from azdicom_emulator.worklist.state_machine import STATES, TRANSITIONS, Action, Outcome
from tests.support.markdown import table

TAG_EXAMPLE = "(gggg,eeee)"
CREATE_AND_UPDATE = ("tag", "attribute", "create", "update")


def states() -> str:
    rows = (
        (_asked(action), _match(action, matches=matches), *map(_outcome, outcomes))
        for (action, matches), outcomes in TRANSITIONS.items()
    )
    return table(("asked for", "Transaction UID", *STATES), rows)


def search() -> str:
    rows = (
        (f"`{each.name}`", " in ".join(written(tag) for tag in reversed(each.path)), each.vr)
        for each in SEARCH_ATTRIBUTES.values()
    )
    return table(("parameter", "tag", "VR"), rows)


def codes() -> str:
    by_rule: dict[Rule, list[str]] = {}
    for code, rule in CODES.items():
        by_rule.setdefault(rule, []).append(code)
    rows = (
        (", ".join(names), *map(_text, (rule.missing, rule.empty, rule.blank, rule.filled)))
        for rule, names in by_rule.items()
    )
    return table(("code", "missing", "empty", "blank", "with a value"), rows)


def modules() -> str:
    return _sections(MODULES, "module") + "\n\n" + _sections(MACROS, "macro")


def final_states() -> str:
    return table(("tag", "attribute", "needed for"), map(_row, FINAL_STATE.strip().splitlines()))


def _sections(tables: Mapping[str, str], kind: str) -> str:
    return "\n\n".join(
        f"## {name} {kind}\n\n{table(CREATE_AND_UPDATE, map(_row, text.strip().splitlines()))}"
        for name, text in tables.items()
    )


def _row(line: str) -> tuple[str, ...]:
    if line.startswith("include "):
        return "", f"as {line.removeprefix('include ')}", "", ""
    depth = line.count(">")
    tag, keyword, *codes = line.replace("> ", "").split()
    macro = f", items: {codes.pop()[1:-1]}" if codes[-1].startswith("[") else ""
    return written(tag), f"{'> ' * depth}{keyword}{macro}", *codes


def _asked(action: Action) -> str:
    return "a request to cancel" if action is Action.REQUEST_CANCEL else f"{action}"


def _match(action: Action, *, matches: bool) -> str:
    if action is Action.REQUEST_CANCEL:
        return "none"
    return "matches" if matches else "does not match"


def _outcome(outcome: Outcome) -> str:
    return f"→ {outcome}" if isinstance(outcome, WorkitemState) else f"{outcome}"


def _text(message: str | None) -> str:
    return "ok" if message is None else message.format(tag=TAG_EXAMPLE)
