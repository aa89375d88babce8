"""The public check passes sound plugins and names what is wrong with broken ones."""

# ruff: noqa: ARG004 - the contract fixes the signatures of static methods

import numpy as np
import plotly.graph_objects as go
import pytest
import xarray as xr

import workbench as wb
from analyses.word_classes import WordClasses
from workbench.analysis.base import Analysis, Example, Findings
from workbench.analysis.measure import Measure
from workbench.analysis.spec import Spec
from workbench.errors import UsageError, WorkbenchError
from workbench.statistics.permutation import permutation_null
from workbench.testing import CHECKS, check_analysis

SPEC = {
    "name": "shift",
    "title": "Shift",
    "question": "Do two classes differ in their means?",
    "reference": "A test of means",
    "method": "Squared differences of class means over variances, summed over units.",
    "needs": ("labels",),
}


class Shift(Analysis):
    """A small sound plugin: distance between the means of two classes."""

    spec = Spec(
        **SPEC,
        invariances=("translation", "scale", "unit scale", "unit permutation", "row permutation"),
    )

    def __init__(self, n_permutations=39, seed=0):
        self.n_permutations = n_permutations
        self.seed = seed

    def compute(self, recording, companions, map_sites):
        labels = recording.rows["label"].to_numpy()
        if len(set(labels)) != 2:
            raise UsageError(f"Found {len(set(labels))} classes; expected two to compare.")
        generator = self.generator()
        measures = [
            self.measure(site, self.read(recording, site), labels == labels[0], generator)
            for site in recording.sites
        ]
        values = ("site", [measure.value for measure in measures])
        sites = np.array(recording.sites, dtype=object)
        return Findings(xr.Dataset({"shift": values}, {"site": sites}), tuple(measures))

    def generator(self):
        return np.random.default_rng(self.seed)

    def read(self, recording, site):
        x = recording[site].to_numpy()
        if x.shape[1] < 2:
            raise UsageError(f"Found one unit at site '{site}'; expected at least two of them.")
        if not np.isfinite(x).all():
            raise WorkbenchError(f"Found NaN at site '{site}'; expected finite numbers only.")
        return x

    def statistic(self, x, first):
        difference = x[first].mean(axis=0) - x[~first].mean(axis=0)
        return float(np.sum(np.sort((difference / x.std(axis=0)) ** 2)))

    def measure(self, site, x, first, generator):
        draws = [self.statistic(x, generator.permutation(first)) for _ in range(39)]
        value = self.statistic(x, first)
        null = permutation_null(value, draws, "labels shuffled", "greater")
        where = {"site": site}
        beats = null.p_value <= 0.05
        return Measure("shift", value, "1", len(x), None, null, beats, where=where)

    @staticmethod
    def figures(data):
        return {
            "Shift": go.Figure(go.Bar(x=[str(s) for s in data["site"].values], y=data["shift"]))
        }

    @staticmethod
    def summarize(data, measures):
        return f"The largest shift is {float(data['shift'].max()):.2f} at some site."

    @classmethod
    def example(cls, kind, seed):
        generator = np.random.default_rng(seed)
        labels = np.arange(40) % 2
        x = {site: generator.standard_normal((40, 4)) for site in ("a", "b")}
        if kind == "planted":
            x["a"] += labels[:, None]
        return Example(wb.from_arrays(x, {"label": labels}))


def test_a_sound_plugin_passes():
    assert check_analysis(Shift) == dict.fromkeys(CHECKS, "passed")
    assert set(check_analysis(Shift(n_permutations=19)).values()) == {"passed"}


def test_word_classes_pass():
    assert set(check_analysis(WordClasses).values()) == {"passed"}


class IgnoresItsSeed(Shift):
    def generator(self):
        return np.random.default_rng()


class ChangesParameters(Shift):
    def __init__(self, n_permutations=39, seed=0):
        super().__init__(n_permutations, abs(seed) if isinstance(seed, int) else 1)


class FitChangesParameters(Shift):
    def compute(self, recording, companions, map_sites):
        self.seed += 1
        return super().compute(recording, companions, map_sites)


class SaysNothingOfItself(Shift):
    spec = Spec(**{**SPEC, "question": " "})


class ClaimsUnknownInvariance(Shift):
    spec = Spec(**SPEC, invariances=("mirror",))


class ClaimsTooMuch(Shift):
    spec = Spec(**SPEC, invariances=("rotation",))


class DependsOnScale(Shift):
    def statistic(self, x, first):
        return float(np.sum((x[first].mean(axis=0) - x[~first].mean(axis=0)) ** 2))


class DependsOnWhereTheDataLie(Shift):
    def read(self, recording, site):
        x = super().read(recording, site)
        return x if recording.path is None else x[:, :-1]


class FindsNothing(Shift):
    def statistic(self, x, first):
        return 1.0


class FindsThingsInNoise(Shift):
    def measure(self, site, x, first, generator):
        found = super().measure(site, x, first, generator)
        return Measure("shift", found.value, "1", 40, None, found.null, True, where=found.where)


