"""``check_material``: tests what a material claims, and refuses a false claim."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.material.finite_differences import STEPS, Sweep, sweep
from msjax.material.packed import pack, pack_tangent, unpack
from msjax.material.response import Material, Response
from msjax.status import Code, Status
from msjax.typing import Array, PyTree

DERIVATIVE = 1e-7
"""Largest accepted best error of a finite-difference sweep, relative."""
ROUND_OFF = 1e-10
"""Largest accepted difference between two routes to one number, relative."""
PARAMETER_STEPS = STEPS * 10.0**-1.5


class Line(NamedTuple):
    """One tested property."""

    claim: str
    passed: bool
    error: float
    bound: float
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Report:
    """What :func:`check_material` found; prints as a table."""

    material: str
    lines: tuple[Line, ...]

    @property
    def passed(self) -> bool:
        """Whether every tested claim holds."""
        return all(line.passed for line in self.lines)

    @property
    def failures(self) -> tuple[Line, ...]:
        """The claims that do not hold."""
        return tuple(line for line in self.lines if not line.passed)

    def __str__(self) -> str:
        width = max(len(line.claim) for line in self.lines)
        rows = [
            f"{'ok  ' if claim.passed else 'FAIL'} {claim.claim:<{width}}  "
            f"{claim.error:8.1e}  ≤ {claim.bound:.0e}  {claim.note}".rstrip()
            for claim in self.lines
        ]
        return "\n".join([f"{self.material}: {'every claim holds' if self.passed else 'REFUSED'}", *rows])


class CheckFailed(RuntimeError):
    """A material claims what does not hold; ``report`` says what."""

    def __init__(self, report: Report):
        super().__init__(str(report))
        self.report = report


def check_material(
    material: Material,
    strains: Any = None,
    *,
    state: PyTree = None,
    inputs: PyTree = None,
    parameters: bool = True,
    size: float = 0.02,
    seed: int = 0,
) -> Report:
    """Test every property that ``material`` claims; raise :class:`CheckFailed` with the report if one does not hold.

    For all materials: A against P by a finite-difference sweep that must show its V shape; batched = one by one, to
    round-off; a NaN member (where objective, an inverted one too) is NaN with its code and leaves the others alone; a
    compiled stress does without the tangent. Where claimed: P against W (``conservative``), W(QF) = W(F) and
    P(QF) = Q P(F) (``objective``), major symmetry (``symmetric``), and bitwise the same result from the same call
    (``deterministic``). With ``parameters``: the gradients of W and of P in all array leaves, forward = reverse =
    finite differences; second derivatives, forward over reverse; and the gradient of a batch of which failed members
    are masked.

    A strain of several fields is tested packed into one matrix (:mod:`msjax.material.packed`).

    ``strains`` (n, d, k) are where to test; by default two random ones near the reference, of size ``size``. Give
    others where the default is no place for the material, ``state`` and ``inputs`` where it needs them.

    Raises ``ValueError`` when the material fails at a strain where it is to be tested.

    >>> import msjax as ms
    >>> from msjax.material.hyperelastic import NeoHooke
    >>> report = check_material(NeoHooke(mu=1.0, lam=2.0), parameters=False)
    >>> report.passed
    True
    """
    return _Check(material, strains, state, inputs, size, seed).run(parameters)


class _Packed(Material):
    """A material with a strain of several fields as one with the packed strain."""

    inner: Material

    @property
    def dim(self) -> int:
        return self.inner.dim

    @property
    def reference_strain(self) -> Array:
        return pack(self.inner.reference_strain)

    @property
    def conservative(self) -> bool:  # type: ignore[override]
        return self.inner.conservative

    @property
    def objective(self) -> bool:  # type: ignore[override]
        return self.inner.objective

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        return self.inner.symmetric

    @property
    def deterministic(self) -> bool:  # type: ignore[override]
        return self.inner.deterministic

    def initial_state(self) -> PyTree:
        return self.inner.initial_state()

    def respond(self, strain: PyTree, state: PyTree = None, inputs: PyTree = None) -> Response:
        rest = self.inner.reference_strain
        found = self.inner.respond(unpack(strain, rest), state, inputs)
        return found._replace(stress=pack(found.stress), tangent=pack_tangent(found.tangent, rest))


class _Check:
    def __init__(self, material: Material, strains: Any, state: PyTree, inputs: PyTree, size: float, seed: int):
        self.name = type(material).__name__
        if jax.tree.structure(material.reference_strain).num_leaves > 1:
            material = _Packed(material)
        self.material, self.state, self.inputs = material, state, inputs
        self.rng = np.random.default_rng(seed)
        if strains is None:
            reference = np.asarray(material.reference_strain)
            strains = reference + size * self.rng.standard_normal((2, *reference.shape))
        self.strains = np.asarray(strains, float)
        if self.strains.ndim != 3 or not self.strains.size:
            raise ValueError(f"strains: expected an array (n, d, k), n ≥ 1, got shape {self.strains.shape}")
        self.lines: list[Line] = []

    def run(self, parameters: bool) -> Report:
        self._compile()
        self._batch()
        self._tangent_and_stress()
        self._rotations()
        self._symmetry()
        self._batches()
        self._program()
        if parameters and jax.tree.leaves(eqx.filter(self.material, eqx.is_inexact_array)):
            self._parameter_gradients()
            self._masked_gradients()
        report = Report(self.name, tuple(self.lines))
        if not report.passed:
            raise CheckFailed(report)
        return report

    def add(self, claim: str, error: Any, bound: float, note: str = "", also: bool = True) -> None:
        error = float(np.max(np.nan_to_num(np.asarray(error, float), nan=np.inf)))
        self.lines.append(Line(claim, bool(error <= bound and also), error, bound, note))

    def add_sweeps(self, claim: str, sweeps: list[Sweep]) -> None:
        worst = max(sweeps, key=lambda s: (not s.shows_v, s.best))
        self.add(claim, worst.best, DERIVATIVE, str(worst), worst.shows_v)

    # -- points ----------------------------------------------------------------------------------------------------

    def _respond(self, arrays: PyTree, strain: Array) -> Response:
        return eqx.combine(arrays, self.static).respond(strain, self.state, self.inputs)

    def _compile(self) -> None:
        self.arrays, self.static = eqx.partition(self.material, eqx.is_array)
        one = jnp.asarray(self.strains[0])
        self.single = jax.jit(self._respond).lower(self.arrays, one).compile()

    def _batch(self) -> None:
        """One batch with all points that are needed: bases, bad members, rotated, perturbed."""
        base, shape = self.strains, self.strains.shape[1:]
        nan, inverted = base[0].copy(), base[0].copy()
        nan[0, 0] = np.nan
        inverted[0] *= -1.0
        self.rotations = np.stack([_rotation(self.rng, shape[0]) for _ in base])
        rotated = np.einsum("nij,njk->nik", self.rotations, base)
        directions = self.rng.standard_normal((len(base), 2, *shape))
        self.directions = directions / np.abs(directions).max(axis=(2, 3), keepdims=True)
        moved = self.directions[:, :, None, None] * np.stack([STEPS, -STEPS])[None, None, :, :, None, None]
        moved = base[:, None, None, None] + moved
        points = np.concatenate([base, nan[None], inverted[None], rotated, moved.reshape(-1, *shape)])
        batched = jax.jit(jax.vmap(self._respond, in_axes=(None, 0)))
        response = jax.tree.map(np.asarray, batched(self.arrays, jnp.asarray(points)))
        again = batched(self.arrays, jnp.asarray(points))
        n = len(base)
        self.base = jax.tree.map(lambda x: x[:n], response)
        self.nan = jax.tree.map(lambda x: x[n], response)
        self.inverted = jax.tree.map(lambda x: x[n + 1], response)
        self.rotated = jax.tree.map(lambda x: x[n + 2 : 2 * n + 2], response)
        self.moved = [
            x[2 * n + 2 :].reshape(n, 2, 2, len(STEPS), *x.shape[1:]) for x in (response.energy, response.stress)
        ]
        for k in range(n):
            status = jax.tree.map(lambda x: jnp.asarray(x[k]), self.base.status)  # noqa: B023
            if bool(status.failed):
                raise ValueError(f"strains[{k}]: the material fails here, {status}")
        # what errors are relative to: stresses and tangents near an unstressed state
        self.of_tangent = np.abs(self.base.tangent).max() or 1.0
        self.of_stress = np.abs(self.base.stress).max() + 0.02 * self.of_tangent
        self.of_energy = np.abs(self.base.energy).max() + 0.02 * self.of_stress
        if self.material.deterministic:
            pairs = zip(jax.tree.leaves(response), jax.tree.leaves(again))
            same = all(np.array_equal(a, np.asarray(b), equal_nan=a.dtype.kind == "f") for a, b in pairs)
            self.add("deterministic: the same call twice", float(not same), 0.0)

    # -- properties ------------------------------------------------------------------------------------------------

    def _tangent_and_stress(self) -> None:
        energy, stress = self.moved
        of_stress, of_energy = [], []
        for n in range(len(self.strains)):
            for m in range(2):
                along = self.directions[n, m]
                expected = np.einsum("iJkL,kL->iJ", self.base.tangent[n], along)
                of_stress.append(
                    sweep(stress[n, m, 0], stress[n, m, 1], STEPS, expected, self.of_tangent, self.of_tangent)
                )
                work = np.vdot(self.base.stress[n], along)
                magnitude = self.of_energy + self.of_stress
                of_energy.append(sweep(energy[n, m, 0], energy[n, m, 1], STEPS, work, self.of_stress, magnitude))
        self.add_sweeps("A is the derivative of P", of_stress)
        if self.material.conservative:
            self.add_sweeps("conservative: P is the derivative of W", of_energy)

    def _rotations(self) -> None:
        if not self.material.objective or self.strains.shape[1] == 1:
            return
        energy = np.abs(self.rotated.energy - self.base.energy) / self.of_energy
        stress = np.einsum("nij,njK->niK", self.rotations, self.base.stress)
        self.add("objective: W(QF) = W(F)", energy, ROUND_OFF)
        self.add("objective: P(QF) = Q P(F)", np.abs(self.rotated.stress - stress) / self.of_stress, ROUND_OFF)

    def _symmetry(self) -> None:
        if self.material.symmetric:
            skew = self.base.tangent - self.base.tangent.transpose(0, 3, 4, 1, 2)
            self.add("symmetric: A_iJkL = A_kLiJ", np.abs(skew) / self.of_tangent, ROUND_OFF)

    def _distance(self, a: Response, b: Response) -> float:
        parts = (
            (a.energy, b.energy, self.of_energy),
            (a.stress, b.stress, self.of_stress),
            (a.tangent, b.tangent, self.of_tangent),
        )
        return float(np.max([np.max(np.abs(np.asarray(x) - np.asarray(y)) / s) for x, y, s in parts]))

    def _batches(self) -> None:
        apart = []
        for n, strain in enumerate(self.strains):
            alone = self.single(self.arrays, jnp.asarray(strain))
            apart.append(self._distance(alone, jax.tree.map(lambda x: x[n], self.base)))  # noqa: B023
        self.add("a batch with bad members = one by one", apart, ROUND_OFF)
        self._bad("a NaN strain", self.nan, Code.NONFINITE)
        if self.material.objective and self.strains.shape[1] <= self.strains.shape[2]:
            self._bad("an inverted F", self.inverted, Code.INVERTED)

    def _bad(self, name: str, response: Response, code: Code) -> None:
        fields = (response.energy, response.stress, response.tangent)
        silent = not all(np.all(np.isnan(x)) for x in fields)
        found = Code(int(response.status.code))
        tangent = Code(int(response.tangent_status.code))
        self.add(f"{name} is NaN and says so", float(silent), 0.0, found.name, found == code and tangent == code)

    def _program(self) -> None:
        """Whoever ignores the tangent does not pay for it."""
        one = jnp.asarray(self.strains[0])
        stress = compiled_cost(lambda a, f: self._respond(a, f)[:2], self.arrays, one)
        full = _cost(self.single)
        note = f"loops {stress.loops} of {full.loops}, flops {stress.flops:.0f} of {full.flops:.0f}"
        paid = stress.flops > 0.5 * full.flops
        if paid:  # then look closer, with the room that fused and repeated operations need
            tangent = compiled_cost(lambda a, f: self._respond(a, f).tangent, self.arrays, one)
            both = compiled_cost(lambda a, f: self._respond(a, f)[:3], self.arrays, one)
            paid = stress.flops > 0.8 * both.flops and tangent.flops > 0.5 * both.flops
        self.add("a stress is compiled without the tangent", float(paid), 0.0, note, stress.loops <= full.loops)

    # -- parameters ------------------------------------------------------------------------------------------------

    def _direction(self, parameters: PyTree) -> PyTree:
        def one(leaf):
            numbers = np.asarray(leaf)
            scale = np.abs(numbers) + 0.1 * np.max(np.abs(numbers), initial=0.0)
            return jnp.asarray(scale * self.rng.uniform(-1.0, 1.0, numbers.shape))

        return jax.tree.map(one, parameters)

    def _scalars(self, parameters: PyTree, rest: PyTree, strain: Array, weight: Array) -> tuple[Array, Status]:
        response = eqx.combine(parameters, rest).respond(strain, self.state, self.inputs)
        return jnp.stack([response.energy, jnp.sum(weight * response.stress)]), response.status

    def _parameter_gradients(self) -> None:
        parameters, rest = eqx.partition(self.material, eqx.is_inexact_array)
        first, second = self._direction(parameters), self._direction(parameters)
        weight = jnp.asarray(self.rng.standard_normal(self.strains.shape[1:]))
        strain = jnp.asarray(self.strains[0])

        def at(t, parameters, first, second):
            """(W, S:P, ∂W·second) at parameters + t first; and reverse-mode derivatives along first."""
            moved = jax.tree.map(lambda p, d: p + t * d, parameters, first)
            values, pull = jax.vjp(lambda p: self._scalars(p, rest, strain, weight)[0], moved)
            (of_energy,), (of_stress,) = pull(jnp.array([1.0, 0.0])), pull(jnp.array([0.0, 1.0]))
            reverse = jnp.stack([_dot(of_energy, first), _dot(of_stress, first)])
            sizes = jnp.stack([_dot_abs(of_energy, first), _dot_abs(of_stress, first)])
            return jnp.concatenate([values, _dot(of_energy, second)[None]]), (reverse, sizes)

        def along(t, *tree):
            return jax.jvp(lambda s: at(s, *tree), (t,), (jnp.ones(()),))

        steps = np.concatenate([[0.0], PARAMETER_STEPS, -PARAMETER_STEPS])

        @jax.jit
        def sweep_of(steps, *tree):  # one step after the other: half the compile time of a batch
            (values, (reverse, sizes)), (forward, _) = jax.lax.map(lambda t: along(t, *tree), steps)
            return values, forward, reverse, sizes

        found = sweep_of(jnp.asarray(steps), parameters, first, second)
        values, forward, reverse, sizes = (np.asarray(x) for x in found)
        count = len(PARAMETER_STEPS)
        plus, minus = values[1 : count + 1], values[count + 1 :]
        scale = [max(sizes[0, 0], 1e-6 * self.of_energy), max(sizes[0, 1], 1e-6 * self.of_stress)]
        scale.append(scale[0])
        size = [self.of_energy + scale[0], self.of_tangent + scale[1], self.of_energy + scale[0]]
        names = ("parameters: gradient of W", "parameters: gradient of P", "parameters: second derivative of W")
        for k, name in enumerate(names):
            found = sweep(plus[:, k], minus[:, k], PARAMETER_STEPS, forward[0, k], scale[k], size[k])
            self.add_sweeps(f"{name}, forward = differences", [found])
            if k < 2:
                self.add(f"{name}, reverse = forward", abs(reverse[0, k] - forward[0, k]) / scale[k], ROUND_OFF)

    def _masked_gradients(self) -> None:
        """A sum over the members that did not fail has the gradient of a sum without them."""
        parameters, rest = eqx.partition(self.material, eqx.is_inexact_array)
        weight = jnp.asarray(self.rng.standard_normal(self.strains.shape[1:]))
        good = self.strains[[0, 0, -1]]
        bad = good.copy()
        bad[1, 0, 0] = np.nan

        @jax.jit
        @jax.grad
        def gradient(parameters, strains, keep):
            each = jax.vmap(lambda f: self._scalars(parameters, rest, f, weight))
            values, status = each(strains)
            return jnp.sum(jnp.where((keep & status.ok)[:, None], values, 0.0))

        keep = jnp.array([True, False, True])
        expected = gradient(parameters, jnp.asarray(good), keep)
        found = gradient(parameters, jnp.asarray(bad), jnp.ones(3, bool))
        apart = [0.0]
        for a, b in zip(jax.tree.leaves(expected), jax.tree.leaves(found)):
            scale = max(float(np.max(np.abs(a), initial=0.0)), 1e-30)
            apart.append(float(np.max(np.abs(np.asarray(a) - np.asarray(b)), initial=0.0)) / scale)
        self.add("parameters: failed members leave a masked gradient alone", apart, ROUND_OFF)


class Cost(NamedTuple):
    """What a compiled program consists of: ``while`` loops, and flops with every loop body counted once."""

    loops: int
    flops: float


def compiled_cost(function: Any, *arguments: Any) -> Cost:
    """Loops and flops of ``function`` compiled for these arguments.

    >>> import jax.numpy as jnp
    >>> from jax import lax
    >>> compiled_cost(lambda x: lax.while_loop(lambda y: y < 9.0, lambda y: y * y, x), jnp.array(2.0)).loops
    1
    """
    return _cost(jax.jit(function).lower(*arguments).compile())


def _cost(compiled: Any) -> Cost:
    analysis = compiled.cost_analysis()
    analysis = analysis[0] if isinstance(analysis, list) else analysis
    return Cost(compiled.as_text().count(" while("), float((analysis or {}).get("flops", 0.0)))


def _dot(a: PyTree, b: PyTree) -> Array:
    return jax.tree.reduce(jnp.add, jax.tree.map(lambda x, y: jnp.sum(x * y), a, b))


def _dot_abs(a: PyTree, b: PyTree) -> Array:
    return jax.tree.reduce(jnp.add, jax.tree.map(lambda x, y: jnp.sum(jnp.abs(x * y)), a, b))


def _rotation(rng: np.random.Generator, dim: int) -> np.ndarray:
    q, r = np.linalg.qr(rng.standard_normal((dim, dim)))
    q = q * np.sign(np.diag(r))
    if np.linalg.det(q) < 0:
        q[:, 0] *= -1.0
    return q
