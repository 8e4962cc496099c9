/** The menu for who practises: count-in, metronome, a loop that changes its speed, three volumes. */

import { byId } from "./elements.js";
import { say } from "./notices.js";
import { t } from "./texts.js";

export class Practice {
  /**
   * @param {import("./player.js").Player} player
   * @param {() => void} beats lets the metronome have the beats of the recording
   */
  constructor(player, beats) {
    this.player = player;
    this.beats = beats;
    const [opener, menu] = [byId("practice"), byId("practice-menu")];
    const close = () => {
      menu.hidden = true;
      opener.setAttribute("aria-expanded", "false");
    };
    opener.addEventListener("click", () => {
      menu.hidden = !menu.hidden;
      opener.setAttribute("aria-expanded", String(!menu.hidden));
      if (!menu.hidden) [...menu.querySelectorAll("input")].find((each) => each.checkVisibility()).focus();
    });
    document.addEventListener("pointerdown", (event) => event.target.closest(".practice") || close());
    opener.parentElement.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || menu.hidden) return;
      event.stopPropagation();
      close();
      opener.focus();
    });
    opener.parentElement.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !relatedTarget.closest(".practice")) close();
    });
    byId("metronome").addEventListener("change", (event) => this.tick(event.target.checked));
    byId("count-in").addEventListener("change", (event) => this.countIn(event.target.checked));
    byId("loop-speed").addEventListener("change", (event) => (player.loopStep = Number(event.target.value)));
    for (const side of Object.keys(player.volumes)) {
      byId(`volume-${side}`).addEventListener("input", (event) => player.setVolume(side, event.target.valueAsNumber / 100));
    }
    player.addEventListener("faster", () => this.changeSpeed(player.loopStep));
  }

  tick(on) {
    this.player.setTicking(on);
    if (on) this.beats();
  }

  countIn(on) {
    this.player.countsIn = on;
    if (on) this.beats();
  }

  /** The next speed of the list, up or down, but no faster than the music was. */
  changeSpeed(step) {
    const choice = byId("speed");
    const next = choice.options[choice.selectedIndex + step];
    if (!next || Number(next.value) > 1) return;
    choice.value = next.value;
    this.player.setSpeed(Number(next.value));
    say(t("said.speed", { speed: next.textContent }));
  }
}
