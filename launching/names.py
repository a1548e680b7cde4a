"""Our own Launchpad, under Launchpad's names; `lp` chooses."""

from distillery.launching import launching
from distillery.launching import nodes
from distillery.launching import programs
from distillery.launching import stopping

CacherNode = nodes.CacherNode
CourierHandle = nodes.CourierHandle
CourierNode = nodes.CourierNode
Handle = nodes.Handle
LaunchType = launching.LaunchType
Program = programs.Program
PythonProcess = launching.PythonProcess
ReverbNode = nodes.ReverbNode
check = launching.check
launch = launching.launch
register_stop_handler = stopping.register_stop_handler
stop = stopping.stop
stop_event = stopping.stop_event
unregister_stop_handler = stopping.unregister_stop_handler
wait_for_stop = stopping.wait_for_stop
