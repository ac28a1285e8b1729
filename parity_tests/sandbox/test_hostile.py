"""Files that mean harm: one line of verdict each, no process left, no file changed, no credit.

In bubblewrap where that is installed, and without it as far as limits alone reach.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from parity.checking.checker import Result
from parity.checking.entry import check_file
from parity.checking.report import Report
from parity.errors import InputError
from parity.sandbox import answers, isolation, wire
from parity.sandbox.isolation import Isolation

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are watched by /proc"),
    pytest.mark.usefixtures("unchecked"),
]

bubblewrapped = pytest.mark.skipif(bool(isolation.unavailable()), reason="no bubblewrap")
both_modes = pytest.mark.parametrize(
    "mode", [pytest.param("required", marks=bubblewrapped), "none"]
)

RIGHT = "def relu(x):\n    return x * (x > 0)\n"
HEAD = "import os, sys, time, signal, socket, threading, gc\nimport numpy as np\n"


def run(
    tmp_path: Path, body: str, mode: Isolation, timeout: float = 30.0, memory: int = 2048
) -> Report:
    """The report on a right relu and a sigmoid with this body."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    file = tmp_path / "mine.py"
    file.write_text(f"{HEAD}{RIGHT}def sigmoid(x):\n{lines}")
    return check_file(file, isolation=mode, timeout=timeout, memory_mb=memory)


def verdict(report: Report, name: str) -> Result:
    (result,) = (one for one in report.results if one.name == name)
    return result


def marked(mark: str) -> list[int]:
    """The processes whose command line has the mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def gone(mark: str) -> bool:
    """Whether the processes with the mark are gone, within a few seconds."""
    end = time.monotonic() + 30
    while marked(mark) and time.monotonic() < end:
        time.sleep(0.05)
    return not marked(mark)


SLEEPER = (
    "os.execv(sys.executable, [sys.executable, '-S', '-c', 'import time; time.sleep(600)', {!r}])"
)

# What each comes to; None where it depends on which limit is met first.
HARM = {
    "a fork that ignores signals": (
        "if not os.fork():\n    for one in range(1, 32):\n"
        "        try: signal.signal(one, signal.SIG_IGN)\n"
        "        except (OSError, ValueError): pass\n    {sleep}\nreturn x * 2",
        None,
    ),
    "a fork that leaves the session": (
        "if not os.fork():\n    os.setsid()\n    if not os.fork():\n        {sleep}\n"
        "    os._exit(0)\nreturn x * 2",
        None,
    ),
    "a fork that holds the pipe": (
        "if not os.fork():\n    for fd in range(20):\n        try: os.set_inheritable(fd, True)\n"
        "        except OSError: pass\n    {sleep}\nos._exit(3)",
        "error",
    ),
    "a fork bomb": ("while True:\n    os.fork()", None),
    "a child that stops itself": ("os.kill(os.getpid(), signal.SIGSTOP)\nreturn x", "timeout"),
    "a guard that is stopped": (
        "os.kill(os.getppid(), signal.SIGSTOP)\nwhile True: pass",
        "timeout",
    ),
    "memory of many processes": (
        "for one in range(20):\n    if not os.fork():\n"
        "        block = b'x' * (200 * 2**20)\n        time.sleep(60)\n"
        "time.sleep(60)\nreturn x",
        "error",
    ),
    "an output flood": ("while True: os.write(1, b'x' * 2**20)", "error"),
    "a deep recursion": ("def f(n): return f(n + 1)\nreturn f(0)", "error"),
}


@both_modes
@pytest.mark.parametrize("harm", HARM)
def test_harm_is_one_line_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str, mode: Isolation
) -> None:
    monkeypatch.setattr("parity.sandbox.student.GRACE", 0.5)  # who is stopped does not use it
    body, status = HARM[harm]
    mark = f"parity-mark-{os.getpid()}-{abs(hash(harm))}-{mode}"
    seconds = 1.5 if status == "timeout" else 30.0  # others may be at work on the machine
    report = run(tmp_path, body.replace("{sleep}", SLEEPER.format(mark)), mode, seconds)
    result = verdict(report, "sigmoid")
    assert result.status in ((status,) if status else ("error", "timeout", "fail"))
    assert "\n" not in result.message
    assert verdict(report, "relu").status == "pass"
    assert gone(mark)
    assert gone(str(tmp_path))


@both_modes
def test_a_large_request_to_a_stopped_child_has_a_time_limit(
    tmp_path: Path, mode: Isolation
) -> None:
    from parity.sandbox.student import FileStudent

    (tmp_path / "mine.py").write_text(
        f"{HEAD}{RIGHT}threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGSTOP)).start()\n"
    )
    student = FileStudent(tmp_path / "mine.py", 1.0, 2048, isolated=mode)
    try:
        student.load()
        time.sleep(1)
        call = {"args": (np.zeros(10**6),), "options": {}, "outputs": 1}
        start = time.monotonic()
        (outcome,) = student.ask({"subject": "relu", "calls": [call], "stand_ins": []})
        assert outcome == {"timeout": True}
        assert time.monotonic() - start < 30
    finally:
        student.close()


@both_modes
def test_no_file_is_changed(tmp_path: Path, mode: Isolation) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("as it was")
    body = (
        "for path in (__file__, 'mine.txt', 'victim.txt'):\n"
        "    try: open(path, 'w').write('changed')\n    except OSError: pass\n"
        f"try: os.remove({str(victim)!r})\nexcept OSError: pass\nreturn x"
    )
    report = run(tmp_path, body, mode)
    assert verdict(report, "sigmoid").status == "fail"
    if mode == "required":
        assert victim.read_text() == "as it was"
        assert (tmp_path / "mine.py").read_text().startswith(HEAD)
    assert not Path("mine.txt").exists()


SECRETS = {
    "the network": "socket.create_connection(('127.0.0.1', {port}), 1)",
    "a file beside it": "open({beside!r})",
    "the answers": "open({answers!r})",
    "the parent's memory": "open('/proc/{parent}/mem', 'rb')",
    "the parent's command line": "open('/proc/{parent}/cmdline', 'rb')",
    "PyTorch": "open({torch!r})",
    "the system's packages": "os.listdir('/usr/share')[0]",
    "a file of the system": "open('/etc/passwd')",
}
LOOK = """\
seen = []
for name, look in {looks!r}.items():
    try:
        eval(look)
        seen.append(name)
    except OSError:
        pass
