"""What ends the process (exit 70) or refuses the start; every message says where and what to do."""


class ShellError(Exception):
    """The state in memory must not be used any more: the process ends, the next one starts from the last commit."""


class StateError(ShellError):
    """State and topics do not fit together: something was deleted, recreated or lost."""


class StartError(Exception):
    """The worker refuses to start."""
