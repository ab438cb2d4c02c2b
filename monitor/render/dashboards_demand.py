"""When patients book and for when, how much room there is, and how fresh these figures are. Pure."""

from __future__ import annotations

from monitor.render.dashboards_model import Panel, Query
from monitor.render.dashboards_promql import RATE
from monitor.render.dashboards_style import warned
from monitor.render.links import MONGODB_DASHBOARD, MONITORING_DASHBOARD

SERVICE = 'service=~"$service"'


def demand() -> tuple[Panel, ...]:
    """When bookings are made, and for when."""
    return (
        Panel(
            title="At which hour do patients book?",
            text=(
                "Appointments made within four weeks by hour of the clinic's clock. Good to know before a deploy or "
                "maintenance: the lowest bar is the hour in which fewest are disturbed."
            ),
            kind="bars",
            unit="short",
            width=6,
            height=14,
            queries=(Query("max by (hour) (appointments_made_by_hour)", "{{hour}}"),),
            bars_by="hour",
        ),
        Panel(
            title="On which weekday do patients book?",
            text=(
                "Appointments made within four weeks by day of the week. Good to know for staffing the telephone, and "
                "for reading the figures above: compare a Monday with a Monday."
            ),
            kind="bars",
            unit="short",
            width=6,
            height=14,
            queries=(Query("sort_desc(max by (weekday) (appointments_made_by_weekday))", "{{weekday}}"),),
        ),
        Panel(
            title="How far ahead do patients book?",
            text=(
                "Appointments made within 30 days by the time until they begin. Good is most within two weeks: of "
                "those made far ahead more are cancelled or missed."
            ),
            kind="bars",
            unit="short",
            width=6,
            height=14,
            queries=(Query("sort_desc(max by (lead) (appointments_made_by_lead_time))", "{{lead}}"),),
        ),
        Panel(
            title="Does the lead time change?",
            text=(
                "Bookings by the time until they begin, over time. Good is a steady band; one that moves up is demand "
                "that capacity does not follow, weeks before patients complain."
            ),
            kind="heatmap",
            unit="s",
            width=6,
            height=14,
            queries=(Query(f"sum by (le) (increase(appointment_lead_time_seconds_bucket[{RATE}]))", "{{le}}"),),
        ),
    )


def capacity() -> tuple[Panel, ...]:
    """Room for the next patients."""
    return (
        Panel(
            title="Which service has free slots?",
            text=(
                "Free slots within the next seven days by service. Good is some for each; a service with none turns "
                "patients away however well the software works."
            ),
            kind="bars",
            unit="short",
            queries=(
                Query(
                    f'sort(max by (service) (appointment_slots{{{SERVICE},horizon="7d",state="free"}})'
                    f' and max by (service) (appointment_slots_capacity{{{SERVICE},horizon="7d"}}) > 0)',
                    "{{service}}",
                ),
            ),
            steps=((None, "red"), (1.0, "green")),
        ),
        Panel(
            title="How long is the wait, by service?",
            text=(
                "Time until a practitioner's third free slot, the mean of each service. Good is level; a rise says "
                "weeks ahead that a service needs more hours."
            ),
            unit="s",
            queries=(
                Query(f"max by (service) (appointments_third_next_available_seconds{{{SERVICE}}})", "{{service}}"),
            ),
            steps=warned(7 * 86_400.0),
        ),
        Panel(
            title="How many appointments lie ahead?",
            text=(
                "Appointments that will begin within each horizon, by all services chosen. Good is rising with the "
                "horizon; a sudden fall is lost data or a mass cancellation."
            ),
            unit="short",
            queries=(
                Query(
                    f"sum by (horizon) (max by (service, horizon) (appointments_upcoming{{{SERVICE}}}))",
                    "within {{horizon}}",
                ),
            ),
        ),
        Panel(
            title="How many practitioners offer slots?",
            text=(
                "Practitioners by service. Good is at least two for each, so that one who falls ill can be stood in "
                "for; it changes only when staff does."
            ),
            kind="bars",
            unit="short",
            width=12,
            height=6,
            queries=(Query(f"sort(max by (service) (practitioners{{{SERVICE}}}))", "{{service}}"),),
        ),
        Panel(
            title="How many patients wait for a slot?",
            text=(
                "Appointments on the waiting list. Good is few, and fewer after each cancellation; a list that grows "
                "while slots are free means that nobody offers them."
            ),
            unit="short",
            width=12,
            height=6,
            queries=(Query("max(appointments_waitlist_length)", "waiting"),),
        ),
    )


def freshness() -> tuple[Panel, ...]:
    """How old these figures are, and what reading them costs the database."""
    return (
        Panel(
            title="How old are these figures?",
            text=(
                "Time since each query of the business figures was last answered. Good is a minute or two; they are "
                "read on a slow clock. An age that grows means that the database does not answer them."
            ),
            unit="s",
            queries=(Query("time() - max by (query) (business_query_timestamp_seconds)", "{{query}}"),),
            steps=warned(900),
            leads_to=MONITORING_DASHBOARD,
        ),
        Panel(
            title="How long do their queries take?",
            text=(
                "Duration of each query of the business figures. Good is well below a second; a slow one reads too "
                "much, for want of an index."
            ),
            unit="s",
            queries=(Query("max by (query) (business_query_duration_seconds)", "{{query}}"),),
            steps=warned(1),
            leads_to=MONGODB_DASHBOARD,
        ),
        Panel(
            title="How much do they read?",
            text=(
                "Index entries or documents that each query had to read. Good grows no faster than the appointments "
                "do; a jump is an index that is not used any more."
            ),
            unit="short",
            queries=(Query("max by (query) (business_query_examined)", "{{query}}"),),
            leads_to=MONGODB_DASHBOARD,
        ),
    )
