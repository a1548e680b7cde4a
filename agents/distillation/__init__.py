"""Frozen teachers, one a task, distilled into one student (Arora et al. 2018).

Imports nothing: a launcher checks its flags against
`config.DistillationConfig` before anything imports TensorFlow.
"""
