"""What every study's result can do: print its report, and write a result file."""

import abc
import os
from typing import Any

from msjax.io import write_json


class Study(abc.ABC):
    """``str(study)`` is the report, :meth:`save` writes the result file."""

    @abc.abstractmethod
    def report(self, level: float = 0.9) -> str:
        """The study as text, with intervals of this level."""

    @abc.abstractmethod
    def record(self) -> dict[str, Any]:
        """The study as plain numbers and words."""

    def __str__(self) -> str:
        return self.report()

    def save(self, path: str | os.PathLike) -> None:
        """Write the result file (JSON), replacing it in one step."""
        write_json(path, self.record())
