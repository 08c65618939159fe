"""How long each step took, told to an OpenTelemetry collector where the settings name one.

A trace is named by the id of its request, which leads from the form by way of the job to the mail.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

from models.audit import request_id
from models.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

About = dict[str, str | int]
OURS = re.compile(r"[0-9a-f]{32}")
_tracers: list["Tracer"] = []


def begin_spans(chosen: Settings, part: str) -> None:
    """Have this process, which is the web, a worker or the clock, tell its spans if the settings say where to."""
    if not chosen.otel_endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class OfRequest(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return _trace_id(request_id.get()) or super().generate_trace_id()

    provider = TracerProvider(resource=Resource.create({"service.name": f"guestlist-{part}"}), id_generator=OfRequest())
    exporter = OTLPSpanExporter(endpoint=f"{chosen.otel_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracers.append(provider.get_tracer("guestlist"))


@contextmanager
def span(name: str, **about: str | int) -> Iterator[About]:
    """Tell how long the step took; what it adds to the yielded attributes is told as well.

    Of an error only its class is told: its words may hold anything.
    """
    if not _tracers:
        yield about
        return
    from opentelemetry.trace import StatusCode

    with _tracers[0].start_as_current_span(name, record_exception=False, set_status_on_exception=False) as step:
        try:
            yield about
        except BaseException as error:
            step.set_status(StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            step.set_attributes({"guestlist.request_id": request_id.get(), **about})


def _trace_id(request: str) -> int:
    """Return a request's id as a number of 128 bits, which it is itself unless a proxy has chosen it."""
    return int(request if OURS.fullmatch(request) else sha256(request.encode()).hexdigest()[:32], 16)
