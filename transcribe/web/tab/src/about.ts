/** Words about the page: what is kept in this browser, and what it is made of. */

import { button, byId, make } from "../../static/elements.js";
import { ask, tell, tellError } from "../../static/notices.js";
import { t } from "../../static/texts.js";
import { clearLibrary, listRecordings } from "./server";

/** A line below the list of recordings, with what leads to more. */
export function showAbout(): void {
  const dialog = make(
    "dialog",
    { id: "about", "aria-labelledby": "about-title" },
    make(
      "form",
      { method: "dialog" },
      make("button", { class: "plain corner", value: "close", "aria-label": t("close") }, "×"),
    ),
    make("h2", { id: "about-title" }, t("tab.about")),
    make("p", {}, t("tab.about.words")),
    make("p", {}, t("tab.made")),
    make("ul", { id: "about-parts" }),
    make("p", {}, make("a", { href: "licences.txt", target: "_blank" }, t("tab.licences"))),
  ) as HTMLDialogElement;
  document.body.append(dialog);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  const open = async (): Promise<void> => {
    dialog.showModal();
    const parts = byId("about-parts");
    if (parts.children.length) return;
    const answer = await fetch(new URL("licences.json", document.baseURI)).catch(() => null);
    const listed = answer?.ok ? ((await answer.json()) as { name: string; does: string; licence: string }[]) : [];
    parts.append(
      ...listed.map(({ name, does, licence }) =>
        make("li", {}, t("tab.part", { name, does: t(`tab.part.${does}`), licence })),
      ),
    );
  };
  const line = make(
    "p",
    { class: "actions", id: "about-line" },
    button(t("tab.about"), "help", () => void open(), { class: "plain small" }),
    button(t("tab.clear"), "bin", () => void clearAll(), { class: "plain small" }),
  );
  byId("disk").after(make("p", { class: "quiet small" }, t("tab.kept")), line);
}

async function clearAll(): Promise<void> {
  try {
    const { recordings } = (await listRecordings()) as { recordings: unknown[] };
    if (!recordings.length) return void tell(t("tab.clear.none"));
    const question = t("tab.clear.ask", { n: recordings.length });
    if (!(await ask(question, t("tab.clear.yes")))) return;
    await clearLibrary();
    tell(t("tab.cleared"));
  } catch (error) {
    tellError(error);
  }
}

/** Say whether recordings will be here next time, and ask the browser to keep them. */
export async function showStorage(): Promise<void> {
  byId("formats").textContent = t("tab.formats");
  if (await isPrivate()) {
    const words = make("p", { class: "warning", id: "private" }, t("tab.private"));
    byId("list-section").prepend(words);
    return;
  }
  if (navigator.storage?.persist) await navigator.storage.persist().catch(() => false);
}

/**
 * As far as a page can tell: in private windows Firefox and Safari refuse this folder. Chromium
 * tells no page, so what a private window does is always said below the list.
 */
async function isPrivate(): Promise<boolean> {
  if (!isSecureContext) return false;
  return navigator.storage.getDirectory().then(
    () => false,
    () => true,
  );
}
