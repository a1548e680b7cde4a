"""PEARL: soft actor-critic, given a latent that it infers and samples."""
