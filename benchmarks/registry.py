"""The only list of studies: a new one is a file of ``benchmarks.studies`` and a line here."""

from benchmarks.studies import learning_curve

STUDIES = {study.name: study for study in (learning_curve.STUDY,)}
