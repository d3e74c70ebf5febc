"""What is wrong with a file of fault rules, and where."""


class FaultsError(ValueError):
    """`SOURCE:LINE:COLUMN: text`; both count from 1."""

    def __init__(self, source: str, line: int, column: int, text: str) -> None:
        super().__init__(f"{source}:{line}:{column}: {text}")
        self.source = source
        self.line = line
        self.column = column
        self.text = text


class UnknownPresetError(ValueError):
    """The name belongs to no preset."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"'{name}': expected {', '.join(known)}")
