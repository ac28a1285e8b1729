"""tests/linear_backward.py of an otter assignment."""

OK_FORMAT = True

test = {
    "name": "linear_backward",
    "points": 3,
    "suites": [
        {
            "type": "doctest",
            "scored": True,
            "cases": [
                {
                    "code": r"""
>>> import parity
>>> report = parity.check(globals(), only=["linear_backward"])
>>> report.assert_right("linear_backward")
""",
                    "hidden": False,
                    "locked": False,
                }
            ],
        }
    ],
}
