"""Energy, forces and stress of a configuration, with one derivative rule for all of them."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.configurations.configuration import Configuration
from msjax.crystal.configurations.neighbour_list import NeighbourList, dual_of, incomplete
from msjax.crystal.configurations.sites import Sites, all_of_sites, site_energies
from msjax.crystal.potential import Potential, check_species
from msjax.status import Code, Status, guard, screen, substitute
from msjax.tensors import symmetric
from msjax.typing import Array, Float, Scalar, concrete


class Evaluation(NamedTuple):
    """What a potential says of a configuration.

    ``energy``, eV; ``site_energies`` (n,), which add up to it; ``forces`` (n, d), eV/Å; ``stress`` (d, d), the Cauchy
    stress of the bonds, per volume of the cell, eV/Å^d, positive in tension, NaN where the cell has no volume;
    ``status``.
    """

    energy: Scalar
    site_energies: Float[Array, " n"]
    forces: Float[Array, "n d"]
    stress: Float[Array, "d d"]
    status: Status


def evaluate(configuration: Configuration, potential: Potential, neighbours: NeighbourList) -> Evaluation:
    """Energy E = Σ_i ε_i, forces −∂E/∂x and stress σ = Σ_b ∂E/∂r_b ⊗ r_b / V of any atoms.

    Differentiable in positions, cell and the potential's parameters, forward and reverse, to any order; the first
    derivative of the energy costs what the forces cost, whatever it is taken in. Under jit what is not used is not
    computed; the list is an argument like others, so that lists of one size share a program. Arrays of configurations
    go through vmap, with one list or several of one size.

    A failed member is NaN with its status: OVERFLOW where an atom may have come within the cut-off that is not in the
    list (displacements, strain, a longer cut-off), OUTSIDE_TABLE, and NONFINITE for NaN positions. Raises
    ``ValueError`` for springs, for an element the potential was not made for, for several species that it
    cannot tell apart, and for a list of other atoms.

    >>> import msjax as ms
    >>> from msjax.crystal.configurations import neighbour_list
    >>> copper, potential = ms.Configuration.of(ms.bulk("Cu", "fcc", a=3.615), 2), ms.EAM.gupta("Cu")
    >>> found = evaluate(copper, potential, neighbour_list(copper, potential))
    >>> round(float(found.energy) / copper.atoms, 3), found.forces.shape
    (-3.544, (8, 3))
    """
    _check(configuration, potential, neighbours)
    return _evaluate(configuration, potential, neighbours)


def energy(configuration: Configuration, potential: Potential, neighbours: NeighbourList) -> Scalar:
    """The energy alone, eV: ``evaluate(...).energy``, for ``jax.grad`` and the like."""
    return evaluate(configuration, potential, neighbours).energy


def hessian_product(
    configuration: Configuration, potential: Potential, neighbours: NeighbourList, displacement: Float[Array, "n d"]
) -> Float[Array, "n d"]:
    """∂²E/∂x∂x · displacement, eV/Å²·Å, at the cost of some two evaluations of the forces; NaN where they fail.

    >>> import msjax as ms
    >>> from msjax.crystal.configurations import neighbour_list
    >>> copper, potential = ms.Configuration.of(ms.bulk("Cu", "fcc", a=3.615), 2), ms.EAM.gupta("Cu")
    >>> rigid = jnp.ones_like(copper.positions)
    >>> product = hessian_product(copper, potential, neighbour_list(copper, potential), rigid)
    >>> bool(jnp.max(jnp.abs(product)) < 1e-12)
    True
    """
    _check(configuration, potential, neighbours)

    def forces(x):
        return _evaluate(configuration.at(x), potential, neighbours).forces

    return -jax.jvp(forces, (configuration.positions,), (displacement,))[1]


@eqx.filter_jit
def _evaluate(configuration: Configuration, potential: Potential, neighbours: NeighbourList) -> Evaluation:
    positions, cell = configuration.positions, configuration.cell
    finite = jnp.all(jnp.isfinite(positions)) & jnp.all(jnp.isfinite(cell))
    status = screen(Status.of(), ~finite, Code.NONFINITE)
    status = screen(status, incomplete(neighbours, positions, cell, potential.cutoff), Code.OVERFLOW)
    # a failed member is differentiated where the list was made: guard speaks for it, and zero must stay zero
    positions = substitute(positions, status.failed, neighbours.positions)
    cell = substitute(cell, status.failed, neighbours.cell)
    total, sites = total_and_sites(potential, positions, cell, neighbours)
    status = screen(status, ~jnp.all(sites.covered), Code.OUTSIDE_TABLE)
    status = screen(status, ~jnp.isfinite(total), Code.NONFINITE)
    volume = configuration.volume
    hollow = volume == 0.0
    stress = jnp.where(hollow, jnp.nan, symmetric(sites.virial) / jnp.where(hollow, 1.0, volume))
    total, energies, forces, stress = guard((total, sites.energies, sites.forces, stress), status.failed)
    return Evaluation(total, energies, forces, stress, status)


@eqx.filter_custom_jvp
def total_energy(potential: Potential, positions: Array, cell: Array, neighbours: NeighbourList) -> Scalar:
    """Energy alone, with the derivative of :func:`total_and_sites` and much less to trace; no checks."""
    return jnp.sum(site_energies(potential, neighbours, positions, cell))


@total_energy.def_jvp
def _total_energy_jvp(primals, tangents):
    potential, positions, cell, neighbours = primals
    sites = all_of_sites(potential, neighbours, positions, cell)
    return jnp.sum(sites.energies), _change(sites, primals, tangents)


@eqx.filter_custom_jvp
def total_and_sites(potential: Potential, positions: Array, cell: Array, neighbours: NeighbourList):
    """Energy, and all there is to know of the sites.

    The energy's derivative is −F·dx + K:dcell + ∂_θE·dθ with the forces at hand, K = ∂E/∂cell at fixed positions
    from the virial, and ∂_θ at fixed bonds. Everything else is differentiated as it is computed.
    """
    sites = all_of_sites(potential, neighbours, positions, cell)
    return jnp.sum(sites.energies), sites


@total_and_sites.def_jvp
def _total_and_sites_jvp(primals, tangents):
    potential, positions, cell, neighbours = primals
    total, sites = total_and_sites(potential, positions, cell, neighbours)
    _, d_sites = eqx.filter_jvp(
        lambda p, x, c: all_of_sites(p, neighbours, x, c), (potential, positions, cell), tangents[:3]
    )
    return (total, sites), (_change(sites, primals, tangents), d_sites)


def _change(sites: Sites, primals, tangents) -> Scalar:
    """dE; None stands for what does not vary."""
    potential, positions, cell, neighbours = primals
    d_potential, d_positions, d_cell, _ = tangents
    change = jnp.zeros(())
    if d_positions is not None:
        change = change - jnp.sum(sites.forces * d_positions)
    if d_cell is not None:
        change = change + jnp.sum(_cell_slope(sites, positions, cell, neighbours) * d_cell)
    varied = jax.tree.map(lambda t: t is not None, d_potential, is_leaf=lambda t: t is None)
    if any(jax.tree.leaves(varied)):
        moving, resting = eqx.partition(potential, varied)

        def at_fixed_bonds(moving):
            return jnp.sum(site_energies(eqx.combine(moving, resting), neighbours, positions, cell))

        change = change + jax.jvp(at_fixed_bonds, (moving,), (d_potential,))[1]
    return change


def _cell_slope(sites: Sites, positions: Array, cell: Array, neighbours: NeighbourList) -> Float[Array, "d d"]:
    """∂E/∂cell at fixed positions, zero for what is no period.

    A bond is x_j + S·cell − x_i, so the virial Σ g⊗r is −Σ F⊗x + Kᵀ·cell, K = Σ S⊗g.
    """
    directions = np.flatnonzero(neighbours.periodic)
    slope = jnp.zeros_like(cell)
    if not len(directions):
        return slope
    centred = positions - jnp.mean(positions, axis=0, keepdims=True)  # forces add up to zero: less round-off
    of_images = sites.virial + sites.forces.T @ centred
    return slope.at[directions].set(dual_of(cell[directions]).T @ of_images.T)


def _check(configuration: Configuration, potential: Potential, neighbours: NeighbourList) -> None:
    if potential.topological:
        raise ValueError("potential: springs belong to the bonds of a crystal; they cannot hold any atoms")
    if neighbours.positions.shape != configuration.positions.shape[-2:]:
        raise ValueError(
            f"neighbours: a list of {neighbours.positions.shape} positions for {configuration.positions.shape}"
        )
    if neighbours.periodic != configuration.periodic:
        raise ValueError(f"neighbours: found for periodic = {neighbours.periodic}, not {configuration.periodic}")
    if neighbours.species != configuration.species:
        raise ValueError("neighbours: found for atoms of other species, or in another order")
    check_species(configuration.species, potential, "the configuration")
    if concrete(potential.cutoff, neighbours.radius) and float(potential.cutoff) > float(neighbours.radius):
        raise ValueError(
            f"neighbours: found within {float(neighbours.radius):g} Å, less than the potential's cut-off "
            f"{float(potential.cutoff):g} Å"
        )
