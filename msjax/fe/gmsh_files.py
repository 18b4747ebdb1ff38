"""Gmsh's mesh files, versions 2.2 and 4.1, as text and binary, read strictly.

The format: gmsh reference manual, "MSH file format", https://gmsh.info/doc/texinfo/gmsh.html#MSH-file-format
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from msjax.fe.raw_mesh import Block

# number in the file: (kind, dimension, nodes); names of kinds that cannot be used are for the message
_TYPES = {
    1: ("line2", 1, 2), 2: ("tri3", 2, 3), 3: ("quad4", 2, 4), 4: ("tet4", 3, 4), 5: ("hex8", 3, 8),
    8: ("line3", 1, 3), 9: ("tri6", 2, 6), 10: ("quad9", 2, 9), 11: ("tet10", 3, 10), 12: ("hex27", 3, 27),
    15: ("point", 0, 1), 6: ("prism6", 3, 6), 7: ("pyramid5", 3, 5), 13: ("prism18", 3, 18), 14: ("pyramid14", 3, 14),
    16: ("quad8", 2, 8), 17: ("hex20", 3, 20), 18: ("prism15", 3, 15), 19: ("pyramid13", 3, 13),
}  # fmt: skip


class GmshFile(NamedTuple):
    """Positions (n, 3) and cells, whose nodes index them."""

    points: np.ndarray
    blocks: list[Block]


def parse(data: bytes) -> GmshFile:
    """What the bytes of a .msh file say.

    Raises ``ValueError``, naming the section, for another version, for truncated or malformed sections, counts larger
    than what follows, node numbers given twice or not at all, and partitioned meshes.
    """
    version, binary = _format(data)
    sections, names = {}, {}
    for name, place in _sections(data):
        if name == "PartitionedEntities":
            raise ValueError("$PartitionedEntities: the mesh is partitioned; save it as one")
        if name == "PhysicalNames":
            names = _physical_names(data, place)
        if name in ("Entities", "Nodes", "Elements"):
            if name in sections:
                raise ValueError(f"${name}: there are two such sections")
            sections[name] = _Binary(data, place, name) if binary else _Text(data, place, name)
    for needed in ("Nodes", "Elements"):
        if needed not in sections:
            raise ValueError(f"${needed}: there is no such section")
    if version == "2.2":
        tags, points = _nodes_2(sections["Nodes"], binary)
        found = _elements_2(sections["Elements"], binary)
    else:
        groups = _entities(sections["Entities"]) if "Entities" in sections else {}
        tags, points = _nodes_4(sections["Nodes"])
        found = _elements_4(sections["Elements"], groups)
    for section in sections.values():
        section.close()
    order = np.argsort(tags, kind="stable")
    ordered = tags[order]
    twice = np.flatnonzero(ordered[1:] == ordered[:-1])
    if twice.size:
        raise ValueError(f"$Nodes: node {ordered[twice[0]]} is given twice")
    blocks = []
    for number, physical, nodes in found:
        kind, dim, _ = _TYPES[number]
        place = np.minimum(np.searchsorted(ordered, nodes), len(tags) - 1)
        missing = ordered[place] != nodes
        if missing.any():
            raise ValueError(f"$Elements: a {kind} has node {nodes[missing][0]}, which is not there")
        blocks.append(Block(kind, dim, order[place], tuple(names.get((dim, abs(p)), str(abs(p))) for p in physical)))
    return GmshFile(points, blocks)


class _Text:
    """Numbers of a section in text, one after the other."""

    def __init__(self, data: bytes, place: int, name: str):
        end = data.find(b"$End" + name.encode(), place)
        if end < 0:
            raise ValueError(f"${name}: the file ends before $End{name}")
        self.words, self.at, self.name = data[place:end].split(), 0, name

    def _take(self, count: int, kind: type) -> np.ndarray:
        if not 0 <= count <= len(self.words) - self.at:
            raise ValueError(f"${self.name}: expected {count} more numbers, found {len(self.words) - self.at}")
        words = self.words[self.at : self.at + count]
        self.at += count
        try:
            return np.array(words, np.bytes_).astype(kind) if count else np.empty(0, kind)
        except ValueError:
            raise ValueError(
                f"${self.name}: not a number among {b' '.join(words[:8]).decode(errors='replace')!r}"
            ) from None

    def ints(self, count: int) -> np.ndarray:
        return self._take(count, np.int64)

    sizes = ints

    def floats(self, count: int) -> np.ndarray:
        return self._take(count, np.float64)

    @property
    def left(self) -> int:
        return len(self.words) - self.at

    def close(self) -> None:
        if self.left:
            raise ValueError(f"${self.name}: {self.left} numbers are left over at its end")


class _Binary:
    """Numbers of a binary section, one after the other."""

    def __init__(self, data: bytes, place: int, name: str):
        self.data, self.at, self.name = data, place, name

    def _take(self, count: int, kind: str) -> np.ndarray:
        size = np.dtype(kind).itemsize
        if not 0 <= count * size <= len(self.data) - self.at:
            raise ValueError(f"${self.name}: expected {count * size} more bytes, found {len(self.data) - self.at}")
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += count * size
        return found.astype(np.float64 if kind == "<f8" else np.int64)

    def ints(self, count: int) -> np.ndarray:
        return self._take(count, "<i4")

    def sizes(self, count: int) -> np.ndarray:
        return self._take(count, "<i8")

    def floats(self, count: int) -> np.ndarray:
        return self._take(count, "<f8")

    def line(self) -> int:
        """A whole number as a line of text."""
        end = self.data.find(b"\n", self.at)
        text = self.data[self.at : end].strip() if end >= 0 else b""
        if not text.isdigit():
            raise ValueError(f"${self.name}: expected a number of entries, got {text[:20].decode(errors='replace')!r}")
        self.at = end + 1
        return int(text)

    def close(self) -> None:
        if not self.data[self.at : self.at + 64].lstrip().startswith(b"$End" + self.name.encode()):
            raise ValueError(f"${self.name}: expected $End{self.name} after its entries")


def _format(data: bytes) -> tuple[str, bool]:
    found = re.match(
        rb"\s*(?:\$Comments.*?\$EndComments\s*)?\$MeshFormat\s+(\S+)\s+([01])\s+(\d+)\s*?\n", data, re.DOTALL
    )
    if not found:
        raise ValueError("$MeshFormat: expected this section first, with version, 0 or 1 and the size of a float")
    version, binary, size = found[1].decode(errors="replace"), found[2] == b"1", int(found[3])
    if version not in ("2.2", "4.1") or size != 8:
        raise ValueError(f"$MeshFormat: expected version 2.2 or 4.1 with 8-byte numbers, got {version} with {size}")
    if binary and data[found.end() : found.end() + 4] != b"\x01\x00\x00\x00":
        raise ValueError("$MeshFormat: the numbers are big-endian")
    return version, binary


def _sections(data: bytes) -> Iterator[tuple[str, int]]:
    """Names of the sections and where their contents begin; a binary section may hold anything, so that "$" at the
    beginning of a line counts only where a known end has been passed."""
    at = 0
    while True:
        found = re.compile(rb"^\$(\w+)[ \t\r]*\n", re.MULTILINE).search(data, at)
        if not found:
            return
        name = found[1].decode()
        yield name, found.end()
        end = data.find(b"$End" + name.encode(), found.end())
        if end < 0:
            raise ValueError(f"${name}: the file ends before $End{name}")
        at = end + 4 + len(name)


def _physical_names(data: bytes, place: int) -> dict[tuple[int, int], str]:
    end = data.find(b"$EndPhysicalNames", place)
    lines = data[place:end].decode("utf-8", errors="replace").strip().splitlines()
    names = {}
    for line in lines[1:]:
        found = re.fullmatch(r'\s*(\d)\s+(\d+)\s+"(.*)"\s*', line)
        if not found:
            raise ValueError(f"$PhysicalNames: expected dimension, number and name, got {line!r}")
        names[int(found[1]), int(found[2])] = found[3]
    if not lines or lines[0].strip() != str(len(names)):
        raise ValueError(f"$PhysicalNames: found {len(names)} names, announced {lines[0] if lines else 'none'}")
    return names


def _nodes_2(section, binary: bool) -> tuple[np.ndarray, np.ndarray]:
    count = section.line() if binary else int(section.ints(1)[0])
    if binary:
        entry = np.dtype([("tag", "<i4"), ("x", "<f8", 3)])
        raw = np.frombuffer(section.data, np.uint8)[section.at : section.at + count * entry.itemsize]
        if len(raw) < count * entry.itemsize:
            raise ValueError(f"$Nodes: {count} nodes are announced, the file ends before")
        section.at += count * entry.itemsize
        rows = raw.view(entry)
        return rows["tag"].astype(np.int64), rows["x"].copy()
    rows = section.floats(4 * count).reshape(count, 4)
    return rows[:, 0].astype(np.int64), rows[:, 1:]


def _elements_2(section, binary: bool) -> list[tuple[int, tuple[int, ...], np.ndarray]]:
    count = section.line() if binary else int(section.ints(1)[0])
    found, words = [], np.empty(0, np.int64) if binary else section.ints(section.left)
    at = 0
    while count > 0:
        if binary:
            number, following, tags = (int(n) for n in section.ints(3))
            width = 1 + tags + _known(number)[2]
            rows = section.ints(following * width).reshape(following, width)
        else:
            if len(words) - at < 3:
                raise ValueError(f"$Elements: {count} more are announced, the section ends before")
            number, tags = int(words[at + 1]), int(words[at + 2])
            width = 3 + tags + _known(number)[2]
            rows = words[at : at + (len(words) - at) // width * width].reshape(-1, width)
            alike = np.all(rows[:, 1:3] == (number, tags), axis=1)
            rows = rows[: alike.argmin() if not alike.all() else len(rows)][:count]
            if not len(rows):
                raise ValueError(f"$Elements: {count} more are announced, the section ends before")
            at += rows.size
            rows = np.delete(rows, (1, 2), axis=1)
        count -= len(rows)
        if tags < 1 or not len(rows) or count < 0:
            raise ValueError("$Elements: an entry without tags, or more entries than announced")
        for physical in np.unique(rows[:, 1]):
            nodes = rows[rows[:, 1] == physical, 1 + tags :]
            found.append((number, (int(physical),) if physical else (), nodes))
    if not binary and at < len(words):
        raise ValueError(f"$Elements: {len(words) - at} numbers are left over at its end")
    return found


def _entities(section) -> dict[tuple[int, int], tuple[int, ...]]:
    """Physical groups of every geometric entity (dimension, number)."""
    groups = {}
    for dim, count in enumerate(section.sizes(4)):
        for _ in range(count):
            tag = int(section.ints(1)[0])
            section.floats(6 if dim else 3)
            groups[dim, tag] = tuple(int(n) for n in section.ints(int(section.sizes(1)[0])))
            if dim:
                section.ints(int(section.sizes(1)[0]))
    return groups


def _nodes_4(section) -> tuple[np.ndarray, np.ndarray]:
    blocks, count, _, _ = (int(n) for n in section.sizes(4))
    tags, points = [np.empty(0, np.int64)], [np.empty((0, 3))]
    for _ in range(blocks):
        _, _, parametric = section.ints(3)
        if parametric:
            raise ValueError("$Nodes: parametric coordinates are not known; save without them")
        size = int(section.sizes(1)[0])
        tags.append(section.sizes(size))
        points.append(section.floats(3 * size).reshape(size, 3))
    if sum(map(len, tags)) != count:
        raise ValueError(f"$Nodes: {count} nodes are announced, {sum(map(len, tags))} given")
    return np.concatenate(tags), np.concatenate(points)


def _elements_4(section, groups) -> list[tuple[int, tuple[int, ...], np.ndarray]]:
    blocks, count, _, _ = (int(n) for n in section.sizes(4))
    found, given = [], 0
    for _ in range(blocks):
        dim, entity, number = (int(n) for n in section.ints(3))
        width, size = 1 + _known(number)[2], int(section.sizes(1)[0])
        rows = section.sizes(size * width).reshape(size, width)
        found.append((number, groups.get((dim, entity), ()), rows[:, 1:]))
        given += size
    if given != count:
        raise ValueError(f"$Elements: {count} are announced, {given} given")
    return found


def _known(number: int) -> tuple[str, int, int]:
    if number not in _TYPES:
        raise ValueError(f"$Elements: type {number} is not known; of degree 1 and 2 there are {sorted(_TYPES)}")
    return _TYPES[number]
