"""The last windows that were played, kept where the network trains.

Playing a window costs more than learning from it once a GPU learns. So each may be part of
several batches, far apart and every time in another room and other noise (*data echoing*
[1]_).

References
----------
.. [1] D. Choi et al., "Faster Neural Network Training with Data Echoing", arXiv 1907.05550,
   2019.
"""

from __future__ import annotations

import torch
from torch import Tensor


class WindowPool:
    """New windows in, batches of new and older ones out.

    Parameters
    ----------
    n_windows : int
        How many are kept; the oldest give way.
    seed : int
        Of what is drawn.
    """

    def __init__(self, n_windows: int, seed: int) -> None:
        if n_windows < 1:
            raise ValueError(f"a pool keeps at least one window; found {n_windows}")
        self.n_windows = n_windows
        self._generator = torch.Generator().manual_seed(seed)
        self._kept: dict[str, Tensor] = {}
        self._n_kept = self._next = 0

    def batch(self, new: dict[str, Tensor], batch_size: int) -> dict[str, Tensor]:
        """Take new windows in, and give them back with older ones drawn at random.

        Parameters
        ----------
        new : dict of Tensor
            Each of shape (n_new, ...), on one device, the same shapes in every call.
        batch_size : int
            At least n_new.

        Returns
        -------
        dict of Tensor
            Each of shape (batch_size, ...), the new ones first; copies.
        """
        n_new = len(next(iter(new.values())))
        if not n_new <= min(batch_size, self.n_windows):
            raise ValueError(
                f"expected no more new windows than a batch ({batch_size}) and the pool "
                f"({self.n_windows}) hold; found {n_new}"
            )
        if not self._kept:
            self._kept = {
                name: tensor.new_empty((self.n_windows, *tensor.shape[1:]))
                for name, tensor in new.items()
            }
        place = (torch.arange(n_new) + self._next) % self.n_windows
        self._next = (self._next + n_new) % self.n_windows
        self._n_kept = min(self.n_windows, self._n_kept + n_new)
        drawn = torch.randint(
            self._n_kept, (batch_size - n_new,), generator=self._generator, dtype=torch.int64
        )
        chosen = torch.cat([place, drawn])
        batch = {}
        for name, tensor in new.items():
            kept = self._kept[name]
            kept[place.to(kept.device, non_blocking=True)] = tensor
            batch[name] = kept[chosen.to(kept.device, non_blocking=True)]
        return batch
