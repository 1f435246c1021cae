"""What a monitor says of a window."""

from dataclasses import asdict, dataclass, field
from typing import Any

from skfashion.utils.names import advises


@advises
@dataclass(frozen=True)
class DriftReport:
    """What a :class:`~skfashion.monitoring.DriftMonitor` has found in a window of rows.

    Made by the monitor.

    Attributes
    ----------
    window : int
        Its number, from 1; 0 before the first one is full: then there is no alarm and no test, and
        estimates are None.
    n_rows : int
        Number of its rows.
    classes : tuple or None
        The labels, in the order of `class_prior`.
    alarm : bool
        Whether any test has found more than chance explains.
    alarms : tuple of str
        Which tests have given an alarm.
    label_shift : bool
        Whether the shares of predicted classes have changed and, as far as confidence shows,
        nothing else has ("classes" gives an alarm, "confidence_given_classes" does not). Then
        `class_prior` can be trusted and fed back. Otherwise it is wrong, and feeding it back does
        harm.
    tests : dict of str to dict
        By name: ``{"statistic": float, "threshold": float, "window": int, "alarm": bool}``. A test
        gives an alarm if the statistic exceeds the threshold.

        - "classes": how often each class is predicted, Pearson's chi-squared of two samples;
        - "confidence": the largest probability, Kolmogorov-Smirnov's largest difference of
          distribution functions;
        - "confidence_given_classes": the same, compared with what is expected if the classes are as
          frequent as in `class_prior`;
        - "accuracy": by how much the accuracy predicted by calibrated confidence has fallen, from 0
          to 1;
        - "features": the largest such difference over projections of the features;
        - "mmd": maximum mean discrepancy: how similar the features are, on average, to some rows
          of the reference; the squared difference from the reference's own similarities;
        - "pixels": the largest difference of distribution functions of the images' brightness,
          contrast and roughness.
    class_prior : tuple of float or None
        Estimated frequencies of the classes, in the order of `classes`: the ones
        under which the calibrated probabilities are most likely. They can be given to
        ``net.set_params(prior=…)``, and to ``shift_probabilities``.
    class_prior_bbse : tuple of float or None
        The same by black-box shift estimation, which only uses the predicted labels.
    expected_accuracy : float or None
        The accuracy, from 0 to 1, that calibrated probabilities predict if the classes are as
        frequent as in `class_prior`. It is that of the labels that the classifier returned; they
        are assumed to be without a fed-back prior, unless `update` is given one.
    expected_accuracy_with_prior : float or None
        The same if `class_prior` is fed back, or if a service follows it.
    thresholded_confidence : float or None
        The accuracy that average thresholded confidence (ATC) predicts, without a prior.
    reference_accuracy : float
        The accuracy on the validation data.

    Examples
    --------
    >>> from skfashion.monitoring import DriftReport
    >>> DriftReport(reference_accuracy=0.9).alarm
    False
    """

    window: int = 0
    n_rows: int = 0
    classes: tuple[Any, ...] | None = None
    alarm: bool = False
    alarms: tuple[str, ...] = ()
    label_shift: bool = False
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)
    class_prior: tuple[float, ...] | None = None
    class_prior_bbse: tuple[float, ...] | None = None
    expected_accuracy: float | None = None
    expected_accuracy_with_prior: float | None = None
    thresholded_confidence: float | None = None
    reference_accuracy: float | None = None

    @property
    def alarms_in_words(self) -> str:
        """Which tests have given an alarm, such as ``"alarm of classes, mmd"``."""
        return f"alarm of {', '.join(self.alarms)}" if self.alarms else "no alarm"

    def __str__(self):
        reference = "" if self.reference_accuracy is None else f"{self.reference_accuracy:.3f}"
        if not self.window:
            return f"No full window yet. Accuracy on validation data: {reference or 'unknown'}"
        lines = [f"Window {self.window}, {self.n_rows} rows: {self.alarms_in_words}"]
        if self.expected_accuracy is not None:
            beside = f" (on validation data {reference})" if reference else ""
            lines.append(f"Expected accuracy: {self.expected_accuracy:.3f}{beside}")
        if self.class_prior is not None:
            names = self.classes or range(len(self.class_prior))
            pairs = zip(names, self.class_prior, strict=True)
            ordered = sorted(pairs, key=lambda pair: -pair[1])
            lines.append("Classes: " + ", ".join(f"{name} {share:.1%}" for name, share in ordered))
        if self.label_shift:
            lines.append("Label shift: class_prior can be fed back")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON types.

        Returns
        -------
        dict
            Its attributes by name, tuples as lists.
        """
        found = asdict(self)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in found.items()}
