"""Distral: robust multitask reinforcement learning (Teh et al. 2017).

This package imports nothing: a launcher checks its flags against
`config.DistralConfig` before anything imports TensorFlow.
"""
