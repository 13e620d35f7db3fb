/** What lists of revisions have in common, of templates and of addon bundles. */
import { encodeCursor } from '../store/page.ts';
import { builder } from './builder.ts';

export const RevisionFilterInput = builder.inputType('RevisionFilter', {
  description: 'Which revisions to list; without a field, all.',
  fields: (t) => ({ revisions: t.intList({ description: 'Of one of these numbers.' }) }),
});

/** Their numbers are the order, below one parent. */
export const byRevision = (parentId: string, revision: number): string => encodeCursor(revision, parentId);
