/** Runs a mutation by its name. */
import { KUBECONFIG } from '../commands/house.ts';
import type { World } from './world.ts';

export interface Result {
  __typename: string;
  code?: string;
  message?: string;
  field?: string[] | null;
  replayed?: boolean;
  [field: string]: unknown;
}

const PROBLEM = '__typename ... on Problem { code message field retryable whoMustAct }';

/** Runs a mutation by name, its input's type by the naming rule; `payload` is what to read of its payload. */
export const run = async (world: World, token: string, name: string, input: object, payload: string): Promise<Result> => {
  const title = name.charAt(0).toUpperCase() + name.slice(1);
  const query = `mutation ($input: ${title}Input!) { ${name}(input: $input) { ${PROBLEM} ... on ${title}Payload { ${payload} } } }`;
  const data = await world.data<Record<string, Result>>(token, query, { input });
  const result = data[name];
  if (result === undefined) throw new Error(`No answer of ${name}.`);
  return result;
};

export const registerSeed = (world: World, name = 'seed-a', more: object = {}) =>
  run(
    world,
    'ada',
    'registerSeed',
    { name, kubeconfig: KUBECONFIG, exposure: 'NODE_PORT', labels: [{ key: 'tier', value: 'gold' }], ...more },
    'seed { id uuid name generation state labels { key value } } operation { kind state } replayed',
  );
