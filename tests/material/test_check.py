"""Every material of the package keeps what it claims, and false claims are refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.material.check import CheckFailed, check_material, compiled_cost
from msjax.material.finite_differences import STEPS, sweep
from msjax.material.hyperelastic import Hyperelastic, NeoHooke
from msjax.material.response import Material, Response
from msjax.material.stress_driven import PlaneStress, StressDriven, UniaxialStress
from msjax.material.third_order import ThirdOrderElastic
from msjax.solvers.newton import FromEnergy, Newton, newton
from msjax.status import Code, Status, guard, screen

ALUMINIUM = (127.1, 81.4, 36.4, -1263.0, -403.0, -64.0, -147.0, -421.0, -109.0)


def fcc(a=3.615, element="Cu"):
    return ms.bulk(element, "fcc", a=a)


def exponential_pair(r, parameters):
    x = jnp.exp(-parameters["alpha"] * (jnp.sqrt(jnp.sum(r * r, axis=1)) - 1.0))
    return 0.5 * jnp.sum(x * x - 2.0 * x)


MATERIALS = {
    "neo-Hooke": lambda: NeoHooke(1.0, 2.0),
    "neo-Hooke, 1-D": lambda: NeoHooke(1.0, 2.0, dim=1),
    "neo-Hooke, plane strain": lambda: NeoHooke(1.0, 2.0, dim=2),
    "third order": lambda: ThirdOrderElastic.cubic(*ALUMINIUM),
    "Lennard-Jones": lambda: ms.CauchyBorn(ms.bulk("X", "fcc", a=1.55), ms.LennardJones(1.0, 1.0)),
    "Morse": lambda: ms.CauchyBorn(ms.bulk("X", "triangular", a=1.0), ms.Morse(1.0, 4.0, 1.0)),
    "springs, chain": lambda: ms.CauchyBorn(ms.bulk("X", "chain", a=1.0), ms.Springs([1.0, 0.3], [1.0, 2.0])),
    "springs, square": lambda: ms.CauchyBorn(ms.bulk("X", "square", a=1.0), ms.Springs([1.0, 1.0], [1.0, 2.0**0.5])),
    "Gupta": lambda: ms.CauchyBorn(fcc(), ms.EAM.gupta("Cu")),
    "Zhou tungsten": lambda: ms.CauchyBorn(ms.bulk("W", "bcc", a=3.165), ms.EAM.zhou("W")),
    "silicon": lambda: ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.431), ms.StillingerWeber()),
    "silicon, clamped": lambda: ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.431), ms.StillingerWeber(), inner="clamped"),
    "Tersoff silicon": lambda: ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.431), ms.Tersoff(lam3=1.7322)),
    "user's site energy": lambda: ms.CauchyBorn(
        ms.bulk("X", "triangular", a=1.0), ms.SiteEnergy(exponential_pair, 1.3, {"alpha": jnp.array(6.0)})
    ),
    "plane stress": lambda: PlaneStress(NeoHooke(1.0, 2.0)),
    "uniaxial stress": lambda: UniaxialStress(ThirdOrderElastic.cubic(*ALUMINIUM), axis=1),
    "under a dead load": lambda: StressDriven(NeoHooke(1.0, 2.0), free=((1, 1), (2, 2)), applied=(0.1, -0.05)),
}

# gradients in their parameters: tests/crystal/test_parameter_gradients.py
RESPONSE = {"silicon, clamped", "Tersoff silicon", "Zhou tungsten"}


@pytest.mark.slow
@pytest.mark.parametrize("name", MATERIALS)
def test_every_claim_holds(name):
    report = check_material(MATERIALS[name](), parameters=name not in RESPONSE)
    assert report.passed, str(report)
    assert any("parameters" in line.claim for line in report.lines) == (name not in RESPONSE)


@pytest.mark.slow
def test_a_tabulated_potential_keeps_its_claims(potential_file):
    potential = ms.EAM.setfl(str(potential_file("Al_zhou.eam.alloy")))
    check_material(ms.CauchyBorn(fcc(4.05, "Al"), potential), size=0.01, parameters=False)


@pytest.mark.slow
def test_condensations_nest():
    """Inner shifts of silicon relaxed inside the relaxation of the thickness."""
    silicon = ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.431), ms.StillingerWeber())
    check_material(PlaneStress(silicon), parameters=False)


class False_(Hyperelastic):
    """A stored energy of one stiffness with the mistake of the test built into the response."""

    k: jax.Array

    def __init__(self):
        self.k = jnp.array(1.5)

    @property
    def dim(self):
        return 2

    def stored_energy(self, deformation):
        return NeoHooke(self.k, 2.0 * self.k, dim=2).stored_energy(deformation)

    def change(self, response, strain):
        raise NotImplementedError

    def respond(self, strain, state=None, inputs=None):
        return self.change(Hyperelastic.respond(self, strain), strain)


class SlightlyWrongTangent(False_):
    def change(self, response, strain):
        return response._replace(tangent=response.tangent * (1.0 + 1e-6))


class SkewTangent(False_):
    conservative = False

    def change(self, response, strain):
        spin = jnp.array([[0.0, 1.0], [-1.0, 0.0]]) @ strain
        stress = guard(response.stress + 0.1 * spin, response.status.failed)
        more = 0.1 * jnp.einsum("ij,JL->iJjL", jnp.array([[0.0, 1.0], [-1.0, 0.0]]), jnp.eye(2))
        return response._replace(stress=stress, tangent=response.tangent + more)


class NotAGradient(False_):
    def change(self, response, strain):
        return response._replace(energy=response.energy * 1.001)


class StopsTheGradient(False_):
    """The trap: a relaxed unknown without its derivative. dW/dp is right, d²W/dp² and dP/dp are wrong."""

    def stored_energy(self, deformation):
        stretch = jnp.sum(deformation * deformation) - 2.0

        def well(q, a):
            k, stretch = a
            return jnp.sum(jnp.cosh(q) + 0.5 * k**2 * q**2 - stretch * q)

        arguments = jax.lax.stop_gradient((self.k, stretch))
        q, _ = newton(FromEnergy(well), jnp.zeros(1), arguments, Newton(tolerance=1e-10))
        return super().stored_energy(deformation) + 0.3 * well(jax.lax.stop_gradient(q), (self.k, stretch))

    def change(self, response, strain):
        return response


class SpoilsItsBatch(False_):
    """NaN by multiplication: the value of a failed member is NaN, and so is everyone's gradient."""

    def respond(self, strain, state=None, inputs=None):
        bad = ~jnp.all(jnp.isfinite(strain))
        response = Hyperelastic.respond(self, jnp.where(bad, jnp.eye(2), strain))
        nan = jnp.where(bad, jnp.nan, 1.0)
        status = screen(response.status, bad, Code.NONFINITE)
        energy, stress, tangent = (x * nan for x in response[:3])
        return Response(energy, stress, tangent, None, status, status)


