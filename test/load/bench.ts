/** `npm run bench`: figures in one table, each beside its goal; a missed goal is told and is no failure. */
import { benchAcknowledge } from './acknowledge.ts';
import { benchFleet } from './fleet.ts';
import { print } from './report.ts';
import { benchWake } from './wake.ts';

const clusters = Number(process.argv[2] ?? 1_000);
print([...(await benchWake()), ...(await benchAcknowledge()), ...(await benchFleet(clusters))]);
