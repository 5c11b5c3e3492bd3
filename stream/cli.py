"""The program ``stream``: its commands, its way of failing, and nothing of what the commands do.

Exit codes: 0; 2 for wrong usage or settings; 1 for a failure; a worker that must not go on exits 70. An error is one line on
stderr that says what to do; ``--debug`` adds the traceback.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

import click

from stream import __version__
from stream.commands import CommandError, Context
from stream.settings import SettingsError

USAGE = 2
FAILURE = 1

COMMANDS = {
    "worker": ("stream.commands.worker", "Run the service: events in, gauges, rollups and alerts out."),
    "demo": ("stream.demo.cli", "Watch the figures move, on real help-desk traffic. Needs no Kafka."),
    "publish": ("stream.commands.publish", "Send files of events to the source topics, keyed."),
    "gateway": ("stream.commands.gateway", "Take events from platforms by signed HTTP (webhooks)."),
    "backfill": ("stream.commands.backfill", "Compute rollups from files of events, without Kafka."),
    "topics": ("stream.commands.topics", "Show, create or check the topics on the brokers."),
    "tail": ("stream.commands.tail", "Follow rollups, alerts, follow-ups or dead letters in the terminal."),
    "dlq": ("stream.commands.dlq", "List, show and count dead letters, and send them back after a fix."),
    "explain": ("stream.commands.explain", "Show what one figure is made of."),
    "compare": ("stream.commands.compare", "Compare two windows or two segments of a figure."),
    "author": ("stream.commands.author", "Print the keys that stand for authors' ids."),
    "audit": ("stream.commands.audit", "Compare the figures with the facts behind them."),
    "config": ("stream.commands.config", "Print the effective settings, and what they cost in memory."),
}


class Commands(click.Group):
    """Imports a command only when it is run: ``stream --help`` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; each has a ``command``."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)  # noqa: S101 - a slip in COMMANDS
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command for a mistyped one."""
        if args and args[0] not in COMMANDS:
            near = get_close_matches(args[0], COMMANDS, n=1)
            raise click.UsageError(
                f"there is no command {args[0]!r}{f'; did you mean {near[0]!r}?' if near else ''}", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Settings come from the environment (STREAM_BROKERS, ...) and from a TOML file; `stream config` shows them all.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Read settings from this TOML file too; the environment wins over it. Also: STREAM_CONFIG.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, "-V", "--version", prog_name="stream", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, config_file: Path | None, debug: bool) -> None:
    """Live service-quality figures for contact centres, straight from the event stream.

    Try `stream demo` first. For your own Kafka: set STREAM_BROKERS, run `stream topics create`, then `stream worker`, and
    send events with any client or with `stream publish`.
    """
    ctx.obj = Context(config_file=config_file, debug=debug)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; errors go to stderr in one line."""
    debug = "--debug" in arguments
    try:
        # Not cli.main, which has its own ideas about a reader that has gone.
        with cli.make_context("stream", list(arguments)) as ctx:
            code = cli.invoke(ctx)
        sys.stdout.flush()
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.exceptions.NoArgsIsHelpError as exc:
        print(exc.ctx.get_help() if exc.ctx else exc.message)
        return USAGE
    except click.UsageError as exc:
        where = exc.ctx.command_path if exc.ctx else "stream"
        said = " ".join(exc.format_message().split())  # click breaks lines where it lists choices
        return _failed(said.rstrip("."), USAGE, f"; see `{where} --help`", debug=debug)
    except click.ClickException as exc:
        return _failed(exc.format_message(), FAILURE, debug=debug)
    except SettingsError as exc:
        return _failed(str(exc), USAGE, debug=debug)
    except CommandError as exc:
        return _failed(str(exc), exc.code, debug=debug)
    except (KeyboardInterrupt, click.Abort):
        return _failed("interrupted", FAILURE, debug=debug)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nobody is left to tell, and Python's own flush at exit would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as exc:  # the last line of defence: one line, and the way to more
        if debug:
            raise
        message = str(exc).splitlines()
        return _failed(
            f"unexpected {type(exc).__name__}: {message[0] if message else ''}; run `stream --debug ...` to see where",
            FAILURE,
            debug=False,
        )
    return code if isinstance(code, int) else 0


def _failed(message: str, code: int, hint: str = "", *, debug: bool) -> int:
    if debug:
        import traceback  # noqa: PLC0415 - only failures pay for it

        traceback.print_exc()
    print(f"error: {message}{hint}", file=sys.stderr)
    return code


def main() -> NoReturn:
    """Entry point of the program."""
    sys.exit(run(sys.argv[1:]))