class Silent(False_):
    """A NaN strain is answered as if nothing had happened."""

    def respond(self, strain, state=None, inputs=None):
        return Hyperelastic.respond(self, jnp.where(jnp.isfinite(strain), strain, 0.0))


class PaysForTheTangent(False_):
    def change(self, response, strain):
        finite = jnp.all(jnp.isfinite(response.tangent))
        return response._replace(stress=jnp.where(finite, response.stress, jnp.nan))


class SmallStrain(Material):
    """σ = 2με + λ tr ε: not objective, but says so only in the subclass below."""

    mu: jax.Array

    def __init__(self):
        self.mu = jnp.array(1.0)

    @property
    def dim(self):
        return 2

    def respond(self, strain, state=None, inputs=None):
        finite = jnp.all(jnp.isfinite(strain))
        status = screen(Status.of(), ~finite, Code.NONFINITE)
        eye = jnp.eye(2)
        strain = jnp.where(finite, strain, eye)
        e = 0.5 * (strain + strain.T) - eye
        stress = 2.0 * self.mu * e + jnp.trace(e) * eye
        tangent = jnp.einsum("ij,kl->ijkl", eye, eye) + self.mu * (
            jnp.einsum("ik,jl->ijkl", eye, eye) + jnp.einsum("il,jk->ijkl", eye, eye)
        )
        energy, stress = guard((0.5 * jnp.sum(stress * e), stress), status.failed)
        return Response(energy, stress, guard(tangent, status.failed), None, status, status)


