"""Fault rules of single recordings: where one has rules, they act in place of the proxy's own."""

from typing import TYPE_CHECKING

from azdicom_emulator.faults.switch import FaultSwitch

if TYPE_CHECKING:
    from azdicom_emulator.faults.engine import FaultEngine


class RecordingFaults:
    """common: the rules of all recordings without rules of their own."""

    def __init__(self, common: FaultSwitch) -> None:
        self.common = common
        self._own: dict[str, FaultSwitch] = {}

    def switch(self, recording: str) -> FaultSwitch:
        """To show, put and clear the rules of one recording; made when it is first asked for."""
        return self._own.setdefault(recording, FaultSwitch(seed=self.common.seed, is_service=False))

    def engine(self, recording: str) -> "FaultEngine | None":
        """What acts on an exchange of the recording; None: nothing does."""
        own = self._own.get(recording)
        return (own.engine if own is not None else None) or self.common.engine

    def close(self) -> None:
        """Takes all rules away and lets go of the requests that hang."""
        for switch in (*self._own.values(), self.common):
            switch.close()
