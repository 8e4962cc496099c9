/** One recording on the page: joins the roll, the player, the panel and the server's answers. */

import { Actions } from "./actions.js";
import { Beats } from "./beats.js";
import { Continuation } from "./continuation.js";
import { Edits } from "./edits.js";
import { byId } from "./elements.js";
import { Falling } from "./falling.js";
import { Faint } from "./faint.js";
import { Gestures } from "./gestures.js";
import { Notes } from "./notes.js";
import { say, sayNowAndThen, tell, tellError } from "./notices.js";
import { Overview } from "./overview.js";
import { Panel } from "./panel.js";
import { Part } from "./part.js";
import { Piece } from "./piece.js";
import { Player } from "./player.js";
import { Playhead } from "./playhead.js";
import { Practice } from "./practice.js";
import { Progress } from "./progress.js";
import { Roll } from "./roll.js";
import { Score } from "./score.js";
import * as server from "./server.js";
import { offer } from "./download-menu.js";
import { percent, t } from "./texts.js";
import { Spectrogram } from "./spectrogram.js";
import { shareOf, stateOf } from "./words.js";
import { warningsOf } from "./warnings.js";

/** Pixels of a second in which notes can be read well. */
const READABLE = 70;
/** Milliseconds between two looks at the waveform while it grows. */
const WAVEFORM_EVERY = 2500;

/** Say in the list why a recording is not shown; one that is gone needs no way back to the list. */
const tellGone = (error) => tellError(error, error.kind !== "not_here");

export class Editor {
  constructor() {
    this.notes = new Notes();
    this.roll = new Roll(byId("roll"), this.notes);
    this.overview = new Overview(byId("overview"), this.roll);
    this.player = new Player(
      byId("audio"),
      () => this.continuation?.joined ?? this.notes,
      (start, seconds) => server.getSound(this.id, start, seconds),
    );
    this.edits = new Edits(this.notes, tellError);
    this.panel = new Panel(this.notes, {
      settings: (settings) => this.edits.settle(settings),
      change: (notes) => this.edits.change(notes),
    });
    this.recording = null;
    this.unwatch = () => {};
    this.waveformAt = 0;
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.roll.onview = () => this.overview.draw();
    this.roll.onscroll = () => this.actions.scrolled();
    this.actions = new Actions(this);
    this.piece = new Piece(() => this.player.position);
    this.beats = new Beats(this);
    this.part = new Part(this);
    this.progress = new Progress((request) => this.ask(request));
    this.spectrogram = new Spectrogram(this);
    this.practice = new Practice(this.player, () => this.beats.refresh());
    this.falling = new Falling(this.roll);
    this.faint = new Faint(this);
    this.continuation = new Continuation(this);
    this.score = new Score(this);
    this.gestures = new Gestures(this.roll, this.actions);
    this.playhead = new Playhead(this);
    this.bind();
  }

  bind() {
    this.player.addEventListener("tuning", () => tell(t("play.soon")));
    this.player.addEventListener("trouble", (event) => tellError(event.detail));
    this.edits.addEventListener("notes", (event) => this.showNotes(event.detail));
    this.roll.host.addEventListener("focus", () => this.roll.moved());
    for (const radio of document.getElementsByName("view")) {
      radio.addEventListener("change", () => this.showView(radio.value));
    }
    byId("panel-toggle").addEventListener("click", () => this.openPanel(!this.panelOpen));
  }

  /** Whether all of the panel is shown where there is little room. */
  get panelOpen() {
    return byId("editor").classList.contains("panel-open");
  }

  openPanel(open) {
    byId("panel-toggle").setAttribute("aria-expanded", String(open));
    this.arrange("panel-open", open);
  }

  /** Set a class that may show or hide the panel; notes stay where they are meanwhile. */
  arrange(name, on) {
    byId("editor").classList.toggle(name, on);
    this.roll.resize(true);
  }

  /** Show the music as `notes`, `falling` notes or `score`. */
  showView(view) {
    for (const radio of document.getElementsByName("view")) radio.checked = radio.value === view;
    byId("editor").classList.toggle("shows-falling", view === "falling");
    this.falling.show(view === "falling");
    this.score.show(view === "score");
    this.arrangeStage();
    if (view === "notes") this.roll.resize();
  }

  /** What is known of the piece is asked where bars or the score are shown. */
  arrangeStage() {
    byId("piece").hidden = !(this.beats?.shown || this.score?.shown);
    for (const id of ["piece-key", "piece-swing"]) byId(id).parentElement.hidden = !this.score?.shown;
    this.roll.resize(true);
  }

