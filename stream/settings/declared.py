"""How a setting is declared: a field of a struct, annotated with its form and its meaning."""

from typing import Any, NamedTuple

import msgspec

from stream.settings.forms import Form

PREFIX = "STREAM_"


class Setting(NamedTuple):
    """One declared setting."""

    name: str
    form: Form[Any]
    meaning: str
    default: Any

    @property
    def env(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.upper()


def setting(form: Form[Any], meaning: str) -> msgspec.Meta:
    """The annotation of a field that is a setting."""
    return msgspec.Meta(description=meaning, extra={"form": form})
