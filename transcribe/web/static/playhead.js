/** Where the music is: the time beside the buttons, the line in the roll, and the view that goes with it. */

import { byId, setIcon } from "./elements.js";
import { t } from "./texts.js";
import { clock } from "./words.js";

export class Playhead {
  /** @param {import("./editor.js").Editor} editor the recording that is open */
  constructor(editor) {
    this.editor = editor;
    this.moving = false;
    editor.player.addEventListener("change", () => this.show());
  }

  /** Show what the player does now. */
  show() {
    const { player, roll, part, lengthKnown } = this.editor;
    setIcon(byId("play"), player.playing ? "pause" : "play");
    byId("play-words").textContent = t(player.playing ? "pause" : "play");
    byId("of").textContent = lengthKnown ? t("play.of", { time: clock(player.duration) }) : "";
    byId("loop").setAttribute("aria-pressed", String(Boolean(player.passage)));
    for (const radio of document.getElementsByName("listen")) radio.checked = radio.value === player.listen;
    part.passed(player.passage);
    roll.passage = player.passage;
    roll.sounding = player.playing;
    this.move();
    if (player.playing) this.follow();
  }

  move() {
    const { player, roll, overview, score, falling } = this.editor;
    const { position } = player;
    byId("position").textContent = clock(position, 1);
    roll.playhead = position;
    roll.moved();
    overview.draw();
    score.follow(position);
    falling.draw();
  }

  /** Move with every frame for as long as it plays. */
  follow() {
    if (this.moving) return;
    const { actions, calm, player, roll } = this.editor;
    const frame = () => {
      this.moving = player.playing;
      if (!this.moving) return;
      this.move();
      const { view } = roll;
      const ahead = player.position - view.start > (0.3 * view.width) / view.scale;
      const scrolls = !calm.matches && ahead && view.end < view.duration;
      if (actions.following) roll.reveal(player.position, scrolls);
      requestAnimationFrame(frame);
    };
    this.moving = true;
    requestAnimationFrame(frame);
  }
}
