"""What the command line, the console and the jobs all ask: where SLOs stand, and how a period went."""

from monitor.compliance.files import write_whole
from monitor.compliance.period import Period, parse
from monitor.compliance.report import make_report
from monitor.compliance.status import SloStatus, slo_statuses
from monitor.slo.verdict import Verdict

__all__ = ["Period", "SloStatus", "Verdict", "make_report", "parse", "slo_statuses", "write_whole"]
