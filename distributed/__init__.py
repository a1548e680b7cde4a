"""Programs of many nodes, run on threads, by Ray or by Launchpad.

Import `lp`: it has Launchpad's names. They are those of DeepMind's Launchpad
where that is installed, and those of this package elsewhere. `connections` and
`quiet` also serve runs in one process: these have a Reverb server, too.
"""
