"""Problems with known solutions, for the tests of errors."""

import jax.numpy as jnp
import numpy as np
from scipy.integrate import quad

import msjax as ms


def l_shape(cells, kind="tri3"):
    """(−1, 1)² without its fourth quadrant; boundaries "legs", the two sides at the corner, and "outer"."""
    square = ms.fe.rectangle((1.0, 1.0), (cells, cells), kind=kind)
    mesh = ms.fe.join([square, square.moved(lambda x: x + [-1.0, 0.0]), square.moved(lambda x: x + [-1.0, -1.0])])
    bare = ms.fe.Mesh(mesh.points, mesh.cells, kind)
    mesh = ms.fe.tag(bare, "legs", lambda x: np.max(np.abs(x), axis=1) < 1.0 - 1e-9)
    return ms.fe.tag(mesh, "outer", lambda x: np.max(np.abs(x), axis=1) > 1.0 - 1e-9)


def cracked_square(cells):
    """(−1, 1)² with a crack from the middle to (1, 0); boundaries "legs", the crack's faces, and "outer"."""
    square = ms.fe.rectangle((2.0, 2.0), (2 * cells, 2 * cells), kind="tri3").moved(lambda x: x - 1.0)
    bare = ms.fe.Mesh(square.points, square.cells, "tri3")
    mesh = ms.fe.slit(bare, lambda x: (np.abs(x[:, 1]) < 1e-9) & (x[:, 0] > 0.0), (0.0, 1.0), "crack")
    faces = np.vstack([mesh.boundaries["crack-"], mesh.boundaries["crack+"]])
    mesh = ms.fe.Mesh(mesh.points, mesh.cells, "tri3", {"legs": faces})
    return ms.fe.tag(mesh, "outer", lambda x: np.max(np.abs(x), axis=1) > 1.0 - 1e-9)


def singular_problem(exponent):
    """Laplace's equation whose solution is r^a sin(aθ): a = 2/3 at the corner, 1/2 at the crack's tip."""

    def flux(x):
        angle, r = jnp.mod(jnp.arctan2(x[1], x[0]), 2.0 * jnp.pi), jnp.sqrt(jnp.sum(x**2))
        turned = (exponent - 1.0) * angle
        gradient = exponent * r ** (exponent - 1.0) * jnp.stack([jnp.sin(turned), jnp.cos(turned)])
        along = jnp.argmax(jnp.abs(x))
        return gradient[along] * jnp.sign(x[along])

    def problem_on(mesh):
        held, pull = ms.fe.Dirichlet("legs"), ms.fe.Traction("outer", flux)
        return ms.fe.Problem(mesh, ms.Conductor(1.0, dim=2), [held], [pull])

    return problem_on


def singular_energy(exponent):
    """The potential Π = −½ ∮ u ∂u/∂n of that solution, by quadrature along the outer sides."""
    corners = np.array([[1.0, 0.0], [1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [0.0, -1.0]])
    if exponent == 0.5:
        corners = np.vstack([corners[:-1], [[1.0, -1.0], [1.0, 0.0]]])

    def work(t, a, b):
        x, side = a + t * (b - a), np.linalg.norm(b - a)
        angle, r = np.arctan2(x[1], x[0]) % (2 * np.pi), np.hypot(*x)
        turned = (exponent - 1.0) * angle
        normal = np.array([b[1] - a[1], a[0] - b[0]]) / side
        slope = exponent * r ** (exponent - 1.0) * (np.array([np.sin(turned), np.cos(turned)]) @ normal)
        return r**exponent * np.sin(exponent * angle) * slope * side

    pairs = zip(corners[:-1], corners[1:], strict=True)
    return -0.5 * sum(quad(work, 0.0, 1.0, (a, b), epsabs=1e-12)[0] for a, b in pairs)
