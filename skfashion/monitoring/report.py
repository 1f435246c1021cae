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
        Its number, from 1; 0 before the first one is full: then there is no alarm, no test, and
        what is estimated is None.
    n_rows : int
        Its rows.
    alarm : bool
        Whether any test has found more than chance explains.
    alarms : tuple of str
        Which tests have.
    label_shift : bool
        Whether the classes are predicted in other shares and, as far as confidence tells, nothing
        else has changed ("classes" gives an alarm, and "confidence_given_classes" none): then
        `class_prior` can be believed and fed back. Otherwise it is wrong, and feeding it back does
        harm.
    tests : dict of str to dict
        By their names: ``{"statistic": float, "threshold": float, "window": int, "alarm": bool}``.
        A test gives an alarm where the statistic exceeds the threshold.

        - "classes": how often each class is predicted, Pearson's chi-squared of two samples;
        - "confidence": the largest probability, Kolmogorov and Smirnov's largest difference of
          distribution functions;
        - "confidence_given_classes": the same, from what the classes would give if they were as
          frequent as `class_prior` says;
        - "accuracy": by how much calibrated confidence promises less accuracy, from 0 to 1;
        - "features": the largest such difference over projections of the features;
        - "mmd": the squared distance of the features' mean similarities to rows of the reference;
        - "pixels": the largest difference of distribution functions of the images' brightness,
          contrast and roughness.
    class_prior : tuple of float or None
        Estimated frequencies of the classes, in the order of the profile's `classes`: the ones
        under which the calibrated probabilities are most likely. They can be given to
        ``net.set_params(prior=…)``, and to ``shift_probabilities``.
    class_prior_bbse : tuple of float or None
        The same by black-box shift estimation, which sees the predicted labels alone.
    expected_accuracy : float or None
        The accuracy that calibrated probabilities promise if the classes are as frequent as
        `class_prior` says, from 0 to 1.
    thresholded_confidence : float or None
        The accuracy that average thresholded confidence (ATC) promises.
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
    alarm: bool = False
    alarms: tuple[str, ...] = ()
    label_shift: bool = False
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)
    class_prior: tuple[float, ...] | None = None
    class_prior_bbse: tuple[float, ...] | None = None
    expected_accuracy: float | None = None
    thresholded_confidence: float | None = None
    reference_accuracy: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON's types.

        Returns
        -------
        dict
            Its attributes by name, tuples as lists.
        """
        found = asdict(self)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in found.items()}
