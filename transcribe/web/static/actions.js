/** What keys, buttons and pointers do in the editor. */

import { asChanges, lengthened, louder, moved } from "./edits.js";
import { byId } from "./elements.js";
import { say, tell } from "./notices.js";
import { spokenNote } from "./panel.js";
import { printPages } from "./printing.js";
import { decimals, number, t } from "./texts.js";
import { clock, pitchName } from "./words.js";

/** Seconds and velocity of a note that is added. */
const NEW_LENGTH = 0.3;
const NEW_VELOCITY = 64;
/** Seconds and steps of velocity by which keys move notes. */
const STEP = 0.01;
const VELOCITY_STEP = 5;
/** Seconds that each half of a split note lasts at least. */
const SHORTEST = 0.02;

/** Notes that were copied, with onsets from the first one's; kept from one recording to the next. */
let copied = [];

export class Actions {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.notes = editor.notes;
    this.roll = editor.roll;
    this.player = editor.player;
    this.edits = editor.edits;
    this.panel = editor.panel;
    /** Whether the view goes with the playhead. */
    this.following = true;
    this.bindButtons();
  }

  bindButtons() {
    const clicks = {
      play: () => this.toggle(),
      "to-start": () => this.seekTo(0),
      loop: () => this.loop(),
      undo: () => this.undo(),
      redo: () => this.redo(),
      delete: () => this.remove(),
      add: () => this.addHere(),
      copy: () => this.copy(),
      paste: () => this.paste(),
      split: () => this.split(),
      "select-all": () => this.selectAll(),
      "pedal-down": () => this.pedalHere(true),
      "pedal-up": () => this.pedalHere(false),
      "doubtful-next": () => this.doubtful(1),
      "zoom-in": () => this.zoom(1.5),
      "zoom-out": () => this.zoom(1 / 1.5),
      "zoom-all": () => this.zoomAll(),
    };
    for (const [id, action] of Object.entries(clicks)) byId(id).addEventListener("click", action);
    for (const option of byId("speed").options) option.textContent ||= `${number(Number(option.value))}×`;
    byId("speed").addEventListener("change", (event) => this.player.setSpeed(Number(event.target.value)));
    for (const radio of document.getElementsByName("listen")) {
      radio.addEventListener("change", () => this.player.setListen(radio.value));
    }
    for (const button of document.querySelectorAll("[data-nudge]")) {
      button.addEventListener("click", () => this.nudge(button.dataset.nudge));
    }
  }

  toggle() {
    this.following = true;
    this.player.toggle();
  }

  seekTo(time) {
    this.following = true;
    this.player.seek(time);
    this.roll.reveal(this.player.position);
  }

  seekBy(seconds) {
    this.seekTo(this.player.position + seconds);
  }

  listen(what) {
    this.player.setListen(what);
  }

  /** Repeat what is selected, or what is in view; again: stop repeating. */
  loop() {
    if (this.player.passage) return this.repeat(null);
    const selected = this.selectedNotes();
    const { view } = this.roll;
    const passage = selected.length
      ? {
          start: Math.min(...selected.map((note) => note.onset)),
          end: Math.max(...selected.map((note) => note.offset)),
        }
      : { start: view.start, end: Math.min(view.end, this.editor.duration) };
    this.repeat(passage);
  }

  repeat(passage) {
    const long = passage && passage.end - passage.start >= 0.1;
    this.player.setPassage(long ? passage : null);
    if (!long) return say(t("said.loop.off"));
    say(t("said.loop", { start: clock(passage.start, 1), end: clock(passage.end, 1) }));
  }

  passageFrom() {
    const start = this.player.position;
    this.repeat({ start, end: Math.max(start + 0.5, this.player.passage?.end ?? this.editor.duration) });
  }

  passageTo() {
    const end = this.player.position;
    this.repeat({ start: Math.min(end - 0.5, this.player.passage?.start ?? 0), end });
  }

  /** The person looks elsewhere: the playhead is not followed until the next seek or play. */
  scrolled() {
    this.following = false;
  }

  selectedNotes() {
    return [...this.roll.selection].map((id) => this.notes.get(id)).filter(Boolean);
  }

  /** Select notes; with `more`, change only whether these are. */
  select(ids, more) {
    const { selection } = this.roll;
    if (!more) selection.clear();
    for (const id of ids) {
      if (more && selection.has(id)) selection.delete(id);
      else selection.add(id);
    }
    if (ids.length) this.roll.focused = ids.at(-1);
    const selected = this.selectedNotes();
    this.panel.select([...selection]);
    this.editor.selected(selected);
    if (selected.length === 1) {
      say(t("said.selected", { note: spokenNote(selected[0]) }));
      if (ids.length === 1) this.player.tryKey(selected[0].pitch, selected[0].velocity);
    } else if (selected.length) say(t("said.selected.n", { n: selected.length }));
    this.roll.changed();
  }

  selectNone() {
    this.select([], false);
  }

  selectAll() {
    const { start, end } = this.player.passage ?? { start: 0, end: Infinity };
    this.select(this.notes.within(start, end, 0, 127), false);
  }

  selectFocused() {
    if (this.roll.focused !== null) this.select([this.roll.focused], true);
  }

  walk(direction) {
    const { focused } = this.roll;
    const index = this.notes.indexOf.get(focused);
    const from = Math.min(this.notes.firstFrom(this.roll.playhead), this.notes.length - 1);
    this.goTo(index === undefined ? from : this.notes.neighbour(index, direction));
  }

  doubtful(step) {
    const start = this.notes.indexOf.get(this.roll.focused) ?? (step > 0 ? -1 : this.notes.length);
    let found = this.notes.nextDoubtful(start, step);
    if (found < 0) found = this.notes.nextDoubtful(step > 0 ? -1 : this.notes.length, step);
    if (found < 0) return say(t("doubtful.none.said"));
    this.editor.openPanel(false);
    this.goTo(found);
    this.select([this.notes.ids[found]], false);
  }

  /** Put the arrow keys' mark on a note, show it and say what it is. */
  goTo(index) {
    if (index < 0) return;
    const note = this.notes.at(index);
    this.roll.focused = note.id;
    if (!this.player.playing) this.player.seek(note.onset);
    this.roll.reveal(note.onset);
    this.roll.moved();
    say(spokenNote(note));
  }

  async change(notes) {
    if (!this.editor.canEdit) return this.notYet();
    if (notes.length === 1) this.hear(notes[0]);
    if (notes.length) await this.edits.change(notes);
    if (notes.length === 1) say(spokenNote(this.notes.get(notes[0].id) ?? notes[0]));
  }

  /** Sound a note whose key or loudness is to be another: a pianist goes by the ear. */
  hear({ id, pitch, velocity }) {
    const before = this.notes.get(id);
    if (before?.pitch === pitch && before?.velocity === velocity) return;
    this.player.tryKey(pitch, velocity);
  }

  nudge(how) {
    const selected = this.selectedNotes();
    if (!selected.length) return say(t("said.select.first"));
    const { duration } = this.editor;
    const result = {
      left: () => moved(selected, -STEP, 0, duration),
      right: () => moved(selected, STEP, 0, duration),
      up: () => moved(selected, 0, 1),
      down: () => moved(selected, 0, -1),
      octaveUp: () => moved(selected, 0, 12),
      octaveDown: () => moved(selected, 0, -12),
      shorter: () => lengthened(selected, -STEP),
      longer: () => lengthened(selected, STEP),
      louder: () => louder(selected, VELOCITY_STEP),
      softer: () => louder(selected, -VELOCITY_STEP),
    }[how]();
    return this.change(asChanges(result));
  }

  async remove() {
    if (!this.editor.canEdit) return this.notYet();
    const ids = [...this.roll.selection];
    if (!ids.length) return say(t("said.select.first"));
    if (await this.edits.remove(ids)) say(t("said.deleted", { n: ids.length }));
    if (document.activeElement === document.body) this.roll.host.focus();
  }

  async add(onset, pitch) {
    if (!this.editor.canEdit) return this.notYet();
    const offset = onset + NEW_LENGTH;
    const id = await this.edits.add({ onset, pitch, offset, velocity: NEW_VELOCITY });
    if (id === null) return;
    this.select([id], false);
    this.roll.reveal(onset);
    say(t("said.added", { pitch: pitchName(pitch), onset: decimals(onset, 2) }));
  }

  /** A faint note becomes one. */
  async addFaint(note) {
    if (!this.editor.canEdit) return this.notYet();
    const [id] = await this.edits.addAll([note]);
    if (!id) return;
    this.select([id], false);
    say(t("said.added.note", { note: spokenNote(this.notes.get(id)) }));
  }

  addHere() {
    const near = this.notes.get(this.roll.focused);
    return this.add(this.player.position, near?.pitch ?? 60);
  }

  copy() {
    const selected = this.selectedNotes();
    if (!selected.length) return say(t("said.select.first"));
    const first = Math.min(...selected.map((note) => note.onset));
    copied = selected.map(({ onset, offset, pitch, velocity }) => ({
      pitch,
      velocity,
      onset: onset - first,
      offset: offset - first,
    }));
    byId("paste").disabled = false;
    say(t("said.copied", { n: copied.length }));
    return copied.length;
  }

  cut() {
    if (this.editor.canEdit && this.copy()) return this.remove();
  }

  /** Put what was copied where the playhead is. */
  async paste() {
    if (!this.editor.canEdit) return this.notYet();
    if (!copied.length) return say(t("said.nothing.copied"));
    const { position } = this.player;
    const notes = copied
      .map((note) => ({ ...note, onset: note.onset + position, offset: note.offset + position }))
      .filter((note) => note.onset <= this.editor.duration);
    const ids = await this.edits.addAll(notes);
    if (!ids.length) return;
    this.select(ids, false);
    const left = copied.length - ids.length;
    say(t("said.pasted", { n: ids.length }));
    if (left) tell(t("said.left.out", { n: left }));
  }

  /** Split the selected notes, or those that sound, where the playhead is. */
  async split() {
    if (!this.editor.canEdit) return this.notYet();
    const { position } = this.player;
    const among = this.selectedNotes();
    const notes = (among.length ? among : this.notes.soundingAt(position)).filter(
      (note) => note.onset + SHORTEST < position && position < note.offset - SHORTEST,
    );
    if (!notes.length) return say(t("said.nothing.split"));
    const second = notes.map((note) => ({ ...note, id: undefined, onset: position }));
    const first = asChanges(notes.map((note) => ({ ...note, offset: position })));
    const ids = await this.edits.addAll(second, first);
    if (ids.length) this.select(ids, false);
    say(t("said.split", { n: ids.length }));
  }

  /** The pedal goes down, or up, in the loop, or else while the selected notes last. */
  pedalHere(down) {
    const selected = this.selectedNotes();
    const { passage } = this.player;
    if (!passage && !selected.length) return tell(t("said.pedal.where"));
    const start = passage?.start ?? Math.min(...selected.map((note) => note.onset));
    const end = passage?.end ?? Math.max(...selected.map((note) => note.offset));
    return this.pedal(start, end, down);
  }

  async pedal(start, end, down) {
    if (!this.editor.canEdit) return this.notYet();
    if (await this.edits.pedal(start, end, down)) {
      say(t(down ? "said.pedal.down" : "said.pedal.up", { start: clock(start, 1), end: clock(end, 1) }));
    }
  }

  notYet() {
    tell(t("said.not.yet"));
  }

  async undo() {
    if (this.editor.canEdit && (await this.edits.undo())) say(t("said.undone"));
  }

  async redo() {
    if (this.editor.canEdit && (await this.edits.redo())) say(t("said.redone"));
  }

  zoom(factor) {
    const { view } = this.roll;
    const x = view.x(this.roll.playhead);
    view.zoomTime(factor, x > 0 && x < view.width ? x : view.width / 2);
    this.roll.changed();
  }

  zoomKeys(factor) {
    this.roll.view.zoomKeys(factor);
    this.roll.changed();
  }

  zoomAll() {
    this.following = false;
    this.roll.view.showTimes(0, this.editor.duration);
    this.editor.showKeys();
  }

  scroll(share) {
    this.following = false;
    this.roll.view.scrollBy(share * this.roll.view.width, 0);
    this.roll.changed();
  }

  /** Sound one key. */
  key(pitch) {
    this.player.tryKey(pitch, NEW_VELOCITY);
  }

  /** Whether notes can be changed now. */
  canEdit() {
    return this.editor.canEdit;
  }

  faint() {
    this.editor.faint.toggle();
  }

  spectrogram() {
    this.editor.spectrogram.toggle();
  }

  bars() {
    if (!byId("bars").hidden) this.editor.beats.toggle();
  }

  tap() {
    if (this.editor.beats.shown) this.editor.piece.tap();
  }

  print() {
    return printPages(this.editor);
  }

  help() {
    byId("help").showModal();
  }
}
