"""Programs of many nodes, with Launchpad's names: on threads, Ray, Launchpad.

`lp` is the module to use; DeepMind's Launchpad stands behind it where it is
installed.
"""
