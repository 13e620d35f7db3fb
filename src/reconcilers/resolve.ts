/** A name or an id as a thing of the cloud, or an error that says what there is. */
import { findByNameOrId, namesakes } from '../domain/cloud.ts';
import { UserError } from '../domain/errors.ts';

/** Throws UserError INVALID_INPUT that names the field and offers at most ten names. */
export const resolveName = <T extends { id: string; name: string }>(
  what: string,
  nameOrId: string,
  items: readonly T[],
  field: string[],
): T => {
  const found = findByNameOrId(items, nameOrId);
  if (found !== undefined) return found;
  if (namesakes(items, nameOrId).length > 1) {
    throw new UserError('INVALID_INPUT', `Several of the project's choices of ${what} are called "${nameOrId}"; give the id instead.`, {
      field,
    });
  }
  const names = [...new Set(items.map((item) => item.name))].sort().slice(0, 10);
  const offer = names.length === 0 ? 'The project has none to choose from.' : `Choose one of: ${names.join(', ')}.`;
  throw new UserError('INVALID_INPUT', `The project has no ${what} "${nameOrId}". ${offer}`, { field });
};
