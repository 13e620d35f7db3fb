import { expect, test } from 'vitest';
import { UserError } from '../../src/domain/errors.ts';
import { createLog } from '../../src/lib/log.ts';

const logged = (err: unknown): Record<string, unknown> => {
  const lines: string[] = [];
  createLog('debug', { write: (line) => void lines.push(line) }).error({ err }, 'it failed');
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '').err;
};

test('of an error its words are logged, and those of its causes', () => {
  const cause = Object.assign(new Error('the socket broke'), { code: 'ECONNRESET' });
  expect(logged(new TypeError('no answer', { cause }))).toMatchObject({
    type: 'TypeError',
    message: 'no answer',
    stack: expect.stringContaining('log.test.ts'),
    cause: { type: 'Error', message: 'the socket broke', code: 'ECONNRESET', stack: expect.stringContaining('log.test.ts') },
  });
  const together = new AggregateError([new Error('by IPv4'), new Error('by IPv6')], 'no address answers');
  expect(logged(together)).toMatchObject({ message: 'no address answers', errors: [{ message: 'by IPv4' }, { message: 'by IPv6' }] });
  const openstack = { service: 'compute', status: 500, requestId: 'req-1' };
  expect(logged(new UserError('CLOUD_REFUSED', 'Nova refuses it.', { openstack }))).toMatchObject({ problem: { openstack } });
});

test('nothing else that hangs on it, or on its causes, is', () => {
  const hung = { request: { headers: { 'x-auth-token': 'canary' } }, config: ['canary'], token: 'canary', code: { of: 'canary' } };
  const broken = (more: object = {}) => Object.assign(new Error('it broke', more), hung);
  const errors = [
    broken(),
    broken({ cause: broken() }),
    new AggregateError([broken()]),
    new UserError('CONFLICT', 'No.', { cause: broken() }),
  ];
  for (const error of [...errors, 'canary', { token: ['canary'] }]) expect(JSON.stringify(logged(error))).not.toContain('canary');
});

test('an error that is its own cause ends', () => {
  const error = new Error('it broke');
  error.cause = error;
  expect(logged(error)).toMatchObject({ message: 'it broke' });
});