  /** Show a recording by its id. */
  async open(id) {
    this.close();
    this.id = id;
    this.edits.open(id);
    let recording;
    try {
      recording = await server.getRecording(id);
    } catch (error) {
      if (this.id === id) this.leave(() => tellGone(error));
      return;
    }
    if (this.id !== id) return;
    this.recording = recording;
    if (this.busy) this.showView("notes"); // the others want all of the notes
    byId("name").textContent = recording.name;
    offer(recording);
    this.piece.open(recording);
    this.score.open();
    this.beats.open();
    this.player.open(this.duration);
    this.panel.open(recording.settings, recording.settings_default);
    this.showRecording();
    this.roll.resize();
    await this.edits.refresh();
    if (this.id !== id) return;
    this.firstView();
    this.fetchWaveform();
    this.watch();
  }

  /** Leave the recording; its work goes on. */
  close() {
    this.unwatch();
    this.unwatch = () => {};
    this.id = this.recording = null;
    this.player.open(0);
    this.score.clear();
    this.beats.clear();
    this.continuation.close();
    this.part.close();
    this.spectrogram.forget();
    this.piece.open({ id: null });
    this.showView("notes");
    this.notes.set([], []);
    this.roll.waveform.set(new Int8Array(0), 50);
    Object.assign(this.roll, { playhead: 0, passage: null, focused: null, faint: null, heard: Infinity });
    this.actions.selectNone();
    this.actions.following = true;
    this.blank();
  }

  /** Say nothing of a recording that is not known yet. */
  blank() {
    document.title = "transcribe";
    byId("editor").classList.remove("nothing");
    byId("progress").hidden = true;
    byId("warnings").replaceChildren();
    this.edits.open(null);
    this.panel.close();
    this.part.show();
    this.playhead.show();
    this.showAble();
  }

  watch() {
    this.unwatch();
    const { id } = this;
    const mine = (handle) => (detail) => this.id === id && handle(detail);
    this.unwatch = server.watchOne(id, {
      progress: mine((recording) => this.progressed(recording)),
      notes: mine(({ notes }) => this.arrived(notes)),
      state: mine((recording) => this.turned(recording)),
      edited: mine(({ version }) => this.edits.refresh(version)),
      engraving: mine(({ share }) => this.score.tell(share)),
      deleted: mine(() => this.deleted()),
      refused: mine(() => this.refresh()),
      opened: mine(() => this.busy || this.edits.refresh()),
    }, () => this.busy);
  }

  deleted() {
    const { name } = this.recording;
    this.leave(() => tell(t("list.deleted.elsewhere", { name })));
  }

  /** Go to the list of recordings, and say why there. */
  leave(sayWhy) {
    addEventListener("hashchange", sayWhy, { once: true });
    location.hash = "";
  }

  /** Ask for everything again, after the server was away. */
  async refresh() {
    const { id } = this;
    if (!id) return;
    try {
      const recording = await server.getRecording(id);
      if (id !== this.id) return;
      await this.turned(recording);
      await this.edits.refresh();
    } catch (error) {
      if (error.status === 404 && id === this.id) this.leave(() => tellGone(error));
      else tellError(error);
    }
  }

  get busy() {
    return ["queued", "working"].includes(this.recording?.state);
  }

  get canEdit() {
    return Boolean(this.recording) && !this.busy;
  }

  get duration() {
    const { duration, heard_seconds: heard } = this.recording ?? {};
    return Math.max(duration ?? 0, heard ?? 0, this.notes.end, this.continuation?.end ?? 0, 1);
  }

  /** Whether anything says how long the recording is. */
  get lengthKnown() {
    const { recording, notes } = this;
    return Boolean(recording && (recording.duration || recording.heard_seconds || notes.length));
  }

  progressed(recording) {
    const was = this.recording.state;
    if (was !== recording.state) return this.turned(recording);
    this.recording = recording;
    this.showRecording();
    if (performance.now() - this.waveformAt > WAVEFORM_EVERY) this.fetchWaveform();
    sayNowAndThen(stateOf(recording));
  }

  arrived(rows) {
    if (!rows.length || !this.busy) return;
    const first = !this.notes.length;
    this.edits.merge(rows);
    if (first) this.showKeys();
    this.showAble();
    this.panel.counted();
    this.overview.fresh = false;
    this.roll.changed();
  }

  async turned(recording) {
    const was = this.recording.state;
    this.recording = recording;
    this.panel.setInitial(recording.settings_default);
    this.piece.turned(recording);
    if (was === recording.state) return this.showRecording();
    this.spectrogram.forget();
    await this.edits.refresh();
    if (this.id !== recording.id) return;
    this.showRecording();
    this.fetchWaveform();
    if (!this.busy) this.player.tune();
    if (recording.state === "done") say(t("progress.done", { notes: t("notes.n", { n: this.notes.length }) }));
    else say(stateOf(recording));
    if (["queued", "working"].includes(was) && !this.busy) {
      if (this.showsWhole) this.firstTimes();
      this.showKeys();
    }
  }

