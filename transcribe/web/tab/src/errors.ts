/**
 * What can go wrong, in words for the person; the same kinds and sentences as the server's. The
 * page finds its words in other languages by the kind.
 */

export type Values = Record<string, string | number>;

/** An error as it goes from a worker to the page. */
export interface ErrorWords {
  message: string;
  hint: string;
  status: number;
  kind: string;
  values: Values;
}

/** Says what happened (`message`) and what can be done next (`hint`). */
export class TabError extends Error implements ErrorWords {
  override readonly name = "ServerError";
  constructor(
    readonly kind: string,
    message: string,
    readonly hint = "",
    readonly status = 0,
    readonly values: Values = {},
  ) {
    super(message);
  }

  /** As it can be sent. */
  get words(): ErrorWords {
    const { message, hint, status, kind, values } = this;
    return { message, hint, status, kind, values };
  }
}

/** The formats that the tab reads by itself. */
const FORMATS = "wav, flac, mp3, ogg, opus, m4a, aac, webm";
const READABLE = `${FORMATS}, or a video with sound`;
const CONVERT = "Convert it to wav or mp3, then add that file; the transcribe command reads more kinds of files.";

/** Why a recording can't be used, by kind; as `transcribe/web/messages.py`. */
export const RECORDING_ERRORS = {
  empty: ["This recording is empty.", "Copy or record it again."],
  not_a_recording: ["This is not a recording, or one of a kind that browsers can't read.", `Use ${READABLE}. ${CONVERT}`],
  midi: [
    "This is a MIDI file: it holds notes and no sound.",
    "Sheet music and sound are made of it by the commands transcribe score and transcribe render.",
  ],
  no_audio_track: ["There is no sound in this file.", `Use ${READABLE}.`],
  no_decoder: ["The sound of this file is in an encoding that this browser can't read.", CONVERT],
  damaged: ["This recording is damaged; none of it can be played.", "Copy it again."],
  cut_off: [
    "This recording was cut off before it was finished, so it can't be opened.",
    "Copy or export it again from the device that made it.",
  ],
  too_short: [
    "The recording ends before the part that was to be transcribed.",
    "Choose an earlier part, or all of it.",
  ],
  too_long: ["This recording is longer than 12 hours; cut it into parts.", "A part of some hours is fine."],
} as const satisfies Record<string, readonly [string, string]>;

export type RecordingProblem = keyof typeof RECORDING_ERRORS;

/** A recording that can't be used. */
export class RecordingError extends TabError {
  constructor(kind: RecordingProblem) {
    super(kind, RECORDING_ERRORS[kind][0], RECORDING_ERRORS[kind][1], 0, { formats: FORMATS });
  }
}

/** For a file of the site that did not come. */
export const notLoaded = (): TabError =>
  new TabError(
    "not_loaded",
    "A part of this page could not be loaded.",
    "Check the network, then load the page again; everything is saved.",
  );

/** For an address at which browsers give a page neither decoders nor storage that lasts. */
export const notSecure = (): TabError =>
  new TabError(
    "not_secure",
    "At this address the browser does not let the page work, as it is not secure (http).",
    "Open the same page as https, or from this computer (localhost).",
  );

export const notHere = (): TabError =>
  new TabError("not_here", "This recording is not here any more.", "Go back to the list of recordings.", 404);

/** For a file that is not as it was when it was chosen. */
export const unreadable = (): TabError =>
  new TabError(
    "unreadable_file",
    "The browser can't read this file.",
    "It may have been changed, moved or deleted since it was chosen, or be a folder; choose it again.",
    400,
  );

const FULL = () =>
  new TabError(
    "storage_full",
    "There is no room left in the browser's storage.",
    "Delete recordings you no longer need, or make room on the disk; then try again.",
    507,
  );

/** Any error as one that can be shown. */
export function inWords(error: unknown): TabError {
  if (error instanceof TabError) return error;
  const { name, message } = error as Error;
  if (name === "QuotaExceededError" || /quota|disk is full/i.test(message ?? "")) return FULL();
  if (name === "NotReadableError") return unreadable();
  if (/out of memory|allocation failed|Array buffer allocation/i.test(message ?? "")) {
    return new TabError(
      "no_memory",
      "There was not enough memory to go on.",
      "Close other tabs and programs, then try again.",
    );
  }
  const what = `${name}: ${message}`;
  return new TabError(
    "unexpected",
    `Something unexpected went wrong (${what}).`,
    "Load the page again; nothing that was kept is lost.",
    0,
    { what },
  );
}

/** Of a recording without notes. */
export const nothingThere = (): TabError =>
  new TabError(
    "no_notes",
    "There are no notes to play or to draw.",
    "Move the slider to more notes.",
    409,
  );

/** Of a recording that is still to be transcribed. */
export const notYet = (status: number): TabError =>
  new TabError("not_yet", "This recording is not transcribed yet.", "Wait a moment.", status);
