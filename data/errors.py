"""The one error for data that is missing, damaged or cannot be fetched."""


class DataError(ValueError):
    """A data file is missing, damaged, or could not be fetched.

    The message is one line: the file or folder, what was found, what was expected.
    """
