"""A2C of one task, or of several tasks with one head each (Arora et al. 2018).

This package imports nothing: a launcher checks its flags against
`config.A2CConfig` before anything imports TensorFlow.
"""
