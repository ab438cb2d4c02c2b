"""What the clinic's managers ask: registrations, bookings, cancellations, no-shows, free slots. Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_demand import capacity, demand, freshness
from monitor.render.dashboards_model import Board, Panel, Query, Section, Variable
from monitor.render.dashboards_promql import RATE, bad_share
from monitor.render.dashboards_style import GOOD, NEUTRAL, WARN, above, below, warned
from monitor.render.links import BUSINESS_DASHBOARD, SERVICE_DASHBOARD

SERVICE = 'service=~"$service"'
NO_SHOWS = warned(0.1)
"""Reviews of outpatient clinics find rates around a fifth; a tenth is what reminders are known to reach."""

USED = ((None, NEUTRAL), (0.9, WARN))
"""With nine slots of ten taken a patient finds no time of his own choice."""


def business_board(catalogue: Catalogue) -> Board:
    """Make the board."""
    return Board(
        uid=BUSINESS_DASHBOARD,
        title="Business: bookings, cancellations, free slots",
        text="Do patients register and book as usual, do they come, and is there room for the next ones?",
        span="now-24h",
        variables=(Variable(name="service", label="Service", metric="appointment_slots_capacity", choice="service"),),
        sections=(
            Section(title="The last day", panels=_day()),
            Section(title="Bookings", panels=_bookings(catalogue)),
            Section(title="Cancellations and no-shows", panels=_lost(), collapsed=True),
            Section(title="Demand: when, and how far ahead", panels=demand(), collapsed=True),
            Section(title="Capacity", panels=capacity(), collapsed=True),
            Section(title="Can these figures be trusted?", panels=freshness(), collapsed=True),
        ),
    )


def _total(metric: str, matchers: str, *labels: str) -> str:
    """Of the whole clinic, as each exporter that asks the database has it: two of them are not twice as many."""
    return f"sum(max by ({', '.join(labels)}) ({metric}{{{matchers}}}))"


def _due(matchers: str) -> str:
    return _total("appointments_due_last_day", matchers, "status")


def _day() -> tuple[Panel, ...]:
    return (
        Panel(
            title="How many appointments were made?",
            text=(
                "Appointments made within the last day, whatever became of them. What is good is what is usual for "
                "the weekday; far fewer while the service is up is a booking page that puts people off."
            ),
            kind="stat",
            unit="short",
            queries=(Query(_total("appointments_made_last_day", SERVICE, "service"), "made"),),
            leads_to=SERVICE_DASHBOARD,
        ),
        Panel(
            title="How many patients registered?",
            text=(
                "New patients within the last day. What is good is what is usual; none while there is traffic means "
                "that registering fails: try it by hand, then see the errors in the API dashboard."
            ),
            kind="stat",
            unit="short",
            queries=(Query('max(patients_registered{window="1d"})', "registered"),),
            leads_to=SERVICE_DASHBOARD,
        ),
        Panel(
            title="How many were cancelled?",
            text=(
                "Appointments cancelled within the last day, by whomever. Good is a steady share of those made; a jump "
                "of cancellations by the clinic is a practitioner who fell ill."
            ),
            kind="stat",
            unit="short",
            queries=(Query(_total("appointments_cancelled_last_day", "", "by", "notice"), "cancelled"),),
            leads_to=SERVICE_DASHBOARD,
        ),
        Panel(
            title="Who does not come?",
            text=(
                "No-shows of all appointments that should have begun within the last day, cancelled ones left out. "
                "Good is below 10 %; above it look at reminders, and at appointments made far ahead."
            ),
            kind="stat",
            unit="percentunit",
            queries=(Query(_due('status="noshow"') + " / (" + _due('status!="cancelled"') + " > 0)", "no-shows"),),
            steps=NO_SHOWS,
            maximum=1,
            empty_until="first_appointment_due",
            nothing="no appointment was due within the last day",
        ),
        Panel(
            title="How many slots are free this week?",
            text=(
                "Free slots that begin within the next seven days. Good is some for every service; with none, patients "
                "go elsewhere: see by service in the row on capacity."
            ),
            kind="stat",
            unit="short",
            queries=(Query(_total("appointment_slots", f'{SERVICE},horizon="7d",state="free"', "service"), "free"),),
            steps=above(1),
        ),
        Panel(
            title="How long until the third free slot?",
            text=(
                "Third next available appointment, the field's measure of access, of the slowest service. Good is "
                "within a week or what the clinic promises; beyond it add hours or practitioners."
            ),
            kind="stat",
            unit="s",
            queries=(Query(f"max(appointments_third_next_available_seconds{{{SERVICE}}})", "third next"),),
            steps=((None, GOOD), (7 * 86_400.0, WARN)),
        ),
    )


def _bookings(catalogue: Catalogue) -> tuple[Panel, ...]:
    return (
        Panel(
            title="What becomes of booking attempts?",
            text=(
                "Booking attempts per second by outcome, as the apps count them. Conflicts are good (someone else was "
                "faster), errors are not: compare with the database panels of the API dashboard at the same time."
            ),
            unit="ops",
            queries=(Query(f"sum by (outcome) (rate(booking_attempts_total[{RATE}]))", "{{outcome}}"),),
            alerts=("NoBookings",),
            leads_to=SERVICE_DASHBOARD,
        ),
        Panel(
            title="What share of bookings fails?",
            text=(
                "Booking attempts that ended in an error. Good is below what the objective for bookings allows (the "
                "line). Above it patients are sent away who could have been served: follow the runbook."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f'sum(rate(booking_attempts_total{{outcome="error"}}[{RATE}]))'
                    f" / (sum(rate(booking_attempts_total[{RATE}])) > 0)",
                    "failing",
                ),
            ),
            steps=bad_share(catalogue, "booking-success"),
            draw_thresholds=True,
            alerts=("ErrorBudgetBurnFast",),
        ),
        Panel(
            title="Do new patients arrive?",
            text=(
                "Registrations per second. What is good is what is usual for the hour; none while there is traffic "
                "means that registering fails: try it by hand, then look at the errors by backend."
            ),
            unit="ops",
            queries=(Query(f"sum(rate(users_registered_total[{RATE}]))", "registrations"),),
            leads_to=SERVICE_DASHBOARD,
        ),
        Panel(
            title="What happens to appointments?",
            text=(
                "Appointments per second that entered each FHIR status. Good is booked in step with the attempts, "
                "cancelled a steady share of it; many entered-in-error are staff who correct something by hand."
            ),
            unit="ops",
            queries=(Query(f"sum by (status) (rate(appointments_transitions_total[{RATE}]))", "{{status}}"),),
            leads_to=SERVICE_DASHBOARD,
        ),
        Panel(
            title="How full is the next week?",
            text=(
                "Booked slots of all on offer within seven days, by service. Good is below 90 %, so that patients can "
                "choose; a service at 100 % turns people away."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f'max by (service) (appointment_slots{{{SERVICE},horizon="7d",state="booked"}})'
                    f' / (max by (service) (appointment_slots_capacity{{{SERVICE},horizon="7d"}}) > 0)',
                    "{{service}}",
                ),
            ),
            steps=USED,
            draw_thresholds=True,
            maximum=1,
        ),
        Panel(
            title="How many patients are active?",
            text=(
                "Patients who asked for something within each window, estimated. Good is the usual course of the day; "
                "a fall while the service is up is a front end that does not load for some."
            ),
            unit="short",
            queries=(Query("max by (window) (active_users)", "{{window}}"),),
            leads_to=SERVICE_DASHBOARD,
        ),
    )


def _lost() -> tuple[Panel, ...]:
    return (
        Panel(
            title="Who cancels, and how late?",
            text=(
                "Appointments cancelled within the last day: by whom, and how long before their start. Good is by "
                "patients and early, when the slot can be given to someone else; late ones by the clinic hurt most."
            ),
            kind="bars",
            unit="short",
            queries=(Query("sort_desc(max by (by, notice) (appointments_cancelled_last_day))", "{{by}}, {{notice}}"),),
            leads_to=SERVICE_DASHBOARD,
        ),
        Panel(
            title="What became of the day's appointments?",
            text=(
                "Appointments that should have begun within the last day, by status. Good is fulfilled for most; many "
                "still booked are staff who do not close them, and make the no-show rate look better than it is."
            ),
            kind="bars",
            unit="short",
            queries=(Query("sort_desc(max by (status) (appointments_due_last_day))", "{{status}}"),),
            leads_to=SERVICE_DASHBOARD,
        ),
        Panel(
            title="How many appointments are there?",
            text=(
                "Appointments of all time by FHIR status. Good is booked rising with traffic and cancelled slowly. A "
                "sudden fall of any of them means lost data: check the last restore and the recovery dashboard."
            ),
            unit="short",
            queries=(Query("max by (status) (appointments)", "{{status}}"),),
            leads_to=SERVICE_DASHBOARD,
        ),
        Panel(
            title="Do two patients hold the same appointment?",
            text=(
                "Appointments that overlap another one of the same practitioner. Good is zero, always. Anything else: "
                "open the runbook now, for somebody will stand before a closed door."
            ),
            width=24,
            height=6,
            queries=(Query("max(appointments_overlapping)", "overlaps"),),
            steps=below(1),
            alerts=("DoubleBooking",),
        ),
    )
