"""Floor 2: the Material contract and what fulfils it without a lattice or a mesh."""
