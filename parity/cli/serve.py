"""`parity serve`: both implementations in a page that one can play with."""

from dataclasses import dataclass

__all__ = ["Serve"]

NEEDED = ("starlette", "uvicorn", "latex2mathml", "pygments")
OPEN_TO_OTHERS = "let-others-run-code-on-this-machine"


@dataclass(kw_only=True)
class Serve:
    """Open a local page: both implementations side by side, one step, training, drawing, checks."""

    port: int = 8765
    """Where to listen; 0 for a port that is free."""
    host: str = "127.0.0.1"
    """The address to listen at; any but this machine's own needs the option below."""
    let_others_run_code_on_this_machine: bool = False
    """Allow another --host: whoever reaches it and has the token runs Python here, as you."""
    open: bool = True
    """Open the page in the browser."""

    def run(self) -> int:
        """Exit code 0 once it is told to end."""
        from importlib.util import find_spec

        from parity.errors import InputError

        if missing := [name for name in NEEDED if find_spec(name) is None]:
            raise InputError(
                f"serve needs {', '.join(missing)}: install this package with its extra web, in "
                "the checkout by pip install -e '.[web]'"
            )
        if not 0 <= self.port < 2**16:
            raise InputError(f"port is {self.port}, expected 0 to 65535")
        from parity.web.guard import LOOPBACK

        if self.host not in LOOPBACK and not self.let_others_run_code_on_this_machine:
            raise InputError(
                f"host is {self.host!r}, where others could reach the page and, with its token, "
                f"run Python on this machine as you; if that is meant: --{OPEN_TO_OTHERS}"
            )
        from parity.web.server import serve  # PyTorch takes seconds to load

        serve(self.host, self.port, self.open)
        return 0
