"""Finite elements: voxel grids and their kernels."""
