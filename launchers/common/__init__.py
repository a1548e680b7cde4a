"""The code that the launchers share: flags, errors, training."""
