"""The loss: every term's value worked out by hand, and what must not count."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from recipes.studies import study
from transcribe.features import FeatureConfig
from transcribe.model.planes import Planes
from transcribe.rolls import PITCH_PLANES, PLANES, Rolls, encode
from transcribe.train.losses import LossConfig, total, transcription_loss

KNOWN = torch.ones(1)
MASKS = {"pedal_mask": KNOWN, "velocity_mask": KNOWN}


def as_planes(rolls: Rolls) -> Planes:
    return Planes(**{name: torch.from_numpy(getattr(rolls, name))[None].clone() for name in PLANES})


def certain(rolls: Rolls) -> Planes:
    """Logits that say these rolls with near certainty."""
    planes = {}
    for name, plane in as_planes(rolls)._asdict().items():
        if name.endswith("shift"):
            planes[name] = torch.atanh(plane.clamp(-0.999, 0.999))
        else:
            planes[name] = torch.logit(plane.clamp(1e-4, 1 - 1e-4))
    return Planes(**planes)


ROLLS = encode(study(0), FeatureConfig().grid, 300)
OTHERS = encode(study(3), FeatureConfig().grid, 300)


def undecided(n_frames: int) -> Planes:
    """Logits of 0: probabilities of a half, shifts of 0."""
    return as_planes(Rolls.empty(n_frames))


class TestTerms:
    """Ten frames, a few marks, and a network that says a half of everything."""

    @staticmethod
    def targets() -> Planes:
        rolls = Rolls.empty(10)
        rolls.onset[2, 40] = rolls.onset[3, 40] = rolls.onset[6, 50] = 1
        rolls.onset_shift[2, 40], rolls.onset_shift[3, 40] = 0.25, -0.75
        rolls.offset[5, 40] = rolls.offset[8, 50] = 1
        rolls.offset_shift[5, 40], rolls.offset_shift[8, 50] = 0.4, -0.2
        rolls.velocity[2, 40] = rolls.velocity[3, 40] = 0.8
        rolls.velocity[6, 50] = 0.4
        return as_planes(rolls)

    def test_a_half_everywhere_costs_a_bit_a_key_in_every_frame(self):
        """log 2 for each of the 88 keys; a mean over frames, not over keys."""
        terms = transcription_loss(
            undecided(10),
            self.targets(),
            LossConfig(onset=1, offset=1, frame=0.5, sounding=2, pedal=3),
            **MASKS,
        )
        for name, weight in (("onset", 1), ("offset", 1), ("frame", 0.5), ("sounding", 2)):
            assert float(terms[name]) == pytest.approx(weight * 88 * math.log(2)), name
        assert float(terms["pedal"]) == pytest.approx(3 * math.log(2))

    def test_an_onset_may_count_more_than_its_absence(self):
        """Three of the 880 cells hold an onset; each counts five times."""
        terms = transcription_loss(
            undecided(10), self.targets(), LossConfig(onset_positive=5), **MASKS
        )
        assert float(terms["onset"]) == pytest.approx((880 + 3 * 4) / 10 * math.log(2))
        assert float(terms["offset"]) == pytest.approx(0.4 * 88 * math.log(2))

    def test_shifts_are_a_mean_over_the_marks(self):
        terms = transcription_loss(undecided(10), self.targets(), LossConfig(shift=1), **MASKS)
        assert float(terms["shift"]) == pytest.approx((0.25 + 0.75) / 3 + (0.4 + 0.2) / 2)

    def test_velocities_are_a_mean_over_the_onsets(self):
        terms = transcription_loss(
            undecided(10), self.targets(), LossConfig(velocity=1, velocity_relative=1), **MASKS
        )
        assert float(terms["velocity"]) == pytest.approx((0.3 + 0.3 + 0.1) / 3)
        # Too soft by 0.3, 0.3 and -0.1: by a sixth in the mean.
        assert float(terms["velocity_relative"]) == pytest.approx(
            (2 * (0.3 - 1 / 6) + 0.1 + 1 / 6) / 3
        )

    def test_relative_velocities_are_relative_to_their_own_window(self):
        """Two windows, one heard 0.1 too loud and the other 0.1 too soft."""
        targets = self.targets()
        both = Planes(*(torch.cat([plane, plane]) for plane in targets))
        heard = both.velocity + torch.tensor([0.1, -0.1])[:, None, None]
        logits = both._replace(velocity=torch.logit(heard.clamp(0.01, 0.99)))
        known = torch.ones(2)
        terms = transcription_loss(
            logits, both, LossConfig(), pedal_mask=known, velocity_mask=known
        )
        assert float(terms["velocity_relative"]) == pytest.approx(0, abs=1e-6)
        assert float(terms["velocity"]) == pytest.approx(2 * 0.1)

    def test_a_window_without_onsets_costs_no_velocity(self):
        terms = transcription_loss(
            undecided(10), undecided(10), LossConfig(velocity=1, shift=1), **MASKS
        )
        for name in ("velocity", "velocity_relative", "shift"):
            assert float(terms[name]) == 0

    @pytest.mark.parametrize("plane", [each for each in PITCH_PLANES if each != "velocity"])
    def test_each_head_is_taught_its_own_plane(self, plane):
        """Another label in one plane changes what that plane's head costs, and no other."""
        truth = as_planes(ROLLS)
        moved = truth._replace(**{plane: getattr(truth, plane).roll(7, dims=1)})
        right = transcription_loss(certain(ROLLS), truth, LossConfig(), **MASKS)
        wrong = transcription_loss(certain(ROLLS), moved, LossConfig(), **MASKS)
        own = "shift" if plane.endswith("shift") else plane
        assert wrong[own] > right[own] + 0.05
        # Where an onset is, is also where its shift and velocity count.
        follow = {"onset": {"shift", "velocity", "velocity_relative"}, "offset": {"shift"}}
        for name in set(right) - {own} - follow.get(plane, set()):
            assert wrong[name] == right[name], name


