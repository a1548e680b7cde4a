"""A2C of one task or of several with a head each (Arora et al. 2018).

Imports nothing: a launcher checks its flags against `config.A2CConfig` before
anything imports TensorFlow.
"""
