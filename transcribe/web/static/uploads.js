/** Files on their way to the server, one after another, each with a card of its own. */

import { byId, button, make } from "./elements.js";
import { say } from "./notices.js";
import { upload } from "./server.js";
import { size } from "./words.js";

export class Uploads {
  /**
   * @param {object} does `arrived(recording, alone)` for every file that is there, `alone` if
   *   it was added alone; `limit()` in bytes; `changed()` when cards come or go
   */
  constructor(does) {
    this.does = does;
    this.line = Promise.resolve();
    this.waiting = 0;
  }

  /** Whether anything would be lost if the page were closed. */
  get active() {
    return this.waiting > 0;
  }

  /**
   * Send files. Each resolves to its recording, or to null if it did not get there.
   *
   * @param {File[]} files
   */
  add(files) {
    return files.map((file) => this.send(file, files.length === 1));
  }

  send(file, alone) {
    const bar = make("progress", { max: 1, value: 0, "aria-label": `Sending ${file.name}` });
    const what = make("p", { class: "what" }, "Waiting to be uploaded");
    const stop = new AbortController();
    const cancel = button("Stop", "close", () => stop.abort(), { class: "plain" });
    const actions = make("div", { class: "actions" }, cancel);
    const card = make("li", { class: "card" }, make("h3", {}, file.name), what, actions, bar);
    byId("uploads").append(card);
    this.does.changed();
    this.waiting += 1;
    const close = () => {
      card.remove();
      this.does.changed();
    };
    const done = this.line.then(async () => {
      try {
        this.check(file);
        stop.signal.throwIfAborted();
        say(`Uploading ${file.name}`);
        const recording = await upload(file, file.name, (share) => {
          bar.value = share;
          what.textContent = `Uploading, ${Math.round(share * 100)} % of ${size(file.size)}`;
        }, stop.signal);
        close();
        this.does.arrived(recording, alone);
        return recording;
      } catch (error) {
        if (error.name === "AbortError") close();
        else this.failed(file, error, card, { what, actions, bar }, close);
        return null;
      } finally {
        this.waiting -= 1;
      }
    });
    this.line = done;
    return done;
  }

  check(file) {
    const limit = this.does.limit();
    if (!file.size) {
      throw Object.assign(new Error(`“${file.name}” is empty.`), {
        hint: "Choose another file, or record it again.",
      });
    }
    if (limit && file.size > limit) {
      throw Object.assign(new Error(`“${file.name}” is too large: ${size(file.size)}.`), {
        hint: `The limit is ${size(limit)}. As MP3 or FLAC it will be much smaller.`,
      });
    }
  }

  failed(file, error, card, { what, actions, bar }, close) {
    card.classList.add("failed");
    what.textContent = [error.message, error.hint].filter(Boolean).join(" ");
    bar.remove();
    const again = () => {
      close();
      this.send(file, true);
    };
    actions.replaceChildren(
      button("Try again", "again", again, { class: "plain" }),
      button("Close", "close", close, { class: "plain" }),
    );
    say(what.textContent);
  }
}
