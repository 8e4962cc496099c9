/** What can be taken away of a recording: files of its notes, pages of its roll, its sound. */

import { isAudioWarning } from "../engine/quality";
import { nothingThere, notHere, notYet, TabError } from "../errors";
import { midiBytes } from "../export/midi";
import { downloadName, stemOf, suffixOf } from "../export/names";
import { asSvg } from "../export/picture";
import { rollPages } from "../export/roll-pages";
import { csvText, jsonText } from "../export/text";
import { type Database, type Entry, excerptOf, secondsOfWork } from "./database";
import type { NoteService } from "./notes";

export interface Download {
  blob: Blob;
  name: string;
}

/** What a sound file of the notes is made of, and its name. */
export interface PlayedNotes {
  rows: unknown[];
  pedal: number[][];
  name: string;
}

export class Downloads {
  constructor(
    private readonly database: Database,
    private readonly noteService: NoteService,
    private readonly version: string,
  ) {}

  /** One of the files that the page offers, by its ending, or the `original`. */
  async file(entry: Entry, kind: string): Promise<Download> {
    if (kind === "original") {
      const original = await this.database.get("originals", entry.id);
      if (!original) throw notHere();
      return { blob: original.file, name: downloadName(entry.name, suffixOf(entry.name)) };
    }
    if (!entry.decode) throw notYet(409);
    const offsets = kind === "sustained.mid" ? "sustained" : "key";
    const performance = await this.noteService.performance(entry, offsets);
    const file = (content: BlobPart, type: string): Download => ({
      blob: new Blob([content], { type }),
      name: downloadName(entry.name, `.${kind}`),
    });
    switch (kind) {
      case "mid":
      case "sustained.mid": {
        const text = `Transcribed by ${entry.model} (transcribe ${this.version})`;
        return file(midiBytes(performance, text), "audio/midi");
      }
      case "csv":
        return file(csvText(performance), "text/csv;charset=utf-8");
      case "json":
        return file(
          jsonText(performance, {
            recording: entry.name,
            model: entry.model,
            duration: secondsOfWork(entry) ?? 0,
            excerpt: excerptOf(entry),
            offsets,
            warnings: entry.remarks.filter(isAudioWarning),
          }),
          "application/json",
        );
      case "svg":
        if (!performance.notes.length) throw nothingThere();
        return file(asSvg(performance, entry.name), "image/svg+xml");
      default:
        throw new TabError("no_download", "There is no such download.", "", 404);
    }
  }

  /** The roll on pages of A4, an SVG each, and the recording's name. */
  async roll(entry: Entry): Promise<{ pages: string[]; name: string }> {
    if (!entry.decode) throw notYet(409);
    const performance = await this.noteService.performance(entry);
    if (!performance.notes.length) throw nothingThere();
    return { pages: rollPages(performance, stemOf(entry.name)), name: entry.name };
  }

  /** What a sound file of the notes is made of, and its name. */
  async played(entry: Entry): Promise<PlayedNotes> {
    const { notes, pedal } = await this.noteService.performance(entry);
    if (!notes.length) throw nothingThere();
    return {
      rows: notes.map((note, index) => [
        String(index), note.onset, note.pitch, note.offset, note.velocity, null, 0,
      ]),
      pedal: pedal.map(({ onset, offset }) => [onset, offset]),
      name: downloadName(entry.name, ".piano.wav"),
    };
  }
}
