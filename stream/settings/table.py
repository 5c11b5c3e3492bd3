"""The reference of all settings, ``deploy/settings.md``, made from their declarations: ``python -m stream.settings.table``."""

import sys
from pathlib import Path

from stream.settings.model import SETTINGS

FILE = Path(__file__).parents[2] / "deploy" / "settings.md"

HEAD = """\
# Settings

Made from `stream/settings/` by `make generate`; `stream config` prints the effective values.

Each setting is read from the environment under the name given here, or from a TOML file (`stream --config FILE`, or
`STREAM_CONFIG=FILE`) under the same name in lower case without `STREAM_`; the environment wins. Durations are a whole number and
a unit: `200ms`, `90s`, `5m`, `1h`, `35d`. Secrets are read from files only. Names that are not in this table are refused.

| setting | default | allowed | meaning |
|---|---|---|---|
"""

TAIL = """
Alert rules in the file, with all their keys; `metric` names a figure (`csat`, `service_level_20s`, `churn_rate`), `threshold` is in its
own unit (a share is 0 to 1, a time is in seconds, money in minor units). A rule that could never fire or never clear is refused:

```toml
lateness = "2m"
rollup_windows = ["1m", "1h", "1d"]
correction_horizon = { "1m" = "6h", "1h" = "35d", "1d" = "35d" }
service_level_seconds = { "vip" = [10], "*" = [20, 60] }   # a queue's target is its first; * is every other queue

[[alerts]]
name = "csat_low"
metric = "csat"
fires = "below"
threshold = 0.8
window = "24h"
min_n = 100
for = "10m"                      # how long it must hold: in event time, under STREAM_CLOCK=wall by the clock
clear_margin = 0.02              # clears at 0.82
interval = false                 # true: only when the interval's far end is past the threshold too
severity = "warning"
segment = "team=*&channel=chat"  # segments with exactly these labels; an asterisk stands for every value
```
"""


def render() -> str:
    """The whole document."""
    lines = []
    for setting in SETTINGS.values():
        default = setting.form.show(setting.default)
        cells = (f"`{setting.env}`", f"`{default}`" if default else "", setting.form.allowed, setting.meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return HEAD + "".join(lines) + TAIL


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` compare it; returns the exit code."""
    wanted = render()
    if arguments == ["--check"]:
        if FILE.exists() and FILE.read_text(encoding="utf-8") == wanted:
            return 0
        print(f"{FILE.name} does not belong to the settings any more. Run: make generate", file=sys.stderr)
        return 1
    FILE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
