"""The log of a service: our own lines, and those of the libraries where they report errors."""

import logging
import sys

import structlog

SPARSE_SECONDS = 10.0

LIBRARIES = ("aiokafka", "faust", "mode")


def set_up(level: str) -> None:
    """Our own lines from ``level`` on; those of the libraries only when they report errors, or all of them at ``debug``."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(number),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
            if sys.stderr.isatty()
            else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if level != "debug":
        logging.getLogger().handlers[0].addFilter(Sparse())
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.INFO if level == "debug" else logging.ERROR)
    if level != "debug":  # until a broker has answered: that none does is the worker's own line
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


class Sparse(logging.Filter):
    """One line of a kind in ten seconds, without a traceback: without its broker aiokafka writes a hundred a second."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None  # the worker's own line says what became of it
        kind = (record.name, str(record.msg))
        quiet = record.created - self._last.get(kind, 0.0) < SPARSE_SECONDS
        if not quiet:
            self._last[kind] = record.created
        return not quiet
