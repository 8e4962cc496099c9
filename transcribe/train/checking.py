"""Settings looked at before anything begins, since a run that fails fails hours later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from transcribe.errors import SettingsError


def check_settings(config: Any) -> None:
    """Have settings, and those within them, `check` themselves, where they can.

    Raises
    ------
    SettingsError
        Some are out of range, or contradict each other.
    """
    if isinstance(config, Mapping):
        inner = list(config.values())
    elif is_dataclass(config):
        inner = [getattr(config, each.name) for each in fields(config)]
    else:
        return
    if hasattr(config, "check"):
        try:
            config.check()
        except SettingsError:
            raise
        except ValueError as error:
            raise SettingsError(str(error)) from error
    for each in inner:
        check_settings(each)


def refuse_outside(group: str, settings: Any, **limits: tuple[float, float]) -> None:
    """Refuse a setting, or an entry of one, that is not within its limits, ends included.

    Parameters
    ----------
    group : str
        Where the settings are, as in an override: ``"optimizer"``.
    settings : dataclass
    **limits : (float, float)
        By the names of settings: the lowest and the highest value.

    Raises
    ------
    SettingsError
        It names the first.
    """
    for name, (lowest, highest) in limits.items():
        value = getattr(settings, name)
        for each in value if isinstance(value, list) else [value]:
            if not lowest <= each <= highest:
                upper = f"to {highest:g}" if highest < float("inf") else "or more"
                raise SettingsError(f"{group}.{name} is {lowest:g} {upper}; found {each:g}")


def refuse_no_range(group: str, settings: Any, *names: str, above: float) -> None:
    """Refuse settings that are not two numbers, the second no lower, above a number.

    Raises SettingsError.
    """
    for name in names:
        value = getattr(settings, name)
        if len(value) != 2 or not above < value[0] <= value[1] < float("inf"):
            limit = f", above {above:g}" if above > -float("inf") else ""
            raise SettingsError(f"{group}.{name} is [lowest, highest]{limit}; found {value}")


def refuse_no_share(group: str, weights: Mapping[str, float]) -> None:
    """Refuse weights to draw by that are below 0, or all 0.

    Raises SettingsError.
    """
    for name, weight in weights.items():
        if not 0 <= weight < float("inf"):
            raise SettingsError(f"the weight of {group}.{name} is 0 or more; found {weight:g}")
    if weights and not any(weights.values()):
        raise SettingsError(f"every weight of {group} is 0, so there is nothing to draw from")