raise ValueError(f"in sight: {{seen}}")
"""


@bubblewrapped
def test_in_bubblewrap_nothing_else_is_in_sight(tmp_path: Path) -> None:
    import socket

    import torch

    import parity.contract.reference

    (tmp_path / "beside.txt").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        looks = {
            name: look.format(
                port=server.getsockname()[1],
                beside=str(tmp_path / "beside.txt"),
                answers=parity.contract.reference.__file__,
                parent=os.getpid(),
                torch=torch.__file__,
            )
            for name, look in SECRETS.items()
        }
        report = run(tmp_path, LOOK.format(looks=looks), "required")
    assert "in sight: []" in verdict(report, "sigmoid").explanation


@both_modes
def test_the_environment_and_the_command_line_tell_nothing(
    tmp_path: Path, mode: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARITY_SECRET", "1")
    body = (
        "assert 'PARITY_SECRET' not in os.environ\n"
        "assert not [one for one in os.environ if 'SEED' in one]\n"
        "assert b'seed' not in open('/proc/self/cmdline', 'rb').read()\n"
        "return 1 / (1 + np.exp(-x))"
    )
    assert verdict(run(tmp_path, body, mode), "sigmoid").status == "pass"


@both_modes
def test_nothing_is_left_spinning_when_the_parent_is_killed(
    tmp_path: Path, mode: Isolation
) -> None:
    mark = f"parity-mark-{os.getpid()}-parent-{mode}"
    sleep = SLEEPER.format(mark)
    (tmp_path / "mine.py").write_text(
        f"{HEAD}def relu(x):\n    if not os.fork():\n        os.setsid()\n        {sleep}\n"
        "    while True: pass\n"
    )
    code = (
        "from pathlib import Path; from parity.checking.entry import check_file; "
        f"check_file(Path({str(tmp_path / 'mine.py')!r}), isolation={mode!r}, timeout=500.0)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    end = time.monotonic() + 60
    while not marked(mark) and time.monotonic() < end:
        time.sleep(0.1)
    assert marked(mark), "the file was not reached"
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert gone(mark)
    assert gone(str(tmp_path))


# --- what comes through the pipe -----------------------------------------------------------------

NONSENSE = {
    "a null": '{"dict": [["outcomes", [{"dict": [["arrays", [null]]]}]]]}',
    "fewer outcomes": '{"dict": [["outcomes", []]]}',
    "an unknown key": '{"dict": [["outcomes", []], ["passed", true]]}',
    "junk": "hello",
    "a number": "3",
    "a list": "[[[]]]",
    "deep nesting": "[" * 100_000,
    "an array of objects": '{"array": ["|O", [1], "AAAAAAAAAAA="]}',
    "an array with the wrong size": '{"array": ["<f8", [99999999999], "AAAAAAAAAAA="]}',
    "a huge itemsize": '{"array": ["<f99", [1], "AAAA"]}',
    "a dict key that is a list": '{"dict": [[[1], 2]]}',
    "two outcomes in one": (
        '{"dict": [["outcomes", [{"dict": [["timeout", true], ["not_written", true]]}]]]}'
    ),
    "bytes": "\\xff\\xfe",
}


def answered(tmp_path: Path, line: str, mode: Isolation) -> Result:
    """The verdict on a function that writes the line to whatever it finds open.

    The function after it is judged by what it computes.
    """
    body = (
        f"for fd in range(3, 30):\n    try: os.write(fd, {line!r}.encode('latin-1') + b'\\n')\n"
        "    except OSError: pass\nreturn 1 / (1 + np.exp(-x))"
    )
    report = run(tmp_path, body, mode)
    assert verdict(report, "relu").status == "pass"
    return verdict(report, "sigmoid")


@pytest.mark.parametrize("line", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_an_error_of_one_line(tmp_path: Path, line: str) -> None:
    result = answered(tmp_path, line, "none")
    assert result.status == "error"
    assert "answers with" in result.explanation
    assert "\n" not in result.message


@bubblewrapped
def test_nonsense_is_an_error_in_bubblewrap_too(tmp_path: Path) -> None:
    assert "answers with" in answered(tmp_path, NONSENSE["junk"], "required").explanation


@both_modes
def test_gigabytes_without_a_newline_are_an_error(tmp_path: Path, mode: Isolation) -> None:
    body = (
        "block = b'x' * 2**20\n"
        "for fd in range(3, 30):\n"
        "    try:\n        for one in range(2048): os.write(fd, block)\n    except OSError: pass\n"
        "return x"
    )
    result = verdict(run(tmp_path, body, mode, timeout=60.0), "sigmoid")
    assert (result.status, result.explanation) == ("error", "answers with more than 64 MiB")


def test_control_characters_are_escaped(tmp_path: Path) -> None:
    report = run(
        tmp_path, "print('\\x1b[2J\\x07')\nraise ValueError('\\x1b[31mred\\r\\x00')", "auto"
    )
    result = verdict(report, "sigmoid")
    assert result.explanation.startswith("raises ValueError: \\x1b[31mred")
    assert "\x1b" not in report.printed
    assert "\\x1b[2J" in report.printed
    assert answers.escaped("a\u202eb") == "a\\u202eb"


def test_an_outcome_for_each_call_and_nothing_else() -> None:
    calls = [{"args": (1,), "outputs": 1}, {"args": (1,), "outputs": 2}]
    good = {"arrays": [np.zeros(2)], "changed": []}
    found = answers.outcomes({"outcomes": [good]}, calls)
    assert found[0]["arrays"][0].shape == (2,)
    assert found[1]["raised"] == "answers with the results of 1 calls, expected 2"
    senseless: tuple[dict[str, object], ...] = (
        {"arrays": [None]},
        {"arrays": []},
        {"arrays": [np.zeros(1)], "raised": "x"},
        {"changed": [7], "timeout": True},
        {"timeout": 1},
        {},
        {"arrays": "x"},
        {"raised": 3},
    )
    for bad in senseless:
        (outcome,) = answers.outcomes({"outcomes": [bad]}, calls[:1])
        assert "raised" in outcome, bad


def test_the_decoder_takes_only_what_the_encoder_writes() -> None:
    for line in NONSENSE.values():
        if '"array"' in line or line.startswith("[" * 99) or "[1], 2" in line or line == "hello":
            with pytest.raises(wire.Malformed):
                wire.decode(line)


# --- which isolation -----------------------------------------------------------------------------


def test_required_without_bubblewrap_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "unavailable", lambda: "it is not installed")
    with pytest.raises(InputError, match="isolation is required, but it is not installed"):
        run(tmp_path, "return x", "required")
    report = run(tmp_path, "return 1 / (1 + np.exp(-x))", "auto")
    assert report.isolation == "none"
    assert any(note.startswith("not isolated") for note in report.notes)
