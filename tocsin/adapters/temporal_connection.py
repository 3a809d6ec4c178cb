"""How Temporal is reached: the address of the settings, and TLS, API key or client certificate of a profile.

Profiles are Temporal's own (`temporal.toml` and `TEMPORAL_*`), so that its command line and Tocsin share them.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client, Interceptor
from temporalio.common import VersioningBehavior
from temporalio.converter import DataConverter
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import WorkerDeploymentConfig, WorkerDeploymentVersion

from tocsin.adapters.tracing import traced_calls
from tocsin.domain.errors import Refused
from tocsin.settings import Settings, profile

Credentials = dict[str, Any]
"""Keyword arguments of `Client.connect` beyond address and namespace: `tls`, `api_key`, `rpc_metadata`."""

HEARTBEAT = timedelta(seconds=60)


def credentials(settings: Settings) -> Credentials:
    """Return TLS, API key and client certificate, as the profile, the `TEMPORAL_*` variables and the settings say.

    Raises:
        Refused: if the profile is not there, or a file it names cannot be read.
    """
    found = profile(settings)
    known = {name: value for name, value in found.items() if name in {"tls", "api_key", "rpc_metadata"}}
    if settings.temporal_api_key:
        known = {"tls": True} | known | {"api_key": settings.temporal_api_key.get_secret_value()}
    return known


async def connect(
    settings: Settings,
    converter: DataConverter | None = None,
    runtime: Runtime | None = None,
    interceptors: Sequence[Interceptor] = (),
) -> Client:
    """Return a client connected as the settings say; a plain one shows payloads as they are stored.

    Raises:
        RuntimeError: if Temporal does not answer; what the client itself raises.
    """
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=converter or DataConverter.default,
        runtime=runtime,
        interceptors=[*traced_calls(settings), *interceptors],
        **credentials(settings),
    )


def worker_runtime(settings: Settings) -> Runtime:
    """Return the runtime of a worker: with its metrics at `TOCSIN_METRICS_ADDRESS`, if that is set.

    Raises:
        Refused: if nothing can listen there.
    """
    address = settings.metrics_address
    metrics = PrometheusConfig(bind_address=address, durations_as_seconds=True) if address else None
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=metrics), worker_heartbeat_interval=HEARTBEAT)
    except (RuntimeError, ValueError) as error:
        raise Refused(f"metrics cannot be shown at {address} ({error}); set TOCSIN_METRICS_ADDRESS") from error


def versioning(settings: Settings) -> WorkerDeploymentConfig | None:
    """Return the version as which a worker polls, or None: unversioned, for one machine and for the first start.

    Incidents live for weeks and go on with the newest worker; what is short is pinned, where it is defined.
    """
    if settings.worker_deployment is None or settings.worker_build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.worker_deployment, settings.worker_build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )
