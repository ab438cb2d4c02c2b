"""What the command line, the console and the jobs all ask: where SLOs stand, and how a period went."""

from monitor.compliance.status import SloStatus, slo_statuses
from monitor.slo.verdict import Verdict

__all__ = ["SloStatus", "Verdict", "slo_statuses"]
