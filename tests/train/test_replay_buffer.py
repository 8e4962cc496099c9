"""The pool of windows, the average of weights, synthesised rooms: what a GPU trains with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from transcribe.train.augment.rooms import room_like
from transcribe.train.ema import MovingAverage
from transcribe.train.replay_buffer import WindowPool


def numbered(*numbers: int) -> dict[str, torch.Tensor]:
    """Windows that are nothing but their number, twice."""
    values = torch.tensor(numbers, dtype=torch.float32)
    return {"samples": values[:, None].expand(-1, 3).clone(), "targets": values.half()}


class TestWindowPool:
    def test_new_windows_come_first_and_older_ones_with_them(self):
        pool = WindowPool(8, seed=0)
        pool.batch(numbered(1, 2), 4)
        batch = pool.batch(numbered(3, 4), 4)
        assert batch["samples"][:2, 0].tolist() == [3, 4]
        assert set(batch["samples"][2:, 0].tolist()) <= {1, 2, 3, 4}

    def test_what_belongs_together_stays_together(self):
        pool = WindowPool(16, seed=0)
        for number in range(0, 40, 4):
            batch = pool.batch(numbered(*range(number, number + 4)), 12)
            assert torch.equal(batch["samples"][:, 1], batch["targets"].float())

    def test_the_oldest_give_way(self):
        pool = WindowPool(4, seed=0)
        for number in range(0, 12, 2):
            batch = pool.batch(numbered(number, number + 1), 64)
        assert set(batch["targets"].tolist()) == {8, 9, 10, 11}

    def test_every_window_that_is_kept_is_drawn_as_often(self):
        """Also once the newest have taken the places of the oldest."""
        pool = WindowPool(8, seed=0)
        for number in range(0, 20, 2):
            pool.batch(numbered(number, number + 1), 2)
        drawn = pool.batch(numbered(20, 21), 2 + 1600)["targets"][2:].int().tolist()
        counts = [drawn.count(number) for number in range(14, 22)]
        assert sum(counts) == 1600
        assert min(counts) > 150
        assert max(counts) < 250

    def test_a_batch_is_a_copy(self):
        """Augmentation in place must not wear the kept windows out."""
        pool = WindowPool(2, seed=0)
        pool.batch(numbered(1, 2), 2)["samples"].zero_()
        assert pool.batch(numbered(3), 16)["samples"][:, 0].min() > 0

    def test_the_same_seed_draws_the_same(self):
        drawn = []
        for _ in range(2):
            pool = WindowPool(16, seed=3)
            pool.batch(numbered(*range(16)), 16)
            drawn.append(pool.batch(numbered(16), 12)["targets"])
        assert torch.equal(*drawn)

    def test_more_new_windows_than_a_batch_holds_are_refused(self):
        with pytest.raises(ValueError, match="expected no more new windows"):
            WindowPool(8, seed=0).batch(numbered(1, 2, 3), 2)


class TestMovingAverage:
    def test_it_starts_at_the_weights_and_follows_them_ever_more_slowly(self):
        network = torch.nn.Linear(1, 1)
        average = MovingAverage(network, 0.3)
        network.weight.data.fill_(1.0)
        average.update(network)
        assert average.module.weight.item() == 1.0
        seen = []
        for _ in range(9):
            network.weight.data.fill_(2.0)
            average.update(network)
            seen.append(2.0 - average.module.weight.item())
        assert seen[0] == pytest.approx(2 / 11)
        assert seen[-1] / seen[-2] == pytest.approx(0.3, rel=0.01)

    def test_what_normalisation_has_seen_is_averaged_and_its_count_kept(self):
        network = torch.nn.BatchNorm1d(2)
        average = MovingAverage(network, 0.5)
        for _ in range(3):
            network(torch.randn(8, 2) + 4)
            average.update(network)
        assert average.module.num_batches_tracked.item() == 3
        means = average.module.running_mean, network.running_mean
        assert torch.all(means[0] > 0)
        assert torch.all(means[0] < means[1])

    def test_it_goes_on_counting_after_a_stop(self):
        network = torch.nn.Linear(1, 1)
        average = MovingAverage(network, 0.999)
        for _ in range(5):
            average.update(network)
        again = MovingAverage(network, 0.999)
        again.load_state_dict(average.state_dict())
        assert again.n_averaged == 5

    def test_the_average_is_not_trained(self):
        average = MovingAverage(torch.nn.Linear(2, 2), 0.9)
        assert not any(parameter.requires_grad for parameter in average.parameters())


class TestRooms:
    @pytest.fixture(scope="class")
    def rooms(self) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        return [room_like(rng, 16000) for _ in range(40)]

    def test_the_direct_sound_comes_first_and_is_loudest(self, rooms):
        for response in rooms:
            assert response[0] == 1
            assert np.abs(response[1:]).max() < 0.5

    def test_they_die_away(self, rooms):
        for response in rooms:
            energy = np.square(response[1:], dtype=np.float64)
            assert energy[-1600:].sum() < 0.02 * energy.sum()

    def test_high_frequencies_die_sooner(self, rooms):
        """Of the tail's energy above 3 kHz, less is left late than early."""

        def high_share(part: np.ndarray) -> float:
            power = np.abs(np.fft.rfft(part)) ** 2
            return float(power[len(power) * 3 // 8 :].sum() / power.sum())

        early = np.mean([high_share(response[1600:3200]) for response in rooms])
        late = np.mean([high_share(response[4800:6400]) for response in rooms])
        assert late < 0.7 * early

    def test_no_two_are_alike_and_a_seed_gives_the_same(self, rooms):
        assert not np.array_equal(rooms[0], rooms[1])
        assert np.array_equal(rooms[0], room_like(np.random.default_rng(0), 16000))
