"""The two ways in which a run ends without an answer."""


class InputError(ValueError):
    """Something that the user gave is wrong; the message names it, what came, what was expected."""


class BadCaseError(ValueError):
    """A comparison that could not fail, and therefore proves nothing."""
