"""``stream config``: what is in force, and where it came from."""

import click
import msgspec

from stream.commands import Context
from stream.metrics import selected
from stream.settings import SETTINGS, Settings, calendars_shown, memory

HIDDEN = "(set; the content stays secret)"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print name -> value as one JSON object.")
@click.option("--toml", "as_toml", is_flag=True, help="Print a settings file with the same effect.")
@click.pass_obj
def command(context: Context, as_json: bool, as_toml: bool) -> None:
    """Print the effective settings, and what they cost in memory.

    Reads the environment and the settings file as every command does, checks them, and shows each setting with where it
    came from. Secrets are only ever read from files, and their content is not shown. Needs no Kafka.
    """
    loaded = context.load()
    settings, origins = loaded
    values = texts(settings)
    if as_json:
        print(
            msgspec.json.format(
                msgspec.json.encode({SETTINGS[name].env: text for name, text in values.items()})
            ).decode()
        )
        return
    if as_toml:
        for name, text in values.items():
            if origins[name] != "default":
                print(f"{name} = {msgspec.json.encode(text).decode()}")
        return
    width = max(len(setting.env) for setting in SETTINGS.values())
    for name, text in values.items():
        note = "" if origins[name] == "default" else f"   <- {origins[name]}"
        if name == "sasl_password_file" and text:
            note += f"   {HIDDEN}"
        print(f"{SETTINGS[name].env:<{width}}  {text}{note}")
    if settings.calendars is not None:
        print(f"\nCalendars of {settings.calendars.path}:")
        for line in calendars_shown.lines(settings.calendars.calendars):
            print(f"  {line}")
    for note in loaded.notes:
        print(f"\nNote: {note}.")
    core = settings.core()
    estimate = memory.estimate(core, selected(core))
    print(
        f"\nMemory of the windows, estimated: {estimate.bytes / 2**20:,.0f} MiB for {estimate.segments:,} segments with figures in "
        f"every window ({estimate.rows // estimate.segments:,} rows each, of {estimate.metrics} metrics, each profile's counted), "
        "spread over all workers."
    )


def texts(settings: Settings) -> dict[str, str]:
    """Each setting as it would be written in the environment."""
    return {name: setting.form.show(getattr(settings, name)) for name, setting in SETTINGS.items()}
