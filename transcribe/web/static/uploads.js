/** Files on their way to the server, one after another, each with a card of its own. */

import { byId, button, make } from "./elements.js";
import { inWords, say, trouble } from "./notices.js";
import { upload } from "./server.js";
import { percent, t } from "./texts.js";
import { mayHelp, size } from "./words.js";

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
    const bar = make("progress", { max: 1, value: 0, "aria-label": t("upload.progress", { name: file.name }) });
    const what = make("p", { class: "what" }, t("upload.waits"));
    const stop = new AbortController();
    const cancel = button(t("stop"), "close", () => stop.abort(), { class: "plain" });
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
        say(t("upload.said", { name: file.name }));
        const recording = await upload(file, file.name, (share) => {
          bar.value = share;
          what.textContent = t("upload.share", { share: percent(share), size: size(file.size) });
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
    const { name } = file;
    if (!file.size) throw trouble("upload.empty", { name });
    if (limit && file.size > limit) {
      throw trouble("upload.large", { name, size: size(file.size), limit: size(limit) });
    }
  }

  failed(file, error, card, { what, actions, bar }, close) {
    card.classList.add("failed");
    const { message, hint } = inWords(error);
    what.textContent = [message, hint].filter(Boolean).join(" ");
    bar.remove();
    const again = () => {
      close();
      this.send(file, true);
    };
    actions.replaceChildren(
      ...(mayHelp(error.kind) ? [button(t("try.again"), "again", again, { class: "plain" })] : []),
      button(t("close"), "close", close, { class: "plain" }),
    );
    say(what.textContent);
  }
}
