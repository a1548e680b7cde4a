"""DAMSEL: imitates experts of many tasks, from a latent that it infers."""
