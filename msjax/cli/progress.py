"""Progress on a terminal, or as plain lines where there is none."""

import sys
import time
from types import TracebackType


class Steps:
    """Says what is being done: a bar with the time that passed on a terminal (with rich), a line a step elsewhere.

    Called as ``steps(done, total, message)``; repeated messages are said once.
    """

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._last = ""
        self._bar = None
        if sys.stdout.isatty():
            try:
                from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
            except ModuleNotFoundError:
                return
            self._bar = Progress(
                SpinnerColumn(), BarColumn(bar_width=24), TimeElapsedColumn(), TextColumn("{task.description}"),
                transient=True,
            )  # fmt: skip
            self._task = self._bar.add_task("starting", total=None)

    def __enter__(self) -> "Steps":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int, message: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, description=message)
        elif message != self._last:
            print(f"[{time.monotonic() - self._start:5.1f} s] {done}/{total} {message}", flush=True)
        self._last = message

    def say(self, text: str) -> None:
        """Print above the bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, flush=True)
