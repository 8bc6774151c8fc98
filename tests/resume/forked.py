"""Processes that start at once: forked from the tests' own, which has imported everything already."""

import contextlib
import os


def start(function):
    """Runs a function in a process of its own; returns the process's number. It exits with 0 if nothing is raised."""
    process = os.fork()
    if process:
        return process
    with contextlib.suppress(BaseException):
        function()
        os._exit(0)
    os._exit(1)


def exit_code(process):
    """Waits for a process to end; returns its exit code, a negative signal if it was killed."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
