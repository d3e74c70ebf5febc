"""Why a token is refused, and why keys cannot be had."""


class IdentityError(Exception):
    """The server cannot check tokens."""


class KeyUnusableError(IdentityError):
    """A key file cannot be read, written or understood: the server does not start with it."""


class KeySetUnavailableError(IdentityError):
    """The key set's address does not answer at the moment."""


class TokenRefusedError(Exception):
    """`description` is what the challenge tells the client; empty where the token is no token at all."""

    def __init__(self, description: str = "") -> None:
        super().__init__(description)
        self.description = description
