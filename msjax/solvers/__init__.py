"""Floor 1: Newton, linear solves, condensation and its derivative rule, batches."""