class ReturnsNan(Shift):
    def measure(self, site, x, first, generator):
        found = super().measure(site, x, first, generator)
        value = np.nan if site == "b" else found.value
        null, beats = found.null, found.beats_null
        return Measure("shift", value, "1", 40, None, null, beats, where=found.where)


class RepeatsMeasures(Shift):
    def compute(self, recording, companions, map_sites):
        found = super().compute(recording, companions, map_sites)
        return Findings(found.data, found.measures * 2)


class AcceptsNan(Shift):
    def read(self, recording, site):
        return np.nan_to_num(recording[site].to_numpy())


class AcceptsOneUnit(Shift):
    def read(self, recording, site):
        x = recording[site].to_numpy()
        if not np.isfinite(x).all():
            raise WorkbenchError("Found NaN at a site; expected finite numbers.")
        return x


class MumblesAboutOneUnit(AcceptsOneUnit):
    def read(self, recording, site):
        if recording[site].shape[1] == 1:
            raise UsageError("bad units")
        return super().read(recording, site)


class AcceptsOneClass(Shift):
    def compute(self, recording, companions, map_sites):
        labels = recording.rows["label"].to_numpy()
        if len(set(labels)) == 1:
            return Findings(xr.Dataset({"shift": ("site", [0.0])}, {"site": ["a"]}), ())
        return super().compute(recording, companions, map_sites)


class HoldsWhatNoDiskTakes(Shift):
    def compute(self, recording, companions, map_sites):
        found = super().compute(recording, companions, map_sites)
        mixed = np.array([{"a": 1}, "b"], dtype=object)
        return Findings(found.data.assign(mixed=("site", mixed)), found.measures)


class ForgetsHalfOnTheWay(Shift):
    def compute(self, recording, companions, map_sites):
        found = super().compute(recording, companions, map_sites)
        found.data["shift"].encoding = {"dtype": "float16"}
        return found


class DrawsNothing(Shift):
    @staticmethod
    def figures(data):
        return {}


class DrawsOnItsData(Shift):
    @staticmethod
    def figures(data):
        data["shift"] *= 2
        return Shift.figures(data)


class DrawsSomethingElse(Shift):
    @staticmethod
    def figures(data):
        return {"Shift": {"data": []}}


class HasNothingToSay(Shift):
    @staticmethod
    def summarize(data, measures):
        return ""


@pytest.mark.parametrize(
    ("plugin", "check", "said"),
    [
        (IgnoresItsSeed, "the same seed gives the same numbers", "other numbers"),
        (ChangesParameters, "parameters round-trip", "the constructor changes 'seed'"),
        (FitChangesParameters, "parameters round-trip", "fit changes parameters"),
        (SaysNothingOfItself, "the spec is complete", "spec.question is empty"),
        (ClaimsUnknownInvariance, "the spec is complete", "mirror"),
        (ClaimsTooMuch, "declared invariances hold", "rotation is declared"),
        (DependsOnScale, "declared invariances hold", "scale is declared"),
        (DependsOnWhereTheDataLie, "whole, chunked and distributed agree", "in shards"),
        (FindsNothing, "planted structure is found", "no measure beats"),
        (FindsThingsInNoise, "noise is not found", "100 % of measures"),
        (ReturnsNan, "measures are complete", "'shift b' is nan"),
        (RepeatsMeasures, "measures are complete", "same name and place"),
        (AcceptsNan, "NaN is refused", "not refused"),
        (AcceptsOneUnit, "one unit is refused", "not refused"),
        (MumblesAboutOneUnit, "one unit is refused", "one clear sentence: 'bad units'"),
        (AcceptsOneClass, "one class is refused", "not refused"),
        (HoldsWhatNoDiskTakes, "results survive the disk", "Error"),
        (ForgetsHalfOnTheWay, "results survive the disk", "'shift' differs"),
        (DrawsNothing, "figures are made from data on disk", "no figure"),
        (DrawsOnItsData, "figures are made from data on disk", "changes the data"),
        (DrawsSomethingElse, "figures are made from data on disk", "'Shift' is a dict"),
        (HasNothingToSay, "the summary says something", "summed up as ''"),
    ],
)
def test_broken_plugins_are_caught(plugin, check, said):
    with pytest.raises(AssertionError) as caught:
        check_analysis(plugin)
    assert str(caught.value).startswith(f"{check}: ")
    assert said in str(caught.value)


def test_a_declared_gap_is_reported_with_its_reason():
    outcome = check_analysis(
        DrawsNothing,
        expected_failures={"figures are made from data on disk": "there is nothing to draw"},
    )
    assert outcome["figures are made from data on disk"] == (
        "expected failure: there is nothing to draw"
    )
    assert outcome["planted structure is found"] == "passed"


def test_a_declared_gap_that_is_none_fails():
    with pytest.raises(AssertionError, match="NaN is refused: declared as an expected failure"):
        check_analysis(Shift, expected_failures={"NaN is refused": "it was so once"})


def test_a_gap_in_an_unknown_check_is_refused():
    with pytest.raises(AssertionError, match=r"no check \['taste'\]"):
        check_analysis(Shift, expected_failures={"taste": "it has none"})
