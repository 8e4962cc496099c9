/** One recording on the page: joins the roll, the player, the panel and the program's answers. */

import { Actions } from "./actions.js";
import { Edits } from "./edits.js";
import { byId, setIcon } from "./elements.js";
import { Gestures } from "./gestures.js";
import { Notes } from "./notes.js";
import { say, sayNowAndThen, tell, tellError } from "./notices.js";
import { Overview } from "./overview.js";
import { Panel } from "./panel.js";
import { Player } from "./player.js";
import { Roll } from "./roll.js";
import * as server from "./server.js";
import { offer } from "./download-menu.js";
import { clock, count, stateOf } from "./words.js";

/** Pixels of a second in which notes can be read well. */
const READABLE = 70;
/** Milliseconds between two looks at the waveform while it grows. */
const WAVEFORM_EVERY = 2500;

export class Studio {
  constructor() {
    this.notes = new Notes();
    this.roll = new Roll(byId("roll"), this.notes);
    this.overview = new Overview(byId("overview"), this.roll);
    this.player = new Player(byId("audio"), () => this.notes);
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
    this.gestures = new Gestures(this.roll, this.actions);
    this.bind();
  }

  bind() {
    byId("progress-cancel").addEventListener("click", () => this.ask(server.cancelRecording));
    byId("progress-again").addEventListener("click", () => this.ask(server.repeatRecording));
    this.player.addEventListener("change", () => this.showPlayer());
    this.player.addEventListener("tuning", () => tell("The piano is being tuned. One moment."));
    this.player.addEventListener("trouble", (event) => tellError(event.detail));
    this.edits.addEventListener("notes", (event) => this.showNotes(event.detail));
    this.roll.host.addEventListener("focus", () => this.roll.moved());
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
      tellError(error);
      location.hash = "";
      return;
    }
    if (this.id !== id) return;
    this.recording = recording;
    byId("name").textContent = recording.name;
    offer(id);
    this.player.open(this.duration);
    this.panel.open(recording.settings, recording.settings_default);
    this.showRecording();
    this.roll.resize();
    await this.fetchNotes();
    if (this.id !== id) return;
    this.firstView();
    this.fetchWaveform();
    this.watch();
  }

  /** Leave the recording; its work goes on. */
  close() {
    this.unwatch();
    this.unwatch = () => {};
    this.player.open(0);
    this.id = this.recording = null;
    this.notes.set([], []);
    this.roll.waveform.set(new Int8Array(0), 50);
    Object.assign(this.roll, { playhead: 0, passage: null, focused: null, heard: Infinity });
    this.actions.chooseNone();
    this.actions.following = true;
  }

  watch() {
    this.unwatch();
    const { id } = this;
    const mine = (handle) => (detail) => this.id === id && handle(detail);
    this.unwatch = server.watchOne(id, {
      progress: mine((recording) => this.progressed(recording)),
      notes: mine(({ notes }) => this.arrived(notes)),
      state: mine((recording) => this.turned(recording)),
      refused: mine(() => this.refresh()),
    });
  }

  /** Ask for everything again, after the program was away. */
  async refresh() {
    try {
      if (this.id) await this.turned(await server.getRecording(this.id));
    } catch (error) {
      tellError(error);
      if (error.status === 404) location.hash = "";
    }
  }

  get busy() {
    return ["queued", "working"].includes(this.recording?.state);
  }

  get canEdit() {
    return Boolean(this.recording) && !this.busy;
  }

  get duration() {
    const { duration, heard_seconds: heard } = this.recording;
    return Math.max(duration ?? 0, heard ?? 0, this.notes.end, 1);
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
    this.notes.merge(rows);
    if (first) this.showKeys();
    this.panel.counted();
    this.overview.fresh = false;
    this.roll.changed();
  }

  async turned(recording) {
    const was = this.recording.state;
    this.recording = recording;
    this.panel.setInitial(recording.settings_default);
    if (was === recording.state) return this.showRecording();
    await this.fetchNotes();
    if (this.id !== recording.id) return;
    this.showRecording();
    this.fetchWaveform();
    if (!this.busy) this.player.tune();
    if (recording.state === "done") say(`Done. ${count(this.notes.length, "note")}.`);
    else say(stateOf(recording));
    if (["queued", "working"].includes(was) && !this.busy) {
      if (this.showsWhole) this.firstTimes();
      this.showKeys();
    }
  }

  async fetchNotes() {
    const { id } = this;
    try {
      const answer = await server.getNotes(id);
      if (id === this.id) this.edits.take(answer);
    } catch (error) {
      tellError(error);
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

  async ask(request) {
    try {
      this.turned(await request(this.id));
    } catch (error) {
      tellError(error);
    }
  }

  showRecording() {
    const { recording } = this;
    const { state, duration, heard_seconds: heard } = recording;
    const { busy } = this;
    const done = state === "done";
    const share = duration ? Math.min(1, heard / duration) : 0;
    byId("progress").hidden = done;
    byId("studio").classList.toggle("nothing", state === "failed" && !heard);
    byId("progress-bar").hidden = !busy;
    byId("progress-bar").value = share;
    if (!duration || !heard) byId("progress-bar").removeAttribute("value");
    byId("progress-words").textContent = stateOf(recording);
    byId("progress-hint").textContent = {
      queued: "It begins by itself, as soon as those before it are done.",
      working: "You can look and listen already, or leave this page; the work goes on.",
      cancelled: "What was heard so far is kept and can be taken away.",
      failed: recording.hint || "",
    }[state] ?? "";
    byId("progress-cancel").hidden = !busy;
    byId("progress-again").hidden = busy;
    document.title = `${busy ? `${Math.floor(share * 100)} % · ` : ""}${recording.name} · transcribe`;
    const warnings = (recording.warnings ?? []).map((words) =>
      Object.assign(document.createElement("li"), { textContent: words }),
    );
    byId("warnings").replaceChildren(...warnings);
    this.roll.heard = done ? Infinity : heard;
    const { view } = this.roll;
    if (view.duration !== this.duration) {
      const whole = this.showsWhole;
      view.setDuration(this.duration);
      if (whole) this.firstTimes();
      this.overview.fresh = false;
    }
    this.player.duration = this.duration;
    if (heard) this.player.hear(server.soundAddress(recording.id), heard);
    this.showAble();
    this.roll.changed();
  }

  showAble() {
    const { canEdit, edits, notes } = this;
    for (const id of ["amount", "shortest", "delete", "add"]) byId(id).disabled = !canEdit;
    for (const field of document.querySelectorAll(".fields :is(input, select), [data-nudge]")) {
      field.disabled = !canEdit;
    }
    byId("undo").disabled = !canEdit || !edits.canUndo;
    byId("redo").disabled = !canEdit || !edits.canRedo;
    byId("take").disabled = this.busy;
    const empty = !notes.length;
    byId("roll-empty").hidden = !empty;
    byId("roll-empty").textContent = this.busy
      ? "The notes will appear here"
      : "No notes. Move the slider towards “more”, or add notes yourself.";
  }

  showNotes({ settings }) {
    if (!this.panel.timer && !this.edits.wanted) this.panel.showSettings(settings);
    this.player.duration = this.duration;
    this.roll.view.setDuration(this.duration);
    const { selection } = this.roll;
    for (const id of selection) if (!this.notes.indexOf.has(id)) selection.delete(id);
    if (!this.notes.indexOf.has(this.roll.focused)) this.roll.focused = null;
    this.panel.counted();
    this.panel.choose([...selection]);
    this.overview.fresh = false;
    this.showAble();
    this.roll.changed();
  }

  showPlayer() {
    const { player } = this;
    setIcon(byId("play"), player.playing ? "pause" : "play");
    byId("play-words").textContent = player.playing ? "Pause" : "Play";
    byId("of").textContent = this.recording ? `of ${clock(player.duration)}` : "";
    byId("loop").setAttribute("aria-pressed", String(Boolean(player.passage)));
    for (const radio of document.getElementsByName("listen")) radio.checked = radio.value === player.listen;
    this.roll.passage = player.passage;
    this.roll.sounding = player.playing;
    this.showPosition();
    if (player.playing) this.follow();
  }

  showPosition() {
    const { position } = this.player;
    byId("position").textContent = clock(position, 1);
    this.roll.playhead = position;
    this.roll.moved();
    this.overview.draw();
  }

  /** Move the playhead with every frame for as long as it plays. */
  follow() {
    if (this.moving) return;
    const frame = () => {
      this.moving = this.player.playing;
      if (!this.moving) return;
      this.showPosition();
      const { view } = this.roll;
      const ahead = this.player.position - view.start > (0.3 * view.width) / view.scale;
      if (this.actions.following) {
        if (this.calm.matches) this.roll.reveal(this.player.position);
        else if (ahead && view.end < view.duration) this.roll.reveal(this.player.position, true);
        else this.roll.reveal(this.player.position);
      }
      requestAnimationFrame(frame);
    };
    this.moving = true;
    requestAnimationFrame(frame);
  }

  firstView() {
    if (!this.busy) this.player.tune();
    this.roll.view.setDuration(this.duration);
    this.roll.view.keys = 88;
    this.firstTimes();
    this.showKeys();
    this.overview.fresh = false;
    this.roll.changed();
    this.showPlayer();
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

  /** The keys that are played, and some around them. */
  showKeys() {
    const range = this.notes.range;
    if (range && !this.busy) this.roll.view.showKeys(range[0] - 2, range[1] + 2);
    this.roll.changed();
  }
}
