"""Bad input: one clear error or status, for the member that deserves it and no other."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.status import Code


@pytest.fixture(scope="module")
def copper():
    return CauchyBorn(ms.bulk("Cu", "fcc", 3.615), ms.EAM.gupta("Cu"))


@pytest.fixture(scope="module")
def silicon():
    return CauchyBorn(ms.bulk("Si", "diamond", 5.43), ms.StillingerWeber())


@pytest.mark.parametrize(
    ("strain", "message"),
    [
        (np.eye(2), r"strain: expected the deformation gradient F of shape \(3, 3\), got \(2, 2\)"),
        (np.ones(9), r"got \(9,\)"),
        (1.0, r"got \(\)"),
        ("stretch", "strain: expected a 3×3 array of numbers"),
        ([[1, 0, 0], [0, 1], [0, 0, 1]], "strain: expected a 3×3 array of numbers"),
        (None, "strain: expected"),
    ],
)
def test_strain_of_the_wrong_shape_is_refused_before_tracing(copper, strain, message):
    with pytest.raises(ValueError, match=message):
        copper.respond(strain)


def test_material_refusals(copper):
    crystal, potential = copper.crystal, copper.potential
    with pytest.raises(ValueError, match="made for Si, but the crystal holds Cu"):
        CauchyBorn(crystal, ms.StillingerWeber())
    with pytest.raises(ValueError, match="unknown element 'Xx'"):
        ms.bulk("Xx", "fcc", 3.6)
    for margin in (-0.1, 0.9, np.nan):
        with pytest.raises(ValueError, match="strain_margin: expected"):
            CauchyBorn(crystal, potential, strain_margin=margin)
    with pytest.raises(Exception, match="inner"):  # ValueError; the tests' type checker may speak first
        CauchyBorn(crystal, potential, inner="frozen")
    with pytest.raises(ValueError, match="cut-off is too short"):
        CauchyBorn(ms.bulk("X", "fcc", 10.0), ms.LennardJones())
    with pytest.raises(ValueError, match=r"must be concrete.*tree_at"):
        jax.jit(lambda a: CauchyBorn(ms.bulk("Cu", "fcc", a), potential).respond(jnp.eye(3)).energy)(3.6)
    with pytest.raises(ValueError, match=r"must be concrete.*tree_at"):
        jax.grad(
            lambda s: CauchyBorn(ms.bulk("Si", "diamond", 5.4), ms.StillingerWeber(sigma=s)).respond(jnp.eye(3)).energy
        )(2.1)


BAD = {
    "nan": (jnp.eye(3).at[0, 1].set(jnp.nan), Code.NONFINITE),
    "infinite": (jnp.eye(3).at[2, 2].set(jnp.inf), Code.NONFINITE),
    "singular": (jnp.eye(3).at[1, 1].set(0.0), Code.INVERTED),
    "inverted": (jnp.eye(3).at[0, 0].set(-1.0), Code.INVERTED),
    "zero": (jnp.zeros((3, 3)), Code.INVERTED),
    "compressed": (0.6 * jnp.eye(3), Code.OVERFLOW),
    "flattened": (jnp.diag(jnp.array([1.5, 1.5, 0.5])), Code.OVERFLOW),
}
GOOD = jnp.eye(3).at[0, 1].set(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["copper", pytest.param("silicon", marks=pytest.mark.slow)])
def test_one_bad_member_harms_no_other(which, request):
    """Values, gradients and statuses of a batch with every kind of failure in it."""
    material = request.getfixturevalue(which)
    strains = jnp.stack([GOOD, *(strain for strain, _ in BAD.values()), GOOD])
    batch = eqx.filter_jit(jax.vmap(lambda F: material.respond(F)))(strains)
    codes = [Code.CONVERGED, *(code for _, code in BAD.values()), Code.CONVERGED]
    assert batch.status.code.tolist() == codes
    bad = slice(1, -1)
    for value in (batch.energy, batch.stress, batch.tangent):
        assert np.all(np.isnan(value[bad]))
    alone = material.respond(GOOD)
    for end in (0, -1):
        for name in ("energy", "stress", "tangent"):
            np.testing.assert_allclose(getattr(batch, name)[end], getattr(alone, name), atol=1e-12)

    # a masked reduction over shared parameters: the gradient is that of the good members alone
    parameters, static = eqx.partition(material, eqx.is_array)

    def total(parameters, strains, weights):
        response = jax.vmap(lambda F: eqx.combine(parameters, static).respond(F))(strains)
        ok = response.status.ok
        value = response.energy + jnp.sum(response.stress[:, 0], axis=1) + response.tangent[:, 0, 1, 0, 1]
        return jnp.sum(jnp.where(ok, weights * value, 0.0))

    gradient = eqx.filter_jit(jax.grad(total, argnums=(0, 1)))
    both, of_strain = gradient(parameters, strains, jnp.ones(len(strains)))
    good, of_good = gradient(parameters, jnp.stack([GOOD] * len(strains)), jnp.zeros(len(strains)).at[:2].set(1.0))
    for a, b in zip(jax.tree.leaves(both), jax.tree.leaves(good)):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(of_strain[0], of_good[0], rtol=1e-10, atol=1e-12)
    assert np.all(np.asarray(of_strain[bad]) == 0.0)

    # unmasked, the failure shows: never 0, never a number
    def careless(parameters):
        return jnp.sum(jax.vmap(lambda F: eqx.combine(parameters, static).respond(F).energy)(strains))

    value, slopes = eqx.filter_jit(jax.value_and_grad(careless))(parameters)
    assert np.isnan(value)
    assert np.any([np.any(np.isnan(x)) for x in jax.tree.leaves(slopes)])


@pytest.mark.slow
def test_parameters_that_are_not_numbers_give_nan_with_a_status(copper):
    broken = eqx.tree_at(lambda m: m.potential.A, copper, jnp.asarray(jnp.nan))
    response = broken.respond(jnp.eye(3))
    assert response.status.code == Code.NONFINITE
    assert np.isnan(response.energy)


@pytest.mark.slow
def test_extreme_compression_of_a_table_is_outside_it(potential_file):
    """Within the neighbours' margin but beyond the embedding table's last density."""
    table = ms.EAM.setfl(potential_file("Cu_mishin1.eam.alloy"))
    material = CauchyBorn(ms.bulk("Cu", "fcc", 3.615), table, strain_margin=0.75)
    response = eqx.filter_jit(jax.vmap(lambda F: material.respond(F)))(jnp.stack([0.3 * jnp.eye(3), 1.0 * jnp.eye(3)]))
    assert response.status.code.tolist() == [Code.OUTSIDE_TABLE, Code.CONVERGED]
    assert np.all(np.isnan(response.stress[0]))
    assert np.all(np.isfinite(response.stress[1]))
