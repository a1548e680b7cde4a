"""Code that the launchers share: flags, errors, training."""
