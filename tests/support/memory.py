"""How much memory a process and its descendants hold, as Linux counts it."""

from pathlib import Path

PROC = Path("/proc")
RESET_PEAKS = "5"  # proc(5), clear_refs


def family(pid: int) -> list[int]:
    """`pid` and all its descendants that live."""
    found = [pid]
    for each in found:
        for children in PROC.glob(f"{each}/task/*/children"):
            try:
                found.extend(int(child) for child in children.read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def reset_peaks(pid: int) -> None:
    """From now on, peaks are counted anew."""
    for each in family(pid):
        (PROC / str(each) / "clear_refs").write_text(RESET_PEAKS)


def resident_bytes(pid: int) -> int:
    """What one process holds now."""
    return _status_bytes(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """The most that one process held since its start, or since `reset_peaks`."""
    return _status_bytes(pid, "VmHWM")


def _status_bytes(pid: int, name: str) -> int:
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise ProcessLookupError(f"process {pid} says no {name}: it has ended")
