"""The commands of the program, one module each with a ``command``, and what they share."""

from pathlib import Path
from typing import NamedTuple

from stream.settings import Loaded, Settings, load_with_origins


class CommandError(Exception):
    """A command failed; the message is one line that says what to do."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Context(NamedTuple):
    """The options that stand before the command."""

    config_file: Path | None
    debug: bool

    def load(self) -> Loaded:
        """The effective settings and where they came from; raises SettingsError."""
        return load_with_origins(file=self.config_file)

    @property
    def settings(self) -> Settings:
        """The effective settings; raises SettingsError."""
        return self.load().settings
