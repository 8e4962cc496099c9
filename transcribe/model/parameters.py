"""A network's parameters as arrays for a weights file, and a network with those of a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from transcribe.errors import CheckpointError
from transcribe.weights_file import Weights

_Network = TypeVar("_Network", bound=nn.Module)


def parameters_of(network: nn.Module) -> dict[str, NDArray[Any]]:
    """Parameters and buffers by name, floating point ones in half precision."""

    def as_array(tensor: Tensor) -> NDArray[Any]:
        halved = tensor.half() if tensor.is_floating_point() else tensor
        array: NDArray[Any] = halved.detach().cpu().numpy()
        return array

    return {name: as_array(tensor) for name, tensor in network.state_dict().items()}


def network_with(weights: Weights, make: Callable[[], _Network]) -> _Network:
    """A network with weights of a file, in single precision and ready to be used.

    Parameters
    ----------
    weights : Weights
    make : callable
        Makes the network of the file's settings. It is called on torch's ``meta`` device first,
        so that settings that do not fit the weights take no memory.

    Raises
    ------
    CheckpointError
        The weights do not fit the network.
    """
    try:
        tensors = {name: torch.from_numpy(array) for name, array in weights.arrays.items()}
        with torch.device("meta"):
            make().load_state_dict(tensors, assign=True)
        network = make()
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError) as error:
        raise CheckpointError(
            f"{weights.path}: the weights do not fit their settings: {error}; get the file again, "
            "or write it with this version of transcribe"
        ) from error
    return network.eval()
