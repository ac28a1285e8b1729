"""The ways in which a run ends without an answer."""


class InputError(ValueError):
    """Something that the user gave is wrong; the message names it, what came, what was expected."""


class BadCaseError(ValueError):
    """A comparison that could not fail, and therefore proves nothing."""


class DataError(ValueError):
    """A data file is missing, damaged, or could not be fetched.

    The message is one line: the file or folder, what was found, what was expected.
    """


class WorkerError(RuntimeError):
    """A process of a run on several died or stalled; the message names its rank."""
