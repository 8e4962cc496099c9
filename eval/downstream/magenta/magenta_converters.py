"""What Magenta's own converters make of files that ``transcribe tokens`` wrote.

Runs in an environment of its own (see ``magenta.txt``), never beside the package::

    python magenta_converters.py DESCRIPTION.json [DESCRIPTION.json ...]

Prints a JSON object a line, one for each item: the file, whether it was accepted, and why
not. Accepted means that the converter makes the tensors that the item's description
promises, not only that it raises nothing.
"""

import json
import os
import sys

import note_seq
import numpy as np
from magenta.models.coconet import lib_data, lib_pianoroll
from magenta.models.music_vae import configs, data

MELODIES = {2: "cat-mel_2bar_big", 16: "hierdec-mel_16bar"}
TRIO = "hierdec-trio_16bar"
GROOVE = "groovae_2bar_tap_fixed_velocity"
N_DRUMS = 9


def tensors_of(config, path):
    converter = configs.CONFIG_MAP[config].data_converter
    converter.set_mode("eval")
    return converter.to_tensors(note_seq.midi_file_to_note_sequence(path))


def melody(path, item):
    """One tensor of 32, 64 or 256 steps whose classes are the events that were written."""
    if item["n_bars"] in MELODIES:
        outputs = tensors_of(MELODIES[item["n_bars"]], path).outputs
    else:  # as the models of four bars have it, which only magenta.js brings
        converter = data.OneHotMelodyConverter(
            valid_programs=data.MEL_PROGRAMS, max_bars=100, slice_bars=item["n_bars"]
        )
        converter.set_mode("eval")
        outputs = converter.to_tensors(note_seq.midi_file_to_note_sequence(path)).outputs
    if len(outputs) != 1:
        return f"expected one tensor, found {len(outputs)}"
    if outputs[0].shape != (16 * item["n_bars"], 90):
        return f"found a tensor of shape {outputs[0].shape}"
    classes = outputs[0].argmax(axis=1)
    events = [int(c) - 2 if c < 2 else int(c) - 2 + 21 for c in classes]
    expected = list(item["events"])
    return None if events == expected else "found other events than were written"


def trio(path, item):
    """A tensor of 256 steps of melody, bass and drums."""
    outputs = tensors_of(TRIO, path).outputs
    if len(outputs) != 1 or outputs[0].shape != (256, 90 + 90 + 512):
        return f"found tensors of shapes {[each.shape for each in outputs]}"
    return None


def groove(folder, items):
    """The tap as the model's converter has it; windows of two bars equal to the arrays."""
    if not items:
        return
    tap = next(item for item in items if item["file"].endswith(".mid"))
    path = os.path.join(folder, tap["file"])
    windows = tensors_of(GROOVE, path).inputs
    yield tap, None if windows else "found no window of two bars"
    every_bar = data.GrooveConverter(split_bars=2, hop_size=16, tapify=True)
    every_bar.set_mode("eval")
    sequence = note_seq.midi_file_to_note_sequence(path)
    windows = every_bar.to_tensors(sequence).inputs
    whole = {tap["first_bar"] + bar: window for bar, window in enumerate(windows)}
    for item in items:
        if item is not tap and item["file"].endswith(".mid"):
            yield item, window_complaint(folder, item)
        elif item is not tap:
            arrays = np.load(os.path.join(folder, item["file"]))
            yield item, groove_complaint(arrays, whole.get(item["first_bar"]))


def window_complaint(folder, item):
    """A file of a few bars is one window of the converter."""
    n_bars = item["n_bars"]
    tapify = item["file"].rsplit(".", 2)[1].startswith("tap")
    converter = data.GrooveConverter(split_bars=n_bars, hop_size=16, tapify=tapify)
    converter.set_mode("eval")
    sequence = note_seq.midi_file_to_note_sequence(os.path.join(folder, item["file"]))
    shapes = [window.shape for window in converter.to_tensors(sequence).inputs]
    if shapes != [(16 * n_bars, 3 * N_DRUMS)]:
        return f"expected one window of {16 * n_bars} steps, found {shapes}"
    return None


def groove_complaint(arrays, window):
    shapes = {arrays[name].shape for name in ("hits", "velocities", "offsets")}
    if shapes != {(32, N_DRUMS)}:
        return f"found shapes {shapes}"
    if window is None:  # the last window may reach beyond the last bar of the tap
        return None
    hits, velocities, offsets = np.split(window, 3, axis=1)
    if not (hits == arrays["hits"]).all():
        return "found other hits than were written"
    if np.abs(velocities - arrays["velocities"]).max() > 0.005:
        return "found other velocities than were written"
    if np.abs(offsets / 2 - arrays["offsets"]).max() > 0.02:
        return "found offsets that differ by more than a fiftieth of a step"
    return None


def coconet_roll(path, item):
    """The roll that Coconet's encoder for the chorales makes of the pitches."""
    arrays = np.load(path)
    kind = lib_data.Jsb16thSeparated
    encoder = lib_pianoroll.PianorollEncoderDecoder(
        shortest_duration=kind.shortest_duration,
        min_pitch=kind.min_pitch,
        max_pitch=kind.max_pitch,
        num_instruments=kind.num_instruments,
        quantization_level=kind.shortest_duration,
    )
    roll = encoder.encode(arrays["pitches"])
    if roll.shape != (128, 46, 4):
        return f"found a roll of shape {roll.shape}"
    return None if (roll == arrays["roll"]).all() else "found another roll than was written"


def coconet_soprano(path, item):
    """The line as Coconet reads it from MIDI to prime with."""
    import pretty_midi

    encoder = lib_pianoroll.PianorollEncoderDecoder(num_instruments=4, quantization_level=0.125)
    shape = (1, len(item["pitches"]), 46, 4)
    roll = encoder.encode_midi_to_pianoroll(pretty_midi.PrettyMIDI(path), shape)[0]
    found = [int(step[:, 0].argmax()) + 36 if step[:, 0].any() else None for step in roll]
    same = found + [None] * (len(item["pitches"]) - len(found)) == item["pitches"]
    return None if same else "found another line than was written"


def checked(description):
    folder = os.path.dirname(description)
    with open(description) as file:
        content = json.load(file)
    items = content["items"]
    if content["target"] == "groovae":
        yield from groove(folder, items)
        return
    for item in items:
        path = os.path.join(folder, item["file"])
        kind = item["file"].rsplit(".", 2)[1].partition("-")[0]
        check = {
            ("music-vae", "melody"): melody,
            ("music-vae", "trio"): trio,
            ("coconet", "voices"): coconet_roll,
            ("coconet", "soprano"): coconet_soprano,
        }[content["target"], kind]
        yield item, check(path, item)


def main():
    for description in sys.argv[1:]:
        for item, complaint in checked(description):
            row = {"file": item["file"], "accepted": complaint is None, "complaint": complaint}
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
