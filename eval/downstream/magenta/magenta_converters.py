"""What Magenta's own converters make of files that ``transcribe tokens`` wrote.

Runs in an environment of its own (see ``magenta.txt``), never beside the package::

    python magenta_converters.py DESCRIPTION.json [DESCRIPTION.json ...]

Prints a JSON object a line, one for each item: the file, whether it was accepted and why not,
what of it was compared with nothing, and the notes as the converter has them. Accepted means
that the converter makes the tensors that the item's description and arrays promise, not only
that it raises nothing; where it raises something, that is the complaint.
"""

import json
import os
import sys

import note_seq
import numpy as np
from comparisons import (
    N_DRUMS,
    STEPS_A_BAR,
    GrooveArrays,
    groove_complaint,
    melody_events,
    trio_complaint,
    voices_complaint,
)
from magenta.models.coconet import lib_data, lib_pianoroll
from magenta.models.music_vae import configs, data

MELODIES = {2: "cat-mel_2bar_big", 16: "hierdec-mel_16bar"}
TRIO = "hierdec-trio_16bar"
STEPS_A_SECOND = 8
"""Of what converters write: 120 quarter notes a minute."""
OPEN_HIHAT = 46
VOICES = ("Soprano", "Alto", "Tenor", "Bass")


class Checked:
    """What became of one item."""

    def __init__(self, complaint=None, notes=None, not_compared=None):
        self.complaint, self.notes, self.not_compared = complaint, notes, not_compared


def read(path):
    return note_seq.midi_file_to_note_sequence(path)


def melody(path, item):
    """One tensor of 32, 64 or 256 steps whose classes are the events that were written."""
    if item["n_bars"] in MELODIES:
        converter = configs.CONFIG_MAP[MELODIES[item["n_bars"]]].data_converter
    else:  # as the models of four bars have it, which only magenta.js brings
        converter = data.OneHotMelodyConverter(
            valid_programs=data.MEL_PROGRAMS, max_bars=100, slice_bars=item["n_bars"]
        )
    converter.set_mode("eval")
    outputs = converter.to_tensors(read(path)).outputs
    if len(outputs) != 1:
        return Checked(f"expected one tensor, found {len(outputs)}")
    if outputs[0].shape != (STEPS_A_BAR * item["n_bars"], 90):
        return Checked(f"found a tensor of shape {outputs[0].shape}")
    same = melody_events(outputs[0]) == list(item["events"])
    complaint = None if same else "found other events than were written"
    return Checked(complaint, notes_of(converter, outputs))


def trio(path, item):
    """A tensor of 256 steps of the melody, the bass and the drums that were written."""
    converter = configs.CONFIG_MAP[TRIO].data_converter
    converter.set_mode("eval")
    outputs = converter.to_tensors(read(path)).outputs
    if len(outputs) != 1 or outputs[0].shape != (256, 90 + 90 + 512):
        return Checked(f"found tensors of shapes {[each.shape for each in outputs]}")
    return Checked(trio_complaint(outputs[0], item), notes_of(converter, outputs))


def notes_of(converter, outputs):
    """What a converter makes of its tensor, but drums: step, pitch, length in steps, velocity."""
    (sequence,) = converter.from_tensors(outputs)
    return [
        [
            round(note.start_time * STEPS_A_SECOND, 4),
            note.pitch,
            round((note.end_time - note.start_time) * STEPS_A_SECOND, 4),
            note.velocity,
        ]
        for note in sequence.notes
        if not note.is_drum
    ]


def groove(folder, items):
    """Every window against the arrays, the last one too, whether or not the tap fills it."""
    arrays = {
        item["file"]: np.load(os.path.join(folder, item["file"]))
        for item in items
        if item["file"].endswith(".npz")
    }
    rhythm = GrooveArrays(
        [(item["first_bar"], arrays[item["file"]]) for item in items if item["file"] in arrays]
    )
    tap = next((item for item in items if kind_of(item) == "tap"), None)
    for item in items:
        path = os.path.join(folder, item["file"])
        if item["file"] in arrays:
            shapes = {
                arrays[item["file"]][name].shape for name in ("hits", "velocities", "offsets")
            }
            if shapes != {(2 * STEPS_A_BAR, N_DRUMS)}:
                yield item, Checked(f"found shapes {shapes}")
            elif tap is None:
                yield item, Checked(not_compared="no tap beside it")
            else:
                tap_path = os.path.join(folder, tap["file"])
                yield item, checked_by(window_of_tap, tap_path, tap, item, rhythm)
        elif item is tap:
            yield item, checked_by(whole_tap, path, tap, rhythm)
        else:
            yield item, checked_by(window, path, item, rhythm)


def kind_of(item):
    """``"tap"`` of ``song.tap.mid``, ``"tap-2bar"`` of ``song.tap-2bar-001.mid``."""
    name = item["file"].rsplit(".", 2)[1]
    head, _, number = name.rpartition("-")
    return head if number.isdigit() else name


