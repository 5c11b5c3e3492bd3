"""The settings: one frozen object, and the only reader of the environment and of the settings file.

Every setting has a name ``STREAM_<NAME>`` in the environment and ``<name>`` in the TOML file; the environment wins.
"""

from stream.settings.checks import SettingsError
from stream.settings.declared import Setting
from stream.settings.load import CONFIG_FILE, Loaded, load, load_with_origins
from stream.settings.model import SETTINGS, Settings

__all__ = [
    "CONFIG_FILE",
    "SETTINGS",
    "Loaded",
    "Setting",
    "Settings",
    "SettingsError",
    "load",
    "load_with_origins",
]
