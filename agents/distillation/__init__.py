"""Distils frozen teachers, one a task, into one student (Arora et al. 2018).

This package imports nothing: a launcher checks its flags against
`config.DistillationConfig` before anything imports TensorFlow.
"""
