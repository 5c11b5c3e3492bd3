"""A test of the tests: small faults are put into the core, one at a time, and the tests must notice each of them.

``python -m tests.mutations`` copies the sources to a temporary folder, changes one line there, and runs the tests that guard it.
A fault that no test notices fails the run, and so does one whose line has gone: then it must be written anew.
"""

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGES = ("stream", "schemas", "tests")
COPIED = (*PACKAGES, "pyproject.toml")
SECONDS = 120
PLUGIN = """
from hypothesis import Phase, settings

settings.register_profile("mutations", phases=[Phase.explicit, Phase.generate], database=None, derandomize=True)
settings.load_profile("mutations")
"""
"""That a fault is noticed is enough: no smaller example is looked for."""
TESTS_FAILED = 1  # pytest's exit code; a fault that keeps the tests from starting at all proves nothing


class Fault(NamedTuple):
    """One line of the core as it is, as it would be wrong, and the tests that guard it."""

    file: str
    right: str
    wrong: str
    tests: str
    """Arguments for pytest."""


FAULTS = (
    Fault(
        "stream/core/tickets_shard.py",
        "if entry.ticket.base_ms < old_ms:",
        "if False:",
        "tests/core/test_retention.py",
    ),
    Fault(
        "stream/runtime/log_ends.py",
        "if seen_shorter[tp] == SURE:",
        "if seen_shorter[tp] == 1:",
        "tests/runtime/test_lag.py",
    ),
    Fault(
        "stream/metrics/csat.py",
        "answer.score >= _TOP_BOX",
        "answer.score > _TOP_BOX",
        "tests/metrics/test_csat.py",
    ),
    Fault(
        "stream/metrics/nps.py", "if answer.score >= 9:", "if answer.score >= 8:", "tests/metrics/test_nps.py"
    ),
    Fault(
        "stream/metrics/first_reply_time.py",
        "opening = creation.created_by == AGENT",
        "opening = False",
        "tests/metrics/test_reply_times.py",
    ),
    Fault(
        "stream/metrics/reply_time.py",
        "since = at >> 3 if since is None else since",
        "since = at >> 3",
        "tests/metrics/test_reply_times.py",
    ),
    Fault(
        "stream/metrics/queue_wait_time.py",
        "if left.outcome == ANSWERED:",
        "if left.outcome >= ANSWERED:",
        "tests/metrics/test_queue_wait_time.py",
    ),
    Fault(
        "stream/metrics/durations.py",
        "if duration_ms < 0:",
        "if duration_ms < -60_000:",
        "tests/metrics",
    ),
    Fault(
        "stream/metrics/service_level.py",
        "waited_ms <= 1000 * thresholds[0]",
        "waited_ms < 1000 * thresholds[0]",
        "tests/metrics/test_service_level.py",
    ),
    Fault(
        "stream/metrics/quality_score.py",
        "(2 * over * SCALE + under) // (2 * under)",
        "over * SCALE // under",
        "tests/metrics/test_quality_score.py",
    ),
    Fault(
        "stream/core/state_shape.py",
        'f"({parameters})" if parameters',
        'f"({parameters})" if False',
        "tests/metrics/test_registry_contract.py",
    ),
    Fault(
        "stream/core/calendar.py",
        "yield clipped[0] - offset_ms, clipped[1] - offset_ms",
        "yield clipped[0] - offsets[0][1], clipped[1] - offsets[0][1]",
        "tests/core/test_calendar.py",
    ),
    Fault(
        "stream/core/calendar.py",
        "low = max(start_ms, from_ms) + offset_ms",
        "low = start_ms + offset_ms",
        "tests/core/test_calendar.py",
    ),
    Fault(
        "stream/core/calendar.py",
        "if past and following not in dates:",
        "if past:",
        "tests/core/test_calendar.py",
    ),
    Fault(
        "stream/core/calendar.py",
        "return self.before[index] + min(instant_ms, self.ends[index]) - self.begins[index]",
        "return self.before[index] + instant_ms - self.begins[index]",
        "tests/core/test_calendar.py",
    ),
    Fault(
        "stream/core/calendar.py",
        "if own is not None:",
        "if own in self.by_id:",
        "tests/metrics/test_business.py",
    ),
    Fault(
        "stream/metrics/business.py",
        "if spent is None:",
        "if not spent:",
        "tests/metrics/test_business.py",
    ),
    Fault("stream/core/interval.py", "square / (2 * n)", "square / n", "tests/core/test_interval.py"),
    Fault(
        "stream/core/interval.py",
        "(share - one[0]) ** 2 + (other[1] - baseline) ** 2",
        "(share - one[0]) ** 2 + (baseline - other[0]) ** 2",
        "tests/core/test_interval.py",
    ),
    Fault(
        "stream/core/interval.py",
        "squares / (n - 1) if n > 1",
        "squares / n if n > 1",
        "tests/core/test_interval.py",
    ),
    Fault(
        "stream/metrics/first_contact_resolution.py",
        "change.at <= until and",
        "change.at < until and",
        "tests/vectors/test_vectors.py -k first-contact",
    ),
    Fault(
        "stream/metrics/visits.py",
        "0 <= waited_ms < config",
        "0 <= waited_ms <= config",
        "tests/vectors/test_vectors.py -k abandon",
    ),
    Fault(
        "stream/metrics/abandon_rate.py",
        "asks_wait and (waited_ms is None or waited_ms < 0)",
        "asks_wait and left.outcome == ABANDONED and (waited_ms is None or waited_ms < 0)",
        "tests/metrics/test_calls.py",
    ),
    Fault(
        "stream/metrics/stays.py",
        "return None if most is None or least is None else (least[0], most[1])",
        "return None if most is None or least is None else most",
        "tests/metrics/test_customers.py",
    ),
    Fault(
        "stream/metrics/stays.py",
        "stay.left_ms - stay.joined_ms < longest_ms",
        "stay.left_ms - stay.joined_ms < longest_ms // 2",
        "tests/metrics/test_customers.py",
    ),
    Fault(
        "stream/metrics/engagement.py",
        "stay = stay_of(stays, at_ms)",
        "stay = stays[0] if stays else None",
        "tests/vectors/test_vectors.py -k engagement",
    ),
    Fault(
        "stream/metrics/live.py",
        "opened = 0 if ticket.creation is not None else since",
        "opened = 0 if ticket.creation is not None else None",
        "tests/metrics/test_live.py",
    ),
    Fault(
        "stream/metrics/quality_score.py",
        "if 2 * spread > n * n * SCALE else 0.0",
        "if spread > 0 else 0.0",
        "tests/metrics/test_quality_score.py",
    ),
    Fault(
        "stream/core/bot_rule.py",
        "and (end <= first or start >= behind)",
        "and end <= first",
        "tests/core/test_bot_rule.py",
    ),
    Fault(
        "stream/core/followup.py",
        "before.get(one.survey_id) == one",
        "False",
        "tests/core/test_followup.py",
    ),
    Fault(
        "stream/core/metric.py",
        "slot = GONE_SLOT + ticket.why_gone()",
        "slot = GONE_SLOT",
        "tests/core/test_left_out.py",
    ),
    Fault(
        "stream/core/metric.py",
        "count = 0 if own in messages else amount",
        "count = 0",
        "tests/vectors/test_vectors.py -k quality",
    ),
    Fault(
        "stream/core/answers.py",
        "gone = 1 + ticket.why_gone() if ticket.gone else 0",
        "gone = 0",
        "tests/vectors/test_vectors.py -k csat-change",
    ),
    Fault(
        "stream/web/figures.py",
        "any(label == AGENT for label, _ in segment.labels)",
        "segment.labels == (AGENT,)",
        "tests/web/test_exporter.py -k agent",
    ),
    Fault(
        "stream/core/explain.py",
        "max(progress.watermark_ms, progress.newest_watermark_ms)",
        "progress.watermark_ms",
        "tests/core/test_explain.py",
    ),
    Fault(
        "stream/metrics/passed_over.py",
        "PUBLIC_SYSTEM: _SYSTEM",
        "PUBLIC_SYSTEM: _BOT",
        "tests/vectors/test_vectors.py -k reply-time",
    ),
    Fault(
        "stream/metrics/passed_over.py",
        "AGENT * 2: _PRIVATE",
        "AGENT * 2: _BOT",
        "tests/vectors/test_vectors.py -k reply-time",
    ),
    Fault(
        "stream/core/followup.py",
        "(one.survey_id in before or one.answered_ms >= too_late_ms)",
        "one.answered_ms >= 0",
        "tests/core/test_followup.py -k too_late",
    ),
    Fault("stream/core/histogram.py", "_SUB_BITS = 5", "_SUB_BITS = 4", "tests/core/test_histogram.py"),
    Fault(
        "stream/core/ticket.py",
        "if assignment.at > at:",
        "if assignment.at >= at:",
        "tests/core/test_ticket_rules.py",
    ),
    Fault(
        "stream/core/survey_merge.py",
        "if data.revision >= highest:",
        "if data.revision > highest:",
        "tests/core/test_ticket_surveys.py tests/core/test_ticket_order.py",
    ),
    Fault(
        "stream/core/ticket_merge.py",
        "elif (time_ms, rank(new)) >= (facts.base_ms, rank(old)):",
        "elif (time_ms, rank(new)) <= (facts.base_ms, rank(old)):",
        "tests/core/test_ticket_rules.py tests/core/test_ticket_order.py",
    ),
    Fault(
        "stream/core/watermark.py",
        "lowest = min(self.highest_ms[topic] for topic in active)",
        "lowest = max(self.highest_ms[topic] for topic in active)",
        "tests/core/test_watermark.py",
    ),
    Fault(
        "stream/core/watermark.py",
        "self.watermark_ms = max(self.watermark_ms, watermark_ms)",
        "self.watermark_ms = watermark_ms",
        "tests/core/test_watermark.py",
    ),
    Fault(
        "stream/core/labels.py",
        "if len(values) >= most:",
        "if len(values) > most:",
        "tests/core/test_labels.py",
    ),
    Fault(
        "stream/core/dead_letters.py",
        "number = number + 1 if known == begin else 1",
        "number = number + 1",
        "tests/core/test_dead_letters.py",
    ),
    Fault(
        "stream/core/dead_letters.py",
        "if number * 100 >= percent * offsets:",
        "if number * 100 > percent * offsets:",
        "tests/core/test_dead_letters.py",
    ),
    Fault(
        "stream/core/delta_sums.py",
        "self._add(base, old[common:], -1, too_late_ms, late)",
        "self._add(base, old[common:], 0, too_late_ms, late)",
        "tests/core/test_pipeline_exact.py",
    ),
    Fault(
        "stream/core/delta_sums.py",
        "if instant_ms != at_ms or labels is not where:",
        "if instant_ms != at_ms:",
        "tests/core/test_delta_sums.py",
    ),
    Fault(
        "stream/core/plain_loops.py",
        "            into.pop(slot, None)",
        "            into[slot] = 0",
        "tests/core/test_loops.py::test_slide tests/core/test_running.py",
    ),
    Fault(
        "stream/core/running.py",
        "if pane > last - self.panes:",
        "if pane >= last - self.panes:",
        "tests/core/test_running.py tests/core/test_windows_shard.py",
    ),
    Fault(
        "stream/core/running.py",
        "for pane in range(old - 2 * length + 1, last - 2 * length + 1):",
        "for pane in range(old - 2 * length + 2, last - 2 * length + 1):",
        "tests/core/test_running.py",
    ),
    Fault(
        "stream/core/running.py",
        "                self._add(segment, amounts, -1)",
        "                pass",
        "tests/core/test_running.py",
    ),
    Fault(
        "stream/core/publisher.py",
        "over = closed or place.start + place.level.width <= watermark",
        "over = closed or place.start <= watermark",
        "tests/core/test_windows_shard.py",
    ),
    Fault(
        "stream/core/progress.py",
        "self.watermark_ms = max(self.watermark_ms, min(holding))",
        "self.watermark_ms = max(self.watermark_ms, max(holding))",
        "tests/core/test_windows_shard.py",
    ),
    Fault(
        "stream/core/alert.py",
        "figure.value >= rule.threshold + rule.clear_margin",
        "figure.value >= rule.threshold",
        "tests/core/test_alert.py",
    ),
    Fault(
        "stream/core/alert.py", "figure.n < rule.min_n", "figure.n <= rule.min_n", "tests/core/test_alert.py"
    ),
    Fault(
        "stream/core/decode.py",
        "time_ms - now_ms > self._max_skew_ms",
        "time_ms - now_ms >= self._max_skew_ms",
        "tests/core/test_decode.py",
    ),
    Fault(
        "stream/core/tickets_shard.py",
        "if scan is None or key <= scan.after:",
        "if scan is None or key < scan.after:",
        "tests/core/test_generations.py",
    ),
    Fault(
        "stream/core/followup.py",
        "if survey_id is None or answer is None or survey.withdrawn:",
        "if survey_id is None or answer is None:",
        "tests/core/test_followup.py",
    ),
    Fault(
        "stream/core/followup.py",
        "if one is not None and now != published:",
        "if one is not None:",
        "tests/core/test_followup.py",
    ),
    Fault(
        "stream/core/survey_merge.py",
        "low_is_good else above < 0",
        "low_is_good else above <= 0",
        "tests/core/test_followup.py",
    ),
    Fault(
        "stream/core/retention.py",
        "self._looked_at = max(0, self._looked_at - len(going))",
        "self._looked_at = max(0, self._looked_at)",
        "tests/core/test_retention.py",
    ),
    Fault(
        "stream/core/tally.py",
        "self.tally = {slot: 0 for slot in self.tally",
        "self.tally = {slot: 1 for slot in self.tally",
        "tests/core/test_generations.py",
    ),
    Fault(
        "stream/core/publisher.py",
        "revision = max(state >> REVISION_SHIFT, self._revisions) + 1",
        "revision = (state >> REVISION_SHIFT) + 1",
        "tests/core/test_generations.py",
    ),
    Fault(
        "stream/core/audit_answers.py",
        "newest_ms - PAIR_WITHIN_MS",
        "newest_ms",
        "tests/core/test_audit_answers.py",
    ),
    Fault(
        "stream/core/ticket.py",
        '(ev.SurveyRetracted, "survey")',
        '(ev.SurveyRetracted, "expiry")',
        "tests/core/test_corrections.py",
    ),
    Fault(
        "stream/runtime/damage.py",
        "except _NOT_OF_ROWS:",
        "except MemoryError:",
        "tests/runtime/test_damage.py",
    ),
)