def grooves(sequence, n_bars, tapify):
    """Windows of so many bars, a bar apart; two bars are as in the model's own settings."""
    converter = data.GrooveConverter(split_bars=n_bars, hop_size=STEPS_A_BAR, tapify=tapify)
    converter.set_mode("eval")
    return converter.to_tensors(sequence).inputs


def whole_tap(path, item, rhythm):
    """All bars of the tap at once."""
    (tensor,) = grooves(until(read(path), item["n_bars"]), item["n_bars"], True)[:1] or (None,)
    if tensor is None:
        return Checked("found no window")
    return Checked(groove_complaint(rhythm.taps(item["first_bar"], item["n_bars"]), tensor))


def window_of_tap(path, tap, item, rhythm):
    """The two bars of an item where they are in the tap."""
    first = item["first_bar"] - tap["first_bar"]
    windows = grooves(until(read(path), max(first + 2, tap["n_bars"])), 2, True)
    if not 0 <= first < len(windows):
        return Checked(f"expected a window at bar {first} of the tap, found {len(windows)} windows")
    return Checked(groove_complaint(rhythm.taps(item["first_bar"], 2), windows[first]))


def window(path, item, rhythm):
    """A file of a few bars is one window of the converter, with the hits that were written."""
    n_bars, is_tap = item["n_bars"], kind_of(item).startswith("tap")
    sequence = read(path)
    windows = grooves(sequence, n_bars, is_tap)
    if not windows:  # the last hit is not in the last bar
        windows = grooves(until(sequence, n_bars), n_bars, is_tap)[:1]
    if len(windows) != 1:
        return Checked(f"expected one window of {n_bars} bars, found {len(windows)}")
    expected = (rhythm.taps if is_tap else rhythm.drums)(item["first_bar"], n_bars)
    return Checked(groove_complaint(expected, windows[0], is_cut=True))


def until(sequence, n_bars):
    """The sequence with a hit after so many bars, so that the converter does not leave out any."""
    bar = 4 * 60 / (sequence.tempos[0].qpm if sequence.tempos else 120)
    sequence.notes.add(
        pitch=OPEN_HIHAT,
        velocity=1,
        start_time=n_bars * bar,
        end_time=(n_bars + 0.01) * bar,
        is_drum=True,
    )
    return sequence


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
        return Checked(f"found a roll of shape {roll.shape}")
    same = (roll == arrays["roll"]).all()
    return Checked(None if same else "found another roll than was written")


def coconet_voices(path, item):
    """Four voices of a MIDI file on a 16th grid, as magenta.js reads them, against the arrays."""
    expected = np.load(path[: -len("mid")] + "npz")["pitches"]
    quantised = note_seq.quantize_note_sequence(read(path), steps_per_quarter=4)
    names = {info.instrument: VOICES.index(info.name) for info in quantised.instrument_infos}
    found = np.full(expected.shape, np.nan)
    for note in quantised.notes:
        steps = slice(note.quantized_start_step, note.quantized_end_step)
        found[steps, names[note.instrument]] = note.pitch
    return Checked(voices_complaint(expected, found))


def coconet_soprano(path, item):
    """The line as Coconet reads it from MIDI to prime with."""
    import pretty_midi

    encoder = lib_pianoroll.PianorollEncoderDecoder(num_instruments=4, quantization_level=0.125)
    shape = (1, len(item["pitches"]), 46, 4)
    roll = encoder.encode_midi_to_pianoroll(pretty_midi.PrettyMIDI(path), shape)[0]
    found = [int(step[:, 0].argmax()) + 36 if step[:, 0].any() else None for step in roll]
    same = found + [None] * (len(item["pitches"]) - len(found)) == item["pitches"]
    return Checked(None if same else "found another line than was written")


CHECKS = {
    ("music-vae", "melody", ".mid"): melody,
    ("music-vae", "trio", ".mid"): trio,
    ("coconet", "voices", ".npz"): coconet_roll,
    ("coconet", "voices", ".mid"): coconet_voices,
    ("coconet", "soprano", ".mid"): coconet_soprano,
}


def checked_by(check, *given):
    """What a check says; what it raises is a complaint like any other."""
    try:
        return check(*given)
    except Exception as error:
        return Checked(f"the converter raises {type(error).__name__}: {error}")


def checked(description):
    folder = os.path.dirname(description)
    with open(description) as file:
        content = json.load(file)
    items = content["items"]
    if content["target"] == "groovae":
        yield from groove(folder, items)
        return
    for item in items:
        kind = kind_of(item).partition("-")[0]
        check = CHECKS.get((content["target"], kind, os.path.splitext(item["file"])[1]))
        if check is None:
            yield item, Checked(not_compared=f"no check is written for {kind}")
        else:
            yield item, checked_by(check, os.path.join(folder, item["file"]), item)


def main():
    for description in sys.argv[1:]:
        for item, found in checked(description):
            row = {
                "file": item["file"],
                "accepted": found.complaint is None and found.not_compared is None,
                "complaint": found.complaint,
                "not_compared": found.not_compared,
                "notes": found.notes,
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
