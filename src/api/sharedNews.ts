/** What subscribers are told of a row: one object for all who are told the same of the same one, so that they can share the answer. */
import type { Letter } from './mailbox.ts';

export const sharedNews = <Row extends object, What extends string | null, News>(
  make: (row: Row, letter: Letter<What>) => News,
): ((row: Row, letter: Letter<What>) => News) => {
  const told = new WeakMap<Row, Map<string, News>>();
  return (row, letter) => {
    const ofRow = told.get(row) ?? new Map<string, News>();
    told.set(row, ofRow);
    const key = `${letter.missed} ${letter.resync} ${letter.news}`;
    const news = ofRow.get(key) ?? make(row, letter);
    ofRow.set(key, news);
    return news;
  };
};