class HonestSmallStrain(SmallStrain):
    objective = False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("material", "refused"),
    [
        (SlightlyWrongTangent, "A is the derivative of P"),
        (SkewTangent, "symmetric"),
        (NotAGradient, "conservative"),
        (SmallStrain, ("objective", "an inverted F")),
        (Silent, "a NaN strain is NaN and says so"),
        (PaysForTheTangent, "a stress is compiled without the tangent"),
    ],
)
def test_a_false_claim_is_refused(material, refused):
    with pytest.raises(CheckFailed, match="REFUSED") as caught:
        check_material(material(), parameters=False)
    found = caught.value.report.failures
    assert found
    assert all(line.claim.startswith(refused) for line in found), str(caught.value)


@pytest.mark.slow
def test_multiplying_by_nan_is_refused():
    with pytest.raises(CheckFailed, match="REFUSED") as caught:
        check_material(SpoilsItsBatch())
    claims = [line.claim for line in caught.value.report.failures]
    assert claims == ["parameters: failed members leave a masked gradient alone"]


@pytest.mark.slow
def test_a_stopped_gradient_is_refused_though_its_first_derivative_is_right():
    with pytest.raises(CheckFailed, match="REFUSED") as caught:
        check_material(StopsTheGradient())
    lines = {line.claim: line for line in caught.value.report.lines}
    assert lines["parameters: gradient of W, forward = differences"].passed
    assert lines["conservative: P is the derivative of W"].passed
    assert not lines["A is the derivative of P"].passed
    assert not lines["parameters: second derivative of W, forward = differences"].passed


@pytest.mark.slow
def test_a_material_may_claim_less():
    report = check_material(HonestSmallStrain())
    assert not any(line.claim.startswith("objective") for line in report.lines)
    assert check_material(NeoHooke(1.0, 2.0), parameters=False).passed


@pytest.mark.slow
def test_a_strain_at_which_the_material_fails_is_named():
    with pytest.raises(ValueError, match=r"strains\[1\]: the material fails here, INVERTED"):
        check_material(NeoHooke(1.0, 2.0), strains=np.stack([np.eye(3), np.diag([1.0, 1.0, -1.0])]))


def test_a_plateau_is_no_v():
    x, h = 0.7, STEPS
    for wrong in (1e-5, 1e-7, 1e-8):
        assert not sweep(np.sin(x + h), np.sin(x - h), h, np.cos(x) * (1.0 + wrong), 1.0, 1.0).shows_v
    assert sweep(3.0 * (x + h), 3.0 * (x - h), h, np.array(3.0), 1.0, 1.0).exact


@pytest.mark.slow
def test_loops_of_compiled_programs():
    """A stress runs Newton once, and whoever ignores the tangent does not run it again."""
    silicon = ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.431), ms.StillingerWeber())
    strain = jnp.eye(3)
    stress = compiled_cost(lambda f: silicon.respond(f)[:2], strain)
    full = compiled_cost(lambda f: silicon.respond(f), strain)
    assert (stress.loops, full.loops) == (1, 1)
    assert stress.flops < 0.7 * full.flops
    film = PlaneStress(NeoHooke(1.0, 2.0))
    assert compiled_cost(lambda f: film.respond(f).stress, jnp.eye(2)).loops == 1
    assert compiled_cost(eqx.filter_jit(lambda f: film.respond(f)), jnp.eye(2)).loops == 1
