"""What the launchers share: flags, errors, training."""
