"""Crystals at the scale of atoms: lattices, potentials and their files, Cauchy–Born, phonons, surfaces."""
