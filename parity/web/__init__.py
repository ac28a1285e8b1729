"""`parity serve`: both implementations in a local page; all computing is done on the server."""
