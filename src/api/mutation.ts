/** How every mutation is built: one input, one command, and a union of its payload and the typed errors. */
import type { InputRef, ObjectRef } from '@pothos/core';
import type { RefusedMutation } from '../commands/audited.ts';
import type { Answer } from '../commands/call.ts';
import type { Commands } from '../commands/commands.ts';
import { askedTarget, auditedInput } from '../domain/auditLog.ts';
import { problemOf, SeedbedError } from '../domain/errors.ts';
import { builder, type InputBuilder, type SchemaTypes } from './builder.ts';
import { type Context, callOf } from './context.ts';
import { decodeId } from './ids.ts';
import { createLoaders } from './loaders.ts';
import { errorTypeOf, errorTypes, type ProblemAnswer } from './problem.ts';

interface CallFields {
  idempotencyKey?: string | null | undefined;
  expectedGeneration?: number | null | undefined;
}

/** Fields of every mutation's input. */
export const callFields = (t: InputBuilder) => ({
  idempotencyKey: t.string({
    description:
      'Up to 128 visible ASCII characters of your choice, without blanks: the same key with the same input gives the same answer for at least 24 hours, with another input an error.',
  }),
});

/** Also of every mutation's input that has a target. */
export const targetFields = (t: InputBuilder) => ({
  ...callFields(t),
  expectedGeneration: t.int({
    description: "Refuses the change when the object's generation is another one: nobody's change is overwritten unseen.",
  }),
});

export const REPLAYED = 'The answer of an earlier call with the same idempotency key; nothing was done again.';

export interface MutationOptions<Input extends CallFields, Result extends Answer & object> {
  name: string;
  description: string;
  input: InputRef<Input>;
  payload: ObjectRef<SchemaTypes, Result>;
  /** What the command takes: plain ids, maps for lists of labels. */
  toCommand(input: Input): object;
  command(commands: Commands): (call: ReturnType<typeof callOf>, input: unknown) => Promise<Result>;
}

export const defineMutation = <Input extends CallFields, Result extends Answer & object>(options: MutationOptions<Input, Result>): void => {
  const title = options.name.charAt(0).toUpperCase() + options.name.slice(1);
  const members: ObjectRef<SchemaTypes, object>[] = [options.payload, ...Object.values(errorTypes)];
  const input: InputRef<object> = options.input;
  const union = builder.unionType(`${title}Result`, {
    description: `The answer of ${options.name}: what changed, or why not.`,
    types: members,
    resolveType: (value) => ('errorType' in value && typeof value.errorType === 'string' ? value.errorType : `${title}Payload`),
  });
  builder.mutationField(options.name, (t) =>
    t.field({
      type: union,
      description: options.description,
      args: { input: t.arg({ type: input, required: true, description: 'What is asked.' }) },
      resolve: async (_root, args, context): Promise<object> => {
        // The argument has the input's shape by its type in the schema.
        const given = args.input as Input;
        const call = callOf(context, given, auditedInput(given));
        try {
          return await options.command(context.commands)(call, options.toCommand(given));
        } catch (error) {
          await recordRefused(context, call, {
            action: options.name,
            input: given,
            target: plainTarget(given),
            code: problemOf(error).code,
          });
          const type = error instanceof SeedbedError ? errorTypeOf(error.code) : undefined;
          if (type === undefined || !(error instanceof SeedbedError)) throw error;
          const problem = error.toProblem();
          context.refused.push(problem);
          return { ...problem, errorType: type } satisfies ProblemAnswer;
        } finally {
          // What was read before this change, in the same document, may be stale now.
          context.loaders = createLoaders(context.store.db, context.actor);
        }
      },
    }),
  );
};

/** The refusal goes out whether it could be written down or not. */
const recordRefused = async (context: Context, call: ReturnType<typeof callOf>, refused: RefusedMutation): Promise<void> => {
  try {
    await context.commands.recordRefusal(call, refused);
  } catch (error) {
    const { log, requestId } = context;
    log.error({ err: error, requestId, action: refused.action }, 'a refused mutation could not be written to the audit log');
  }
};

const plainTarget = (input: object) => {
  const { kind, id } = askedTarget(input);
  return { kind, id: id === null ? null : (decodeId(id)?.id ?? id) };
};
