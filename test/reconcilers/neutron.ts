/** The sandbox's Neutron, as somebody calls it behind Seedbed's back. */
import type { Story } from './story.ts';

/** The answer, by whoever has the token; undefined when it has none. Throws with Neutron's words on anything but a success. */
export const askNeutron = async <T>(
  world: Pick<Story, 'sandbox'>,
  token: string,
  method: string,
  path: string,
  body?: object,
): Promise<T> => {
  const answer = await fetch(new URL(`/network/v2.0/${path}`, world.sandbox.authUrl), {
    method,
    headers: { 'content-type': 'application/json', 'x-auth-token': token },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
};
