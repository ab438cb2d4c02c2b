"""Where the parts of a running app are found; typed, so that a handler cannot ask for the wrong thing."""

from __future__ import annotations

from aiohttp import web

from app.activity import Activity
from app.appointments import Appointments
from app.erasure import Erasure
from app.metrics import Metrics
from app.passwords import Passwords
from app.readiness import Readiness
from app.schedule import Clinic
from app.settings import Settings
from app.slots import FreeSlots
from app.synthetic import Proofs, Synthetic
from app.tokens import Tokens
from app.users import Users

SETTINGS = web.AppKey("settings", Settings)
CLINIC = web.AppKey("clinic", Clinic)
METRICS = web.AppKey("metrics", Metrics)
READINESS = web.AppKey("readiness", Readiness)
TOKENS = web.AppKey("tokens", Tokens)
PASSWORDS = web.AppKey("passwords", Passwords)
USERS = web.AppKey("users", Users)
ACTIVITY = web.AppKey("activity", Activity)
APPOINTMENTS = web.AppKey("appointments", Appointments)
FREE_SLOTS = web.AppKey("free_slots", FreeSlots)
ERASURE = web.AppKey("erasure", Erasure)
SYNTHETIC = web.AppKey("synthetic", Synthetic)
PROOFS = web.AppKey("proofs", Proofs)
