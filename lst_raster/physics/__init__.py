"""The formulas, each in one place, for numpy arrays and torch tensors alike."""
