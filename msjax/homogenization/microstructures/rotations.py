"""Random rotations and directions."""

import numpy as np
import scipy.special


def random_rotations(count: int, dimension: int, rng: np.random.Generator) -> np.ndarray:
    """Rotation matrices (count, d, d), uniform over all rotations.

    In 3-D by Shoemake's uniform quaternions (doi:10.1016/B978-0-08-050755-2.50036-1), in 2-D a uniform angle.

    >>> R = random_rotations(2, 3, np.random.default_rng(0))
    >>> bool(np.allclose(R @ np.swapaxes(R, 1, 2), np.eye(3))), np.linalg.det(R).round(12).tolist()
    (True, [1.0, 1.0])
    """
    if dimension == 2:
        angle = 2 * np.pi * rng.random(count)
        c, s = np.cos(angle), np.sin(angle)
        return np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], axis=1)
    u, a, b = rng.random(count), 2 * np.pi * rng.random(count), 2 * np.pi * rng.random(count)
    x, y = np.sqrt(1 - u) * np.sin(a), np.sqrt(1 - u) * np.cos(a)
    z, w = np.sqrt(u) * np.sin(b), np.sqrt(u) * np.cos(b)
    return np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], -1),
            np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], -1),
            np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], -1),
        ],
        axis=1,
    )


def random_axes(
    orientation: str | tuple | list | np.ndarray, count: int, dimension: int, rng: np.random.Generator
) -> np.ndarray:
    """Frames (count, d, d) whose first column follows an orientation distribution; the others are uniform about it.

    Args:
        orientation: ``"random"``: uniform. ``"aligned"``: the cell's axes. ``"planar"``: first column uniform in the
            x-y plane. A vector (d,): first column along it. A symmetric matrix (d, d) of trace 1: first columns of the
            angular central Gaussian distribution with this second moment ⟨pp⟩ (doi:10.1093/biomet/74.3.579).
        count: number of frames.
        dimension: 2 or 3.
        rng: the random stream.

    Raises:
        ValueError: an unknown name, a zero vector, or a matrix that is no second moment of directions.

    >>> random_axes((0.0, 0.0, 2.0), 1, 3, np.random.default_rng(0))[0, :, 0].tolist()
    [0.0, 0.0, 1.0]
    """
    if isinstance(orientation, str):
        if orientation == "random":
            return random_rotations(count, dimension, rng)
        if orientation == "aligned":
            return np.broadcast_to(np.eye(dimension), (count, dimension, dimension)).copy()
        if orientation != "planar":
            raise ValueError(
                "orientation: expected 'random', 'aligned', 'planar', a vector or a second-order tensor, "
                f"got {orientation!r}"
            )
        orientation = np.diag([0.5, 0.5, 0.0][:dimension])
    given = np.asarray(orientation, dtype=float)
    if not np.all(np.isfinite(given)) or given.shape not in ((dimension,), (dimension, dimension)):
        raise ValueError(
            f"orientation: expected finite numbers of shape ({dimension},) or ({dimension}, {dimension}), got {given!r}"
        )
    if given.ndim == 1:
        if not np.any(given):
            raise ValueError("orientation: a zero vector has no direction")
        directions = np.broadcast_to(given / np.linalg.norm(given), (count, dimension))
    else:
        directions = _angular_central_gaussian(given, count, rng)
    return _frames_about(directions, rng)


def _frames_about(directions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Frames with the given first columns and a uniform angle about them."""
    count, dimension = directions.shape
    if dimension == 2:
        return np.stack([directions, np.stack([-directions[:, 1], directions[:, 0]], -1)], axis=-1)
    other = rng.standard_normal((count, 3))
    other -= np.sum(other * directions, axis=1, keepdims=True) * directions
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    return np.stack([directions, other, np.cross(directions, other)], axis=-1)


def _angular_central_gaussian(moment: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Directions p = B^½ z / |B^½ z| of normal z, with B such that ⟨pp⟩ = ``moment``."""
    values, vectors = np.linalg.eigh(moment)
    if not (np.allclose(moment, moment.T) and values[0] > -1e-9 and abs(np.sum(values) - 1) < 1e-9):
        raise ValueError(
            "orientation: a second-order orientation tensor is symmetric, of trace 1 and without negative "
            f"eigenvalues, got {moment.tolist()}"
        )
    values = np.where(values < 1e-6, 0.0, values)  # no directions at all along that axis
    widths = _gaussian_widths(values / np.sum(values))
    points = rng.standard_normal((count, len(values))) * np.sqrt(widths)
    directions = points @ vectors.T
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _gaussian_widths(moments: np.ndarray) -> np.ndarray:
    """Variances of the Gaussian whose directions have the second moments ``moments``, where these are not zero."""
    active = np.flatnonzero(moments)
    wanted = moments[active]
    if len(active) == 2:
        widths = wanted**2  # ⟨p₁²⟩ = √b₁ / (√b₁ + √b₂)
    else:
        widths = wanted.copy()
        for _ in range(2000 if len(active) == 3 else 0):
            found = second_moments(widths)
            if np.max(np.abs(found - wanted)) < 1e-12:
                break
            widths *= (wanted / found) ** 1.5
            widths /= np.sum(widths)
    full = np.zeros(len(moments))
    full[active] = widths
    return full


def second_moments(widths: np.ndarray) -> np.ndarray:
    """⟨p_i²⟩ of directions of a 3-D Gaussian with variances ``widths`` (3,), by Carlson's elliptic integral R_D."""
    c = 1 / widths
    front = np.sqrt(np.prod(c)) / 3
    return front * np.array([scipy.special.elliprd(c[i - 2], c[i - 1], c[i]) for i in range(3)])
