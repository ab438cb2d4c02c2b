"""What a key management service answers, told apart: one that refuses, and one that is ill."""

from __future__ import annotations

import pytest
import tink
from botocore.exceptions import ClientError

from monitor.errors import SettingsError, Unavailable
from monitor.sources.key_management import one_sentence


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AccessDeniedException", 400, SettingsError),
        ("ThrottlingException", 400, Unavailable),
        ("InternalFailure", 500, Unavailable),
        ("503", 503, Unavailable),
    ],
)
def test_one_that_is_ill_does_not_count_as_one_that_refuses(code: str, status: int, kind: type[Exception]) -> None:
    told = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(kind, match="key"), one_sentence("key"):
        raise tink.TinkError(ClientError(told, "Decrypt"))  # type: ignore[arg-type]  # all that is looked at
