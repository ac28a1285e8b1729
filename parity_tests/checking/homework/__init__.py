"""Files as somebody might hand them in: right ones, wrong ones, and ones that do not run."""
