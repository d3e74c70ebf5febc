"""The `proxy:` block of `azdicom.yaml`: defaults for the options of `proxy`, `record` and `replay`."""

from pathlib import Path

import click
import yaml

DEFAULT_NAME = Path("azdicom.yaml")
BLOCK = "proxy"


def load_section(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """click callback of `--config`: makes the block's values the defaults of the options that the command has.

    Raises click.UsageError: unreadable file, unknown key, value that is neither a scalar nor a list of them.
    """
    path = value or DEFAULT_NAME
    if value is None and not path.is_file():
        return None
    block = _block(path)
    if block is not None:
        ctx.default_map = {**(ctx.default_map or {}), **_defaults(ctx, path, block)}
    return path


def _block(path: Path) -> yaml.MappingNode | None:
    try:
        root = yaml.compose(path.read_text("utf-8"), yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"cannot read {path}: {error}") from None
    except yaml.YAMLError as error:
        raise click.UsageError(f"{path} is not YAML: {error}") from None
    for key, node in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == BLOCK:
            if not isinstance(node, yaml.MappingNode):
                raise click.UsageError(f"{path}:{_line(node)}: expected `name: value` lines")
            return node
    return None


def _defaults(ctx: click.Context, path: Path, block: yaml.MappingNode) -> dict[str, str | list[str]]:
    from azdicom_proxy.proxy_command import proxy

    own = {_flag(option): option for option in ctx.command.params}
    known = own.keys() | {_flag(option) for option in proxy.params}
    defaults: dict[str, str | list[str]] = {}
    for key, node in block.value:
        flag = str(key.value).replace("_", "-")
        if flag not in known:
            names = ", ".join(sorted(known))
            raise click.UsageError(f"{path}:{_line(key)}: unknown setting '{key.value}'. Known: {names}")
        if flag in own:  # the block serves three commands, of which each takes what it has
            defaults[str(own[flag].name)] = _value(path, node, is_list=own[flag].multiple)
    return defaults


def _flag(option: click.Parameter) -> str:
    return option.opts[0].removeprefix("--")


def _value(path: Path, node: yaml.Node, *, is_list: bool) -> str | list[str]:
    if is_list:
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        return [_scalar(path, item) for item in items]
    return _scalar(path, node)


def _scalar(path: Path, node: yaml.Node) -> str:
    # Text as written: YAML's own reading would make `off` a boolean.
    if not isinstance(node, yaml.ScalarNode):
        raise click.UsageError(f"{path}:{_line(node)}: expected a single value")
    return str(node.value)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
