"""The rules in force, which may change while the server runs, and what is told of them in the end."""

import logging
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from azdicom_emulator.faults.errors import FaultsError

if TYPE_CHECKING:  # a server without rules starts without what makes them
    from azdicom_emulator.faults.engine import FaultEngine
    from azdicom_emulator.faults.loading import Loaded
    from azdicom_emulator.faults.rules import Rule

log = logging.getLogger(__name__)


class FaultSwitch:
    """engine: None while there are no rules, so that an exchange then costs one comparison.

    is_service: the server carries requests out itself; a proxy does not, and some rules are not for it.
    """

    def __init__(self, rules: "Iterable[Rule]" = (), seed: int | None = None, *, is_service: bool = True) -> None:
        """seed: None: a random one, which the log and the admin API tell."""
        self.is_service = is_service
        self.seed = secrets.randbelow(2**31) if seed is None else seed
        self.engine: FaultEngine | None = None
        self.put(tuple(rules))

    def put(self, rules: "tuple[Rule, ...]", seed: int | None = None) -> None:
        """Replaces all rules; counting begins anew. seed: None: the one that there is."""
        self.close()
        if seed is not None:
            self.seed = seed
        if rules:
            from azdicom_emulator.faults.engine import FaultEngine

            self.engine = FaultEngine(rules, self.seed)
            log.info("%d fault rules, seed %d", len(rules), self.seed)

    def close(self) -> None:
        """Takes the rules away and logs what they did; one that never acted is a warning."""
        engine, self.engine = self.engine, None
        if engine is None:
            return
        engine.close()
        for line in engine.summary():
            level = logging.INFO if line["firings"] else logging.WARNING
            text = "fault rule %s (%s): %d matches, %d firings (seed %d)"
            log.log(level, text, line["name"], line["route"], line["matches"], line["firings"], engine.seed)


def switch_of(file: Path | None, chaos: Iterable[str], seed: int | None, *, is_service: bool = True) -> FaultSwitch:
    """The rules of a file, then those of presets. seed: in place of the file's. is_service: as for FaultSwitch.

    Raises FaultsError, UnknownPresetError.
    """
    presets = tuple(dict.fromkeys(chaos))
    if file is None and not presets:
        return FaultSwitch(seed=seed, is_service=is_service)
    from azdicom_emulator.faults.loading import Loaded
    from azdicom_emulator.faults.presets import preset

    loaded = _read(file, is_service=is_service) if file is not None else Loaded(())
    rules = [*loaded.rules, *(rule for name in presets for rule in preset(name))]
    names = [rule.name for rule in rules]
    if file is not None and len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise FaultsError(str(file), 1, 1, f"a rule of --chaos is called '{double}' as well")
    return FaultSwitch(rules, loaded.seed if seed is None else seed, is_service=is_service)


def _read(file: Path, *, is_service: bool) -> "Loaded":
    from azdicom_emulator.faults.loading import load_rules

    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FaultsError(str(file), 1, 1, f"cannot read it: {error}") from None
    return load_rules(text, str(file), is_service=is_service)
