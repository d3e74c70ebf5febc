"""`azdicom.yaml`: defaults for the options of `azdicom serve`, checked by name with the line in every message."""

from pathlib import Path
from typing import Any

import click
import yaml

DEFAULT_NAME = "azdicom.yaml"
MAPPINGS = ("extensions", "quirks")
"""In the file a mapping; on the command line a repeated NAME=VALUE option."""

SECTIONS = ("proxy", "scrub")
"""Blocks of the same file that are other commands' settings."""


def load_config(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """click callback of `--config`: makes the file's values the defaults of the other options.

    Raises click.UsageError: unreadable file, unknown key, value that is no scalar.
    """
    path = value or Path(DEFAULT_NAME)
    if value is None and not path.is_file():
        return None
    ctx.default_map = {**(ctx.default_map or {}), **_defaults(ctx, path)}
    return path


def _defaults(ctx: click.Context, path: Path) -> dict[str, Any]:
    try:
        root = yaml.compose(path.read_text("utf-8"), yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"cannot read {path}: {error}") from None
    except yaml.YAMLError as error:
        raise click.UsageError(f"{path} is not YAML: {error}") from None
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise click.UsageError(f"{path}:{_line(root)}: expected `name: value` lines")
    known = {_key(option): option for option in ctx.command.params if option.name != "config"}
    defaults: dict[str, Any] = {}
    for key, node in root.value:
        if key.value in SECTIONS:
            continue
        option = known.get(str(key.value).replace("_", "-"))
        if option is None:
            raise click.UsageError(
                f"{path}:{_line(key)}: unknown setting '{key.value}'. Known: {', '.join(sorted(known))}"
            )
        defaults[str(option.name)] = _value(path, node, option)
    return defaults


def _key(option: click.Parameter) -> str:
    """What the option is called in the file: its flag without the dashes."""
    return option.name if option.name in MAPPINGS else option.opts[0].removeprefix("--")


def _value(path: Path, node: yaml.Node, option: click.Parameter) -> str | list[str]:
    if option.name in MAPPINGS:
        return _pairs(path, node)
    if not option.multiple:
        return _scalar(path, node)
    return (
        [_scalar(path, item) for item in node.value] if isinstance(node, yaml.SequenceNode) else [_scalar(path, node)]
    )


def _pairs(path: Path, node: yaml.Node) -> list[str]:
    if not isinstance(node, yaml.MappingNode):
        raise click.UsageError(f"{path}:{_line(node)}: expected `name: value` lines")
    return [f"{key.value}={_scalar(path, value)}" for key, value in node.value]


def _scalar(path: Path, node: yaml.Node) -> str:
    # Text as written: YAML's own reading would make `off` a boolean and `43264` a number.
    if not isinstance(node, yaml.ScalarNode):
        raise click.UsageError(f"{path}:{_line(node)}: expected a single value")
    return str(node.value)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
