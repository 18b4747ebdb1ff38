"""Relaxed elastic constants of silicon and copper against matscipy: compile once, then times and differences.

Run: python scripts/benchmarks/elastic_constants.py

matscipy has its analytic second derivatives for silicon (Stillinger–Weber: Born's constants and what the inner
displacements take off, of the smallest cell its neighbour lists allow), and for copper (EAM tables) its least-squares
fit of stresses over ±0.2 % of strain (off by 0.1 GPa, where the tables' third derivative jumps), each as its users
call it. One core, CPU seconds.
"""

import timing  # first: one thread

import sys  # isort: skip
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
import msjax as ms
from msjax import units
from msjax.crystal.setfl import lammps_potential


def compare(name: str, material: ms.CauchyBorn, theirs, bar: float) -> None:
    """Ours, theirs, and the ratio against its bar."""
    program = timing.compile_cold(lambda m: ms.relaxed_stiffness(m, throw=False), material)
    own = timing.seconds(lambda: program.call(material))
    ours = np.asarray(program.call(material)) / units.GPa
    other = timing.seconds(theirs, 3)
    apart = np.max(np.abs(ours - theirs() / units.GPa))
    print(f"\n{name}: lower + compile {program.cold:.2f} s")
    print(f"  msjax {1e3 * own:.3f} ms, matscipy {1e3 * other:.2f} ms; the largest difference is {apart:.1e} GPa")
    timing.bar("times matscipy", other / own, bar)


def main() -> None:
    """Both crystals."""
    warnings.simplefilter("ignore")
    timing.header("Relaxed elastic constants")
    import ase.build
    from matscipy import elasticity
    from matscipy.calculators import manybody
    from matscipy.calculators.manybody.explicit_forms import stillinger_weber as forms

    a = 5.430949778
    silicon = ase.build.bulk("Si", "diamond", a=a, cubic=True) * (2, 2, 2)
    silicon.calc = manybody.Manybody(**forms.StillingerWeber(forms.Stillinger_Weber_PRB_31_5262_Si))

    def analytic():
        silicon.calc.reset()  # or it hands out what it has
        born = silicon.calc.get_property("born_constants", silicon)
        whole = born + elasticity.nonaffine_elastic_contribution(silicon)
        return elasticity.full_3x3x3x3_to_Voigt_6x6(whole, check_symmetry=False)

    crystal = ms.CauchyBorn(ms.bulk("Si", "diamond", a=a), ms.StillingerWeber())
    compare("Silicon, Stillinger–Weber, analytic", crystal, analytic, 10.0)

    path = lammps_potential("Cu_mishin1.eam.alloy")
    if path is None:
        print("\ncopper: its potential comes with pip install 'msjax[potentials]'")
        return
    from matscipy.calculators.eam import EAM

    copper = ase.build.bulk("H", "fcc", a=3.615, cubic=True)  # the atomic number that the file states
    copper.calc = EAM(str(path))

    def fitted():
        found, _ = elasticity.fit_elastic_constants(copper, symmetry="cubic", N_steps=5, delta=1e-3, verbose=False)
        return found

    compare(
        "Copper, EAM tables, fitted", ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.setfl(path)), fitted, 10.0
    )


if __name__ == "__main__":
    main()