class TestLosses:
    def test_truth_costs_nearly_nothing_and_an_error_more(self):
        truth = as_planes(ROLLS)
        right = transcription_loss(certain(ROLLS), truth, LossConfig(), **MASKS)
        assert total(right) < 0.2
        wrong = transcription_loss(certain(OTHERS), truth, LossConfig(), **MASKS)
        for name, term in wrong.items():
            assert term > 0.02, name
        assert total(wrong) > 50 * total(right)
        assert float(total(wrong)) == pytest.approx(sum(float(term) for term in wrong.values()))

    def test_velocity_off_an_onset_means_nothing(self):
        truth = as_planes(ROLLS)
        logits = certain(ROLLS)
        loud = logits._replace(velocity=torch.where(truth.onset > 0, logits.velocity, 9.0))
        before = transcription_loss(logits, truth, LossConfig(), **MASKS)["velocity"]
        after = transcription_loss(loud, truth, LossConfig(), **MASKS)["velocity"]
        assert after == before

    def test_relative_velocities_do_not_ask_how_loud_the_whole_is(self):
        """All notes heard harder by as much cost nothing; one of them costs."""
        truth = as_planes(ROLLS)

        def costs(velocity):
            heard = certain(ROLLS)._replace(velocity=torch.logit(velocity.clamp(0.01, 0.99)))
            terms = transcription_loss(heard, truth, LossConfig(), **MASKS)
            return float(terms["velocity"]), float(terms["velocity_relative"])

        absolute, relative = costs(truth.velocity + 0.1)
        assert absolute == pytest.approx(0.1 * LossConfig().velocity, rel=0.01)
        assert relative < 1e-5
        one = truth.velocity.clone()
        one[tuple(torch.nonzero(truth.onset)[0])] += 0.1
        n_struck = int(truth.onset.sum())
        expected = LossConfig().velocity_relative * 0.1 / n_struck * 2 * (1 - 1 / n_struck)
        assert costs(one)[1] == pytest.approx(expected, rel=0.02)

    def test_unknown_pedal_teaches_nothing(self):
        terms = transcription_loss(
            certain(OTHERS),
            as_planes(ROLLS),
            LossConfig(),
            pedal_mask=torch.zeros(1),
            velocity_mask=KNOWN,
        )
        assert terms["pedal"] == 0
        assert terms["sounding"] == 0
        assert terms["onset"] > 0

    def test_unknown_velocities_teach_nothing(self):
        terms = transcription_loss(
            certain(OTHERS),
            as_planes(ROLLS),
            LossConfig(),
            pedal_mask=KNOWN,
            velocity_mask=torch.zeros(1),
        )
        assert terms["velocity"] == 0
        assert terms["velocity_relative"] == 0
        assert terms["onset"] > 0

    def test_what_one_window_does_not_know_another_may(self):
        """Masks are of windows: the first knows nothing of pedal and velocities."""
        both = Planes(*(torch.cat([plane, plane]) for plane in as_planes(ROLLS)))
        heard = Planes(*(torch.cat([plane, plane]) for plane in certain(OTHERS)))
        second = torch.tensor([0.0, 1.0])
        half = transcription_loss(
            heard, both, LossConfig(), pedal_mask=second, velocity_mask=second
        )
        alone = transcription_loss(certain(OTHERS), as_planes(ROLLS), LossConfig(), **MASKS)
        for name in ("pedal", "sounding"):
            assert float(half[name]) == pytest.approx(float(alone[name]) / 2)
        for name in ("onset", "offset", "velocity", "velocity_relative"):
            assert float(half[name]) == pytest.approx(float(alone[name]))

    def test_a_frame_beside_a_movement_of_the_pedal_counts_more(self):
        pressed = Rolls.empty(40)
        pressed.pedal[10:20] = 1
        truth = as_planes(pressed)
        costs = []
        for frame in range(6, 24):
            logits = certain(pressed)
            logits.pedal[0, frame] = 0.0
            terms = transcription_loss(logits, truth, LossConfig(pedal_edge=5), **MASKS)
            costs.append(float(terms["pedal"]))
        near = np.array(costs) / costs[0] > 3
        assert (np.flatnonzero(near) + 6).tolist() == [8, 9, 10, 11, 18, 19, 20, 21]
        assert np.array(costs)[near] / costs[0] == pytest.approx(5, rel=0.1)
        assert np.array(costs)[~near] / costs[0] == pytest.approx(1, rel=0.1)

    def test_a_weight_of_nothing_leaves_a_term_out(self):
        terms = transcription_loss(certain(ROLLS), as_planes(ROLLS), LossConfig(pedal=0), **MASKS)
        assert "pedal" not in terms
        assert {"onset", "offset", "frame", "sounding", "shift"} < set(terms)
