/** Of Node.js, for `checks.ts` alone. */
declare const process: {
  stdin: AsyncIterable<string>;
  stdout: { write(text: string): void };
};
