/** Maintenance, as input: all optional, each with its bounds; a list of windows is replaced as a whole. */
import { z } from 'zod';
import { given, tree } from './parse.ts';
import { windowsInput } from './weeklyWindowInput.ts';

const LONGEST_HOURS = 24;

export const maintenanceInput = tree({
  windows: given(windowsInput(LONGEST_HOURS)),
  autoUpgrade: given(z.enum(['NONE', 'PATCH'], 'must be NONE or PATCH')),
});
