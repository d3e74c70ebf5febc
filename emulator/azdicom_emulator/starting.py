"""Why a server cannot start although its options are well-formed."""


class StartError(Exception):
    """One line that says what is wrong."""
