/** What the audit log says of a call. */
import type { AuditOutcome } from '../domain/auditLog.ts';
import type { ErrorCode } from '../domain/errors.ts';
import { fingerprint, stableJson } from '../lib/json.ts';
import { type AuditEntry, appendAudit } from '../store/auditLog.ts';
import type { Call, CommandDeps } from './call.ts';

interface Outcome {
  at: number;
  action: string;
  projectId: string | null;
  target: { kind: string | null; id: string | null };
  inputHash: string;
  outcome: AuditOutcome;
  operationId: string | null;
  errorCode: string | null;
}

export const auditEntryOf = ({ actor, requestId, openstackRequestId, trail }: Call, { target, ...outcome }: Outcome): AuditEntry => ({
  userId: actor.userId,
  userName: actor.userName,
  userDomainName: actor.userDomainName,
  callerProjectId: actor.projectId,
  roles: stableJson(actor.roles),
  tokenKind: actor.tokenKind,
  credentialId: actor.credentialId,
  address: trail?.address ?? null,
  forwardedFor: trail?.forwardedFor ?? null,
  userAgent: trail?.userAgent ?? null,
  targetKind: target.kind,
  targetId: target.id,
  input: trail === undefined ? null : stableJson(trail.input),
  requestId,
  openstackRequestId,
  ...outcome,
});

export interface RefusedMutation {
  action: string;
  /** As it came; only its hash is kept of it here. */
  input: unknown;
  target: { kind: string | null; id: string | null };
  /** A code of ours, or of GraphQL's where the call did not get to a command. */
  code: ErrorCode | string;
}

/** A mutation that changed nothing, in a transaction of its own. Of the caller's project: what was named may be another's. */
export const recordRefusal =
  (deps: CommandDeps) =>
  (call: Call, { action, input, target, code }: RefusedMutation): Promise<void> =>
    deps.store.transaction((tx) =>
      appendAudit(
        tx,
        auditEntryOf(call, {
          at: deps.clock.now(),
          action,
          projectId: call.actor.projectId,
          target,
          inputHash: fingerprint(input),
          outcome: 'REFUSED',
          operationId: null,
          errorCode: code,
        }),
      ),
    );