  async fetchWaveform() {
    const { id } = this;
    if (!this.recording.heard_seconds) return;
    this.waveformAt = performance.now();
    try {
      const { pairs, perSecond } = await server.getWaveform(id);
      if (id !== this.id) return;
      this.roll.waveform.set(pairs, perSecond);
      this.overview.fresh = false;
      this.roll.changed();
    } catch (error) {
      if (!this.busy) tellError(error);
    }
  }

  /** Ask something of the recording that answers with it; resolves to whether it was done here. */
  async ask(request) {
    const { id } = this;
    try {
      const recording = await request(id);
      if (id !== this.id) return false;
      this.turned(recording);
      return true;
    } catch (error) {
      tellError(error);
      return false;
    }
  }

  showRecording() {
    const { busy, recording } = this;
    const { state, heard_seconds: heard, name } = recording;
    this.progress.show(recording, busy);
    byId("editor").classList.toggle("nothing", state === "failed" && !heard);
    byId("name").textContent = name;
    const title = `${name} · transcribe`;
    document.title = busy ? t("progress.title", { share: percent(shareOf(recording)), name: title }) : title;
    const warnings = warningsOf(recording).map((words) =>
      Object.assign(document.createElement("li"), { textContent: words }),
    );
    byId("warnings").replaceChildren(...warnings);
    this.roll.heard = state === "done" ? Infinity : heard;
    this.part.show();
    this.showDuration();
    if (heard) this.hear(recording.id, heard, !busy);
    this.showAble();
    this.roll.changed();
  }

  /** Take how long the music is known to be; where all of it was shown, all of it stays shown. */
  showDuration() {
    const { view } = this.roll;
    this.player.setDuration(this.duration);
    if (view.duration === this.duration) return;
    const whole = this.showsWhole;
    view.setDuration(this.duration);
    if (whole) view.showTimes(0, this.duration);
    this.overview.fresh = false;
  }

  /** Let the player have what is there of the recording's sound. */
  async hear(id, heard, isWhole) {
    try {
      await this.player.hear(() => server.soundAddress(id), heard, isWhole);
    } catch (error) {
      if (this.id === id) tellError(error);
    }
  }

  showAble() {
    const { canEdit, edits, notes } = this;
    for (const id of ["threshold", "minimum-length", "delete", "add", "split", "pedal-down", "pedal-up"]) {
      byId(id).disabled = !canEdit;
    }
    for (const field of document.querySelectorAll(".fields :is(input, select), [data-nudge]")) {
      field.disabled = !canEdit;
    }
    byId("undo").disabled = !canEdit || !edits.canUndo;
    byId("redo").disabled = !canEdit || !edits.canRedo;
    byId("download").disabled = this.busy || !this.recording;
    byId("part-open").disabled = !this.recording;
    byId("continue").disabled = !notes.length;
    for (const radio of document.getElementsByName("view")) radio.disabled = this.busy;
    byId("roll-empty").hidden = notes.length > 0 || !edits.version;
    byId("roll-empty").textContent = this.busy
      ? t("roll.soon")
      : t("roll.none");
  }

  showNotes({ settings }) {
    this.continuation.changed();
    if (!this.panel.timer && !this.edits.wanted) this.panel.showSettings(settings);
    this.showDuration();
    const { selection } = this.roll;
    for (const id of selection) if (!this.notes.indexOf.has(id)) selection.delete(id);
    if (!this.notes.indexOf.has(this.roll.focused)) this.roll.focused = null;
    this.panel.counted();
    this.panel.select([...selection]);
    this.overview.fresh = false;
    this.score.changed();
    this.beats.changed();
    this.faint.changed();
    this.falling.changed();
    this.showAble();
    this.roll.changed();
  }

  firstView() {
    if (!this.busy) this.player.tune();
    this.roll.view.setDuration(this.duration);
    this.roll.view.keys = 88;
    this.firstTimes();
    this.showKeys();
    this.overview.fresh = false;
    this.roll.changed();
    this.playhead.show();
  }

  /** All of a short recording or one that fills with notes, otherwise what can be read well. */
  firstTimes() {
    const seconds = this.roll.view.width / READABLE;
    const whole = this.busy || this.duration < 1.5 * seconds;
    this.roll.view.showTimes(0, whole ? this.duration : seconds);
  }

  /** Whether nobody has looked closer at any part yet. */
  get showsWhole() {
    const { view } = this.roll;
    return this.actions.following && view.start === 0 && view.end >= view.duration - 1e-6;
  }

  /** The selection has changed: where there is little room, a sheet for it comes or goes. */
  selected(notes) {
    this.arrange("has-selection", notes.length > 0);
    this.score?.select(this.roll.selection);
    if (notes.length === 1) this.roll.revealPitch(notes[0].pitch);
  }

  /** The keys that are played, and some around them. */
  showKeys() {
    const range = this.notes.range;
    if (range && !this.busy) this.roll.view.showKeys(range[0] - 2, range[1] + 2);
    this.roll.changed();
  }
}
