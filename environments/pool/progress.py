"""Where a worker is, kept in shared memory.

A worker writes a few integers a step here. So the parent can say in which task
and step a worker was even if it was killed or hangs; see `pool.errors`.
"""

# Columns of a worker's row [WIDTH] int64.
PHASE, TASK, ENVIRONMENT, EPISODE, STEP, ROW = range(6)
WIDTH = 8
# In ROW while collecting, in EPISODE while evaluating: the policy is acting,
# for all rows at once.
NO_ROW = -1

# Values of PHASE. WAITING is for other workers.
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
