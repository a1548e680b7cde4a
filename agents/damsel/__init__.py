"""DAMSEL: imitates the experts of many tasks, given a latent that it infers."""
