"""What counters gain from one evaluation to the next, as PromQL; ``monitor.slo.promql`` says how and why. Pure text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from monitor.catalogue import durations


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The counters of one selector, step by step.

    ``before`` is the range in which the last sample known at the step before is looked for; ``watched`` chooses series
    whose target was scraped then; ``up`` selects what says when their targets were scraped.
    """

    selector: str
    step: timedelta
    before: str
    watched: str
    up: str

    def of_one_scrape(self) -> str:
        """Where a target is scraped once a step at most: what ends in a step has no sample in it."""
        span = durations.text(self.step - durations.MILLISECOND)
        selector, then = self.selector, self._then
        return _net(
            (
                f"{selector} - last_over_time({selector}{self.before}) >= 0",
                f"{selector} and {self.watched}",
            ),
            ended=f"{then} unless last_over_time({selector}[{span}])",
            born=self._born,
        )

    def of_many(self) -> str:
        """Where several scrapes fall into one step: a series may gain, then end or start anew, all in the same one.

        What it gained before counts, too. One has ended that is not in its target's newest scrape, though it was seen
        in the step.
        """
        selector, then, span = self.selector, self._then, durations.text(self.step)
        last = f"last_over_time({selector}[{span}])"
        scraped = f"max by (job, instance) (timestamp({self.up}))"
        return _net(
            (
                f"{last} - last_over_time({selector}{self.before}) >= 0",
                f"(max_over_time({selector}[{span}]) - {then} >= 0) + {last}",
                f"{last} and {self.watched}",
            ),
            ended=(
                f"({last} and {then} or {then})"
                f" unless timestamp({selector}) >= on (job, instance) group_left () {scraped}"
            ),
            born=self._born,
        )

    @property
    def _then(self) -> str:
        return f"{self.selector} offset {durations.text(self.step)}"

    @property
    def _born(self) -> str:
        return f"({self.selector} unless {self._then}) and {self.watched}"


def _net(gained: tuple[str, ...], *, ended: str, born: str) -> str:
    """What was gained, less what the newborn had counted under the labels of those that ended."""
    either = "\n    or ".join(gained)
    return (
        "(\n"
        "  sum(\n"
        f"    {either}\n"
        "  ) or vector(0)\n"
        ")\n"
        "- (\n"
        "  sum(\n"
        f"    sum by (job, instance) ({ended})\n"
        f"    <= sum by (job, instance) ({born})\n"
        "  ) or vector(0)\n"
        ")"
    )
