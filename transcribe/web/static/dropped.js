/** Files that are dropped on the page, and the recordings in folders that are. */

import { collated } from "./texts.js";

/**
 * What a drop brings, to be asked for while it happens.
 *
 * @param {DataTransfer} transfer
 * @param {string[]|undefined} endings of recordings, such as `.mp3`, where they are known
 * @returns {Promise<File[]>}
 */
export async function droppedFiles(transfer, endings) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  const files = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  const isRecording = ({ name }) => endings?.some((ending) => name.toLowerCase().endsWith(ending)) ?? true;
  const found = entries.filter(Boolean).map(async (entry) => {
    const within = await filesIn(entry);
    return entry.isFile ? within : within.filter(isRecording);
  });
  return (await Promise.all(found)).flat();
}

/** The files of an entry of the file system, in the order of their names. */
async function filesIn(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const read = () => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
  const entries = [];
  for (let some = await read(); some.length; some = await read()) entries.push(...some);
  entries.sort((a, b) => collated(a.name, b.name));
  return (await Promise.all(entries.map(filesIn))).flat();
}
