/** Two projects with one of everything each, the cloud's things common to both, and strangers at the door. */
import { openWorld, type World } from '../world.ts';
import { letStrangersIn } from './callers.ts';
import { watchStatements } from './database.ts';
import { furnishCloud, furnishProject, type House } from './furniture.ts';

/** anna is of blue and otto of red; `statements` are all that are run from here on. */
export const openNeighbours = async (): Promise<{ world: World; statements: string[]; blue: House; red: House }> => {
  const world = await openWorld();
  const statements = await watchStatements(world);
  letStrangersIn(world);
  const cloud = await furnishCloud(world, 'common');
  const blue = { ...(await furnishProject(world, { token: 'anna', projectId: 'blue', word: 'leaky' })), ...cloud };
  const red = { ...(await furnishProject(world, { token: 'otto', projectId: 'red', word: 'own' })), ...cloud };
  return { world, statements, blue, red };
};
