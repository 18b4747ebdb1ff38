"""Floor 7: the command line, ``msjax fit`` and ``msjax doctor``."""

import io
import os
import sys
from collections.abc import Sequence

from msjax import __version__
from msjax.status import SolveError

MISTAKE = 2
"""Exit code for a mistake in the input, as of the argument parser."""
INTERRUPTED = 130
HELP = """usage: msjax COMMAND [OPTIONS]

From atoms to structures in one differentiable program.

commands:
  fit      surface stress and surface stiffness from the elastic response of thin films, wires
           and cantilevers: the data that come with msjax, or your own (msjax fit --help)
  doctor   what is installed, on which devices it runs, and whether it computes correctly

options:
  -h, --help     this text
  -V, --version  the version

A mistake in the input is told in one line, with exit code 2; MSJAX_TRACEBACK=1 shows where it arose."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 when it succeeded, 2 for a mistake in the input, told in one line."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. ``MSJAX_TRACEBACK=1`` shows where an error comes from."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # reports have Greek letters; a C locale must not stop them
            stream.reconfigure(errors="replace")
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP)
        return 0
    if arguments[0] in ("-V", "--version"):
        print(f"msjax {__version__}")
        return 0
    name, *rest = arguments
    if name not in ("fit", "doctor"):
        return _refuse(f"no command {name!r}; there are fit and doctor, see msjax --help")
    try:
        import tyro
    except ModuleNotFoundError:
        return _refuse("the command line needs tyro, which is not installed: pip install 'msjax[cli]'")
    try:
        if name == "doctor":
            from msjax.cli.doctor import doctor as command
        else:
            from msjax.cli.fit import fit as command
        return tyro.cli(command, prog=f"msjax {name}", args=rest)
    except KeyboardInterrupt:
        print("\nmsjax: interrupted; files announced as written are complete", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `msjax fit | head`: whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, SolveError, ModuleNotFoundError) as error:
        if os.environ.get("MSJAX_TRACEBACK", "0") != "0":
            raise
        return _refuse(_one_line(error))


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'file'}: {error.strerror.lower()}"
    return " ".join(str(error).split()) or type(error).__name__


def _refuse(words: str) -> int:
    print(f"msjax: {words}", file=sys.stderr)
    return MISTAKE
