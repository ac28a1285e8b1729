"""The check of somebody else's NumPy file: what is wrong, where, and most likely why.

From the request to the answer: `subjects` says what can be checked and draws the probes,
`reference` has the truth, `student` runs the file in a child process (`worker`, `session`,
`adapters`, `wire`), `verdict` compares, `diagnosis` looks the error up in the `catalogue`,
`report` shows it.
"""
