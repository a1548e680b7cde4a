"""Distral: robust multi-task reinforcement learning (Teh et al. 2017).

Attributes load on first use: a launcher checks its flags against
`DistralConfig` before anything imports TensorFlow.
"""