def main(arguments: Sequence[str]) -> int:
    """Try all faults, or those whose file name contains an argument; returns the exit code."""
    chosen = [fault for fault in FAULTS if not arguments or any(word in fault.file for word in arguments)]
    for package in PACKAGES:  # once, and not in every copy
        compileall.compile_dir(ROOT / package, quiet=1)
    with (
        tempfile.TemporaryDirectory(prefix="mutations-") as folder,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        verdicts = list(pool.map(lambda item: _try(Path(folder) / str(item[0]), item[1]), enumerate(chosen)))
    missed = [verdict for verdict in verdicts if verdict]
    print("\n".join(missed) or f"{len(chosen)} faults, every one noticed")
    return 1 if missed else 0


def _try(folder: Path, fault: Fault) -> str:
    """Nothing if the fault was noticed, else what is wrong."""
    began = time.monotonic()
    _copy(folder)
    file = folder / fault.file
    text = file.read_text(encoding="utf-8")
    if text.count(fault.right) != 1:
        return f"{fault.file} has {text.count(fault.right)} lines with {fault.right!r}: write this fault anew"
    file.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")
    code, output = _run(folder, fault.tests)
    print(f"{time.monotonic() - began:5.1f} s  {fault.file}: {fault.wrong}", flush=True)
    shutil.rmtree(folder)
    if code == TESTS_FAILED:
        return ""
    return f"{fault.file}: {fault.right!r} -> {fault.wrong!r} was not noticed by {fault.tests} (exit code {code})\n{output[-2000:]}"


def _copy(folder: Path) -> None:
    folder.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
        else:
            shutil.copy2(ROOT / name, folder / name)
    (folder / "mutations_plugin.py").write_text(PLUGIN, encoding="utf-8")


def _run(folder: Path, tests: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "mutations_plugin"]
    try:
        done = subprocess.run(
            [*command, *tests.split()],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, f"not within {SECONDS} s"
    return done.returncode, done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
