"""The check of somebody else's NumPy file: what is wrong, where, and most likely why.

From the request to the answer: `checker` draws the calls of each entry of the contract and has the
file run in `parity.sandbox`, `judging` compares, `diagnosis` looks the error up in the `catalogue`,
`words` and `report` say it.
"""
