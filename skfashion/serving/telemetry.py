"""Metrics for Prometheus: every label comes from a closed set, never from a client."""

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from skfashion.serving.telemetry_files import SHARED

METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Telemetry:
    """The metrics of an app; several processes add theirs up through files."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self):
        self._registry = registry = CollectorRegistry()
        # To find these by their labels takes longer than to count.
        self._of_requests, self._of_labels = {}, {}
        self._requests = Counter(
            "skfashion_requests_total",
            "Requests that were answered.",
            ["route", "method", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "skfashion_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self._predictions = Counter(
            "skfashion_predictions_total",
            "Images or rows, by the label that they got.",
            ["model", "label"],
            registry=registry,
        )
        self._loads = Counter(
            "skfashion_model_loads_total",
            "Files that were loaded again, and those that failed their check.",
            ["model", "outcome"],
            registry=registry,
        )
        self._alarms = Gauge(
            "skfashion_drift_alarm",
            "1 while the last window of images was not like the validation data of the profile.",
            ["model", "kind"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._dropped = Counter(
            "skfashion_drift_dropped_total",
            "Rows that the monitor did not look at, because it was busy.",
            ["model"],
            registry=registry,
        )

    def request(self, route, method, status, seconds):
        """Count a request; `route` is the template of its path."""
        method = method if method in METHODS else "other"
        found = self._of_requests.get((route, method, status))
        if found is None:
            found = self._requests.labels(route, method, status), self._seconds.labels(route)
            self._of_requests[route, method, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def predictions(self, model, labels):
        """Count labels that were predicted."""
        for label in labels:
            found = self._of_labels.get((model, text := str(label)))
            if found is None:
                found = self._of_labels[model, text] = self._predictions.labels(model, text)
            found.inc()

    def load(self, model, outcome):
        """Count a file that was loaded again; `outcome` is "loaded" or "refused"."""
        self._loads.labels(model, outcome).inc()

    def alarm(self, model, kind, is_on):
        """Say whether a kind of drift is seen."""
        self._alarms.labels(model, kind).set(int(is_on))

    def dropped(self, model, n_rows):
        """Count rows that a monitor did not look at."""
        self._dropped.labels(model).inc(n_rows)

    def text(self):
        """Return all of it, bytes, in Prometheus' format."""
        registry = self._registry
        if SHARED in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry)
