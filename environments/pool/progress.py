"""Defines the shared row in which a worker records its progress.

A worker writes a few integers to its row at each step. So the parent knows in
which task and step a worker is, even if it was killed or hangs; see
`pool.errors`.
"""

# The columns of a worker's row, int64 [WIDTH].
PHASE, TASK, ENVIRONMENT, EPISODE, STEP, ROW = range(6)
WIDTH = 8
# The value of ROW (in training) or EPISODE (in evaluation) while the policy
# acts, for all rows at once.
NO_ROW = -1

# The values of PHASE. A worker that is WAITING waits for other workers.
(
    STARTING,
    BUILDING,
    CALIBRATING,
    WAITING,
    IDLE,
    COLLECTING,
    BUILDING_FOR_EVALUATION,
    EVALUATING,
) = range(8)
