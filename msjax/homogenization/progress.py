"""A progress bar on the error stream."""

import importlib
import sys
import time
from collections.abc import Callable


def bar() -> Callable[[int, int], None]:
    """A function of (done, members) that draws a bar: tqdm's where it is installed, a plain one otherwise."""
    try:
        tqdm = importlib.import_module("tqdm").tqdm
    except ModuleNotFoundError:
        return _plain_bar()
    shown = None

    def update(done: int, members: int) -> None:
        nonlocal shown
        if shown is None:
            shown = tqdm(total=members, unit=" members")
        shown.update(done - shown.n)
        if done == members:
            shown.close()

    return update


def _plain_bar(width: int = 30) -> Callable[[int, int], None]:
    start = time.monotonic()

    def update(done: int, members: int) -> None:
        full = width * done // max(members, 1)
        line = f"\r[{'#' * full}{'.' * (width - full)}] {done}/{members} members, {time.monotonic() - start:.0f} s"
        sys.stderr.write(line + ("\n" if done == members else ""))
        sys.stderr.flush()

    return update
