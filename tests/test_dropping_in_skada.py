"""skada's pipelines: what the pitfalls say of rows without a label."""

import numpy as np
import pytest
from common import small
from sklearn import config_context

from skfashion import MLPNetClassifier

pytestmark = pytest.mark.slow


@pytest.fixture
def skada():
    # Its import changes scikit-learn's configuration.
    with config_context(enable_metadata_routing=True):
        yield pytest.importorskip("skada")


@pytest.mark.filterwarnings("ignore")
def test_a_net_is_given_the_rows_without_a_label(skada, digits):
    X, y = digits[0].astype(np.float32), digits[1].astype(np.int64)
    domain = np.where(np.arange(len(y)) < 200, 1, -2)
    y_known = np.where(domain > 0, y, -1)
    adapter, net = skada.CORALAdapter(), small(MLPNetClassifier)
    wrong = skada.make_da_pipeline(adapter, net).fit(X, y_known.copy(), sample_domain=domain)
    assert -1 in wrong[-1].base_estimator_.classes_
    mapped = adapter.fit_transform(X, y_known, sample_domain=domain)
    right = net.fit(mapped[domain > 0], y_known[domain > 0])
    assert right.classes_.tolist() == list(range(10))
