"""Our documents in the words and shapes of HL7 FHIR R4. Pure."""

from __future__ import annotations

from app.clock import to_rfc3339
from app.mongodb import Document
from app.schedule import Practitioner, Slot

Resource = dict[str, object]


def practitioner(found: Practitioner) -> Resource:
    """A Practitioner; the specialty stands where FHIR puts a qualification's text."""
    return {
        "resourceType": "Practitioner",
        "id": found.id,
        "active": True,
        "name": [{"text": found.name}],
        "qualification": [{"code": {"text": found.specialty}}],
    }


def slot(found: Slot) -> Resource:
    """A free Slot."""
    return {
        "resourceType": "Slot",
        "id": found.id,
        "schedule": {"reference": f"Schedule/{found.practitioner}"},
        "status": "free",
        "start": to_rfc3339(found.start),
        "end": to_rfc3339(found.end),
    }


def appointment(document: Document, *, patient_name: str | None = None) -> Resource:
    """An Appointment as its own patient may see it."""
    patient: Resource = {"reference": f"Patient/{document['patient']}"}
    if patient_name is not None:
        patient["display"] = patient_name
    resource: Resource = {
        "resourceType": "Appointment",
        "id": document["_id"],
        "meta": {"versionId": str(document["version"])},
        "status": document["status"],
        "start": to_rfc3339(document["start"]),
        "end": to_rfc3339(document["end"]),
        "minutesDuration": int((document["end"] - document["start"]).total_seconds() // 60),
        "slot": [{"reference": f"Slot/{document['slot']}"}],
        "created": to_rfc3339(document["created"]),
        "participant": [
            {"actor": patient, "required": "required", "status": "accepted"},
            {
                "actor": {"reference": f"Practitioner/{document['practitioner']}"},
                "required": "required",
                "status": "accepted",
            },
        ],
    }
    if "cancelationReason" in document:
        resource["cancelationReason"] = {"coding": [{"code": document["cancelationReason"]}]}
    return resource


def bundle(resources: list[Resource], *, next_link: str | None = None) -> Resource:
    """A searchset Bundle."""
    links = [{"relation": "next", "url": next_link}] if next_link else []
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": links,
        "entry": [{"resource": resource} for resource in resources],
    }
