/** What stands at fields that are on their way out. */

/** Of a plain list that has a connection, by that one's name. */
export const withoutPages = (connection: string): string => `Use ${connection} instead; this list has no pages, and is removed in 1.0.0.`;
