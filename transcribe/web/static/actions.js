/** What keys, buttons and pointers do to the recording that is open. */

import { asChanges, lengthened, louder, moved } from "./edits.js";
import { byId } from "./elements.js";
import { say, tell } from "./notices.js";
import { spokenNote } from "./panel.js";
import { clock, count, pitchName } from "./words.js";

/** Seconds and velocity of a note that is added. */
const NEW_LENGTH = 0.3;
const NEW_VELOCITY = 64;
/** Seconds and steps of velocity by which keys move notes. */
const STEP = 0.01;
const VELOCITY_STEP = 5;

export class Actions {
  /** @param {import("./editor.js").Studio} studio */
  constructor(studio) {
    this.studio = studio;
    this.notes = studio.notes;
    this.roll = studio.roll;
    this.player = studio.player;
    this.edits = studio.edits;
    this.panel = studio.panel;
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
      "doubtful-next": () => this.doubtful(1),
      "zoom-in": () => this.zoom(1.5),
      "zoom-out": () => this.zoom(1 / 1.5),
      "zoom-all": () => this.zoomAll(),
    };
    for (const [id, action] of Object.entries(clicks)) byId(id).addEventListener("click", action);
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
    const chosen = this.chosenNotes();
    const { view } = this.roll;
    const passage = chosen.length
      ? {
          start: Math.min(...chosen.map((note) => note.onset)),
          end: Math.max(...chosen.map((note) => note.offset)),
        }
      : { start: view.start, end: Math.min(view.end, this.studio.duration) };
    this.repeat(passage);
  }

  repeat(passage) {
    const long = passage && passage.end - passage.start >= 0.1;
    this.player.setPassage(long ? passage : null);
    say(long ? `Repeating from ${clock(passage.start, 1)} to ${clock(passage.end, 1)}` : "Not repeating");
  }

  passageFrom() {
    const start = this.player.position;
    this.repeat({ start, end: Math.max(start + 0.5, this.player.passage?.end ?? this.studio.duration) });
  }

  passageTo() {
    const end = this.player.position;
    this.repeat({ start: Math.min(end - 0.5, this.player.passage?.start ?? 0), end });
  }

  /** The person looks elsewhere: the playhead is not followed until the next seek or play. */
  scrolled() {
    this.following = false;
  }

  chosenNotes() {
    return [...this.roll.selection].map((id) => this.notes.get(id)).filter(Boolean);
  }

  /** Select notes; with `more`, change only whether these are. */
  choose(ids, more) {
    const { selection } = this.roll;
    if (!more) selection.clear();
    for (const id of ids) {
      if (more && selection.has(id)) selection.delete(id);
      else selection.add(id);
    }
    if (ids.length) this.roll.focused = ids.at(-1);
    const chosen = this.chosenNotes();
    this.panel.choose([...selection]);
    if (chosen.length === 1) {
      say(`Selected: ${spokenNote(chosen[0])}`);
      if (ids.length === 1) this.player.tryKey(chosen[0].pitch, chosen[0].velocity);
    } else if (chosen.length) say(`${chosen.length} notes selected`);
    this.roll.changed();
  }

  chooseNone() {
    this.choose([], false);
  }

  chooseAll() {
    const { start, end } = this.player.passage ?? { start: 0, end: Infinity };
    this.choose(this.notes.within(start, end, 0, 127), false);
  }

  chooseFocused() {
    if (this.roll.focused !== null) this.choose([this.roll.focused], true);
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
    if (found < 0) return say("No doubtful notes");
    this.goTo(found);
    this.choose([this.notes.ids[found]], false);
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
    if (!this.studio.canEdit) return this.notYet();
    if (notes.length) await this.edits.change(notes);
    if (notes.length === 1) say(spokenNote(this.notes.get(notes[0].id) ?? notes[0]));
  }

  nudge(how) {
    const chosen = this.chosenNotes();
    if (!chosen.length) return say("Select a note first");
    const result = {
      left: () => moved(chosen, -STEP, 0),
      right: () => moved(chosen, STEP, 0),
      up: () => moved(chosen, 0, 1),
      down: () => moved(chosen, 0, -1),
      shorter: () => lengthened(chosen, -STEP),
      longer: () => lengthened(chosen, STEP),
      louder: () => louder(chosen, VELOCITY_STEP),
      softer: () => louder(chosen, -VELOCITY_STEP),
    }[how]();
    return this.change(asChanges(result));
  }

  async remove() {
    if (!this.studio.canEdit) return this.notYet();
    const ids = [...this.roll.selection];
    if (!ids.length) return say("Select a note first");
    if (await this.edits.remove(ids)) say(`${count(ids.length, "note")} deleted. Ctrl + Z takes it back.`);
    if (document.activeElement === document.body) this.roll.host.focus();
  }

  async add(onset, pitch) {
    if (!this.studio.canEdit) return this.notYet();
    const offset = onset + NEW_LENGTH;
    const id = await this.edits.add({ onset, pitch, offset, velocity: NEW_VELOCITY });
    if (id === null) return;
    this.choose([id], false);
    this.roll.reveal(onset);
    say(`Added: ${pitchName(pitch)} at ${onset.toFixed(2)} s`);
  }

  addHere() {
    const near = this.notes.get(this.roll.focused);
    return this.add(this.player.position, near?.pitch ?? 60);
  }

  notYet() {
    tell("Notes can be corrected once all of the recording has been heard, or when you press Stop.");
  }

  async undo() {
    if (this.studio.canEdit && this.edits.canUndo && (await this.edits.undo())) say("Undone");
  }

  async redo() {
    if (this.studio.canEdit && this.edits.canRedo && (await this.edits.redo())) say("Done again");
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
    this.roll.view.showTimes(0, this.studio.duration);
    this.studio.showKeys();
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
    return this.studio.canEdit;
  }

  help() {
    byId("help").showModal();
  }
}
