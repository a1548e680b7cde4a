"""Provides our own parts under Launchpad's names; see `lp`."""

from distillery.distributed import launch as distributed_launch
from distillery.distributed import nodes
from distillery.distributed import programs
from distillery.distributed import stopping

CacherNode = nodes.CacherNode
CourierHandle = nodes.CourierHandle
CourierNode = nodes.CourierNode
Handle = nodes.Handle
LaunchType = distributed_launch.LaunchType
Program = programs.Program
PythonProcess = distributed_launch.PythonProcess
ReverbNode = nodes.ReverbNode
check = distributed_launch.check
launch = distributed_launch.launch
register_stop_handler = stopping.register_stop_handler
stop = stopping.stop
stop_event = stopping.stop_event
unregister_stop_handler = stopping.unregister_stop_handler
wait_for_stop = stopping.wait_for_stop
