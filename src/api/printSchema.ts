/** Writes schema/schema.graphql from the code: `npm run schema`. */
import { writeFileSync } from 'node:fs';
import { printedSchema } from './schema.ts';

writeFileSync(new URL('../../schema/schema.graphql', import.meta.url), printedSchema());
