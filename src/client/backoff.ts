/** How long to wait before a try to come back. */

const FIRST_MS = 100;
/** The longest pause is this part of the patience: a server that is back is found soon, and not stormed. */
const TRIES = 60;

/** Doubles with each failure (1: the first). `drawn`, from 0 to 1, shortens it by up to a half, so that those who were lost together do not come back together. */
export const pauseAfter = (failures: number, patienceMs: number, drawn: number): number =>
  Math.min(FIRST_MS * 2 ** (failures - 1), patienceMs / TRIES) * (1 - drawn / 2);
