"""PEARL: soft actor-critic, from a latent that it infers and samples."""
