"""``msjax fit`` on wires and cantilevers: the data that come with the project, or a user's own."""

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from msjax.cli.progress import Steps

Kind = Literal["films", "wires", "cantilevers", "joint"]


def kind_of(data: Path) -> Kind:
    """What a file of measurements is about, by its columns: a thickness, a side, or a side and a length.

    Raises:
        ValueError: there is no such file, or it is empty.
    """
    if not data.is_file():
        raise ValueError(f"{data}: there is no such file")
    from msjax.studies.cantilever_data import LENGTH
    from msjax.studies.columns import names_in
    from msjax.studies.film_data import THICKNESS
    from msjax.studies.wire_data import SIDE

    names = names_in(data)
    if any(name in names for name in THICKNESS) or not any(name in names for name in SIDE):
        return "films"
    return "cantilevers" if any(name in names for name in LENGTH) else "wires"


def check_options(kind: Kind, data: Path | None, metal: str, bulk: str, films: Path | None, **given: bool) -> None:
    """Refuse what does not go together. ``given``: options that were set, by name.

    Raises:
        ValueError: naming the option.
    """
    if films is not None and kind != "wires":
        raise ValueError("--films: goes with wires, to be fitted together with them")
    if films is not None and data is None:
        raise ValueError("--films: the copper films are fitted with the wires that come with msjax; name your wires")
    for path in (data, films):
        if path is not None and not path.is_file():
            raise ValueError(f"{path}: there is no such file")
    if given.get("at_least") and kind in ("cantilevers", "joint"):
        raise ValueError("--at-least: films and wires have a smallest size, cantilevers are all fitted")
    if given.get("offsets") and kind != "cantilevers":
        raise ValueError("--offsets: goes with cantilevers")
    if kind == "joint" and data is not None:
        raise ValueError("--kind joint: fits what comes with msjax; fit your own wires with --films")
    own_bulk = bulk not in ("auto", "potential", "constants")
    if kind == "films":
        return
    if data is None:
        if own_bulk:
            raise ValueError("--bulk: a file of your own goes with measurements of your own; name their CSV file")
        if metal == "Al":
            raise ValueError(f"--metal: {kind} of Cu come with msjax, none of Al")
    if own_bulk and not Path(bulk).is_file():
        raise ValueError(f"--bulk: expected auto, potential, constants or a file; there is no file {bulk!r}")
    if own_bulk and metal != "both":
        raise ValueError("--metal and --bulk FILE both name the bulk; leave one out")
    if data is not None and not own_bulk and metal == "both":
        raise ValueError(f"{data}: which bulk? say --metal Cu, --metal Al, or --bulk FILE")


def fit_structure(
    kind: Kind,
    data: Path | None,
    *,
    metal: str,
    bulk: str,
    element: str,
    films: Path | None,
    at_least: float | None,
    relative_sd: float | None,
    offsets: str,
    output: Path,
) -> int:
    """Fit, print the report, and write it with the result file."""
    began = time.monotonic()
    from msjax import __version__
    from msjax.cli.progress import Steps

    name = data.stem if data is not None else f"{kind}_Cu"
    print(f"msjax {__version__}: fitting {kind} of {name}; compiling takes most of the time", flush=True)
    source = "Cu" if data is None else metal if metal != "both" else bulk
    with Steps() as steps:
        steps(0, 2, f"{name}: loading")
        if kind == "joint":
            study, files = _joint(bulk, steps)
        elif kind == "wires":
            study, files = _wires(data, source, bulk, element, films, at_least, relative_sd, steps)
        else:
            study, files = _cantilevers(data, source, relative_sd, offsets, steps)
        _write(study, output / name, files, steps)
    print(f"done in {time.monotonic() - began:.0f} s")
    return 0


_Found = tuple[Any, dict[str, Path | None]]
"""A study, and the files it comes from by their role."""


def _joint(bulk, steps: "Steps") -> _Found:
    from msjax.io import data_file
    from msjax.studies import joint_study
    from msjax.studies.cantilever_data import CANTILEVERS
    from msjax.studies.film_bulk import METALS
    from msjax.studies.wire_data import WIRES

    names = {"films": f"films_100_{METALS['Cu']}.csv", "wires": WIRES["Cu"], "cantilevers": CANTILEVERS["Cu"]}
    return joint_study(bulk, progress=steps), {kind: data_file(name) for kind, name in names.items()}


def _wires(data, source, bulk, element, films, at_least, relative_sd, steps: "Steps") -> _Found:
    from msjax.io import data_file
    from msjax.studies import film_bulk, read_films, read_wires
    from msjax.studies.film_bulk import METALS
    from msjax.studies.wire_data import WIRES
    from msjax.studies.wires import THINNEST_WIRE, shipped_wire_study, wire_study

    if data is None:
        files: dict[str, Path | None] = {
            "wires": data_file(WIRES["Cu"]),
            "films": data_file(f"films_100_{METALS['Cu']}.csv"),
        }
        return shipped_wire_study(cast(Any, bulk), at_least=at_least or THINNEST_WIRE, progress=steps), files
    wires = read_wires(data, relative_sd=relative_sd)
    others = None if films is None else read_films(films, relative_sd=relative_sd)
    law = film_bulk(source, cast(Any, bulk)) if source in METALS else film_bulk(source, element=element or None)
    title, smallest = f"Wires of {data.name}", at_least or THINNEST_WIRE
    study = wire_study(wires, law, films=others, at_least=smallest, title=title, progress=steps)
    return study, {"wires": data, "films": films, "bulk": None if source in METALS else Path(source)}


def _cantilevers(data, source, relative_sd, offsets, steps: "Steps") -> _Found:
    from msjax.io import data_file
    from msjax.studies import read_cantilevers
    from msjax.studies.cantilever_data import CANTILEVERS
    from msjax.studies.cantilevers import cantilever_study, shipped_cantilever_study
    from msjax.studies.cubic_bulk import cubic_bulk
    from msjax.studies.film_bulk import METALS

    if data is None:
        return shipped_cantilever_study(offsets, progress=steps), {"cantilevers": data_file(CANTILEVERS["Cu"])}
    if source not in METALS and Path(source).suffix != ".csv":
        raise ValueError("--bulk: for cantilevers expected a CSV of elastic constants, as data/bulk_Cu_mishin1.csv")
    measured = read_cantilevers(data, relative_sd=relative_sd)
    title = f"Cantilevers of {data.name}"
    study = cantilever_study(measured, cubic_bulk(source), offsets=offsets, title=title, progress=steps)
    return study, {"cantilevers": data, "bulk": None if source in METALS else Path(source)}


def _write(study: Any, stem: Path, files: dict[str, Path | None], steps: "Steps") -> None:
    """The report to the terminal and a file, and the result file."""
    from msjax.cli.provenance import provenance
    from msjax.io import write_json

    report = study.report()
    steps.say(f"\n{report}\n")
    written = [stem.with_name(f"{stem.name}.txt"), stem.with_name(f"{stem.name}.json")]
    written[0].write_text(report + "\n", encoding="utf-8")
    write_json(written[1], {**study.record(), "provenance": provenance(files, shlex.join(["msjax", *sys.argv[1:]]))})
    steps.say("written: " + ", ".join(str(path) for path in written))
