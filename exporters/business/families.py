"""Every family of the business collector.

All counts are of documents, rounded to ``smallest_cell`` (docs of ``cells.rounded`` say why), and carry closed lists
as labels: no patient, no practitioner, no text that somebody typed. "1d", "7d", "30d" are days of the clinic's clock.

Lead time is here twice. ``appointment_lead_time_seconds`` is a real histogram: each booking is counted once, from the
start of this process on, so ``rate`` and ``increase`` over any range work. A histogram over the last 30 days could not
be one: as bookings leave the window its buckets fall, which Prometheus takes for a restart of the counter.
``appointments_made_by_lead_time`` is that window, declared as what it is: gauges, one for each class, not cumulative.
"""

from __future__ import annotations

from exporters.declare import family

STATUSES = (
    "proposed",
    "pending",
    "booked",
    "arrived",
    "checked-in",
    "fulfilled",
    "cancelled",
    "noshow",
    "waitlist",
    "entered-in-error",
)
"""HL7 FHIR R4's; whatever else a document says is not counted, so that no free text becomes a label."""

HOUR, DAY = 3_600.0, 86_400.0
LEAD_EDGES = (HOUR, 4 * HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 60 * DAY, 90 * DAY)
LEADS = ("0-1h", "1h-4h", "4h-1d", "1d-2d", "2d-3d", "3d-7d", "7d-14d", "14d-30d", "30d-60d", "60d-90d", "90d-")
HORIZONS = {"1d": 1, "7d": 7, "30d": 30}
"""Days ahead; each horizon includes the shorter ones."""
REGISTERED = {"1d": 1, "7d": 7}
"""Days back; each window includes the shorter one."""
HOURS = tuple(f"{hour:02}" for hour in range(24))
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CANCELLED_BY = ("patient", "clinic", "other")
NOTICES = ("lt24h", "ge24h", "unknown")
SLOT_STATES = ("booked", "held", "free")
ACTIVE = ("5m", "1h", "24h")

APPOINTMENTS = family(
    "appointments",
    "Appointments by FHIR status, of all time.",
    "status",
    source="count appointments by status, index status_start",
    cost="slow",
)
UPCOMING = family(
    "appointments_upcoming",
    "Appointments that will begin within the horizon, by service; each horizon includes the shorter ones.",
    "service",
    "horizon",
    source="aggregate appointments, index status_start",
    cost="slow",
)
DUE_LAST_DAY = family(
    "appointments_due_last_day",
    "Appointments that should have begun within the last day, by what became of them (FHIR status): noshow over all "
    "but cancelled is the no-show rate, fulfilled are the completed ones.",
    "status",
    source="count appointments by status and start, index status_start",
    cost="slow",
)
MADE_LAST_DAY = family(
    "appointments_made_last_day",
    "Appointments made within the last day, whatever became of them, by service.",
    "service",
    source="aggregate appointments, index created_start",
    cost="slow",
)
CANCELLED_LAST_DAY = family(
    "appointments_cancelled_last_day",
    "Appointments cancelled within the last day: by whom (FHIR cancelationReason), how long before their start.",
    "by",
    "notice",
    source="aggregate appointments.history, index cancelled_at",
    cost="slow",
)
WAITLIST = family(
    "appointments_waitlist_length",
    "Appointments with status waitlist that have not begun, or have no time yet.",
    source="count appointments by status and start, index status_start",
    cost="slow",
)
LEAD_TIME = family(
    "appointment_lead_time_seconds",
    "From booking to the start of the appointment, of each booking since these exporters started.",
    buckets=LEAD_EDGES,
    source="aggregate appointments.start - appointments.created, index created_start",
    cost="slow",
)
MADE_BY_LEAD = family(
    "appointments_made_by_lead_time",
    "Appointments made within the last 30 days, by the time between booking and start; the classes do not overlap.",
    "lead",
    source="aggregate appointments.start - appointments.created, index created_start",
    cost="slow",
)
MADE_BY_HOUR = family(
    "appointments_made_by_hour",
    "Appointments made within the last 28 days, by hour of the day on the clinic's clock.",
    "hour",
    source="aggregate appointments.created, index created_start",
    cost="slow",
)
MADE_BY_WEEKDAY = family(
    "appointments_made_by_weekday",
    "Appointments made within the last 28 days, by day of the week on the clinic's clock.",
    "weekday",
    source="aggregate appointments.created, index created_start",
    cost="slow",
)
CAPACITY = family(
    "appointment_slots_capacity",
    "Slots on offer that begin within the horizon, booked or not, by service.",
    "service",
    "horizon",
    source="find clinic, practitioners",
    cost="slow",
)
SLOTS = family(
    "appointment_slots",
    "Slots that begin within the horizon: booked, held (FHIR status pending) or free. Booked over "
    "appointment_slots_capacity is the utilisation.",
    "service",
    "horizon",
    "state",
    source="aggregate appointments, index status_start; find clinic, practitioners",
    cost="slow",
)
OPEN = family(
    "clinic_open",
    "Whether the clinic is open now (1), by its hours on its own clock; it knows of no holiday. PromQL knows only UTC.",
    source="find clinic",
    cost="slow",
)
THIRD_NEXT = family(
    "appointments_third_next_available_seconds",
    "Time until a practitioner's third free slot, the mean of a service's practitioners; who has none counts with the "
    "farthest day that can be booked.",
    "service",
    source="aggregate appointments.start, indexes status_start, practitioner_start; find clinic, practitioners",
    cost="slow",
)
PATIENTS = family("patients", "Registered patients.", source="count patients (the collection's own count)", cost="slow")
REGISTERED_PATIENTS = family(
    "patients_registered",
    "Patients who registered within the window; 7d includes 1d. users_registered_total of the app is the counter.",
    "window",
    source="aggregate patients.created, index created",
    cost="slow",
)
PRACTITIONERS = family(
    "practitioners", "Practitioners by service.", "service", source="find practitioners", cost="slow"
)
ACTIVE_USERS = family(
    "active_users",
    "Patients who asked for something within the window, estimated (HyperLogLog, 1 % error).",
    "window",
    source="PFCOUNT active:*",
    cost="slow",
)
QUERY_SECONDS = family(
    "business_query_duration_seconds",
    "How long a query of the business figures last took.",
    "query",
    source="our own clock",
    cost="slow",
)
QUERY_EXAMINED = family(
    "business_query_examined",
    "Index entries or documents that a query of the business figures last had to read, to the nearest hundred.",
    "query",
    source="counted by the query itself",
    cost="slow",
)
QUERY_TIMESTAMP = family(
    "business_query_timestamp_seconds",
    "When a query of the business figures was last answered, as a Unix timestamp.",
    "query",
    source="our own clock",
    cost="slow",
)

METRICS = (
    APPOINTMENTS,
    UPCOMING,
    DUE_LAST_DAY,
    MADE_LAST_DAY,
    CANCELLED_LAST_DAY,
    WAITLIST,
    LEAD_TIME,
    MADE_BY_LEAD,
    MADE_BY_HOUR,
    MADE_BY_WEEKDAY,
    CAPACITY,
    SLOTS,
    OPEN,
    THIRD_NEXT,
    PATIENTS,
    REGISTERED_PATIENTS,
    PRACTITIONERS,
    ACTIVE_USERS,
    QUERY_SECONDS,
    QUERY_EXAMINED,
    QUERY_TIMESTAMP,
)
