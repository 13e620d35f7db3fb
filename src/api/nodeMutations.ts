/** replaceNode. */
import { builder } from './builder.ts';
import { plainId } from './ids.ts';
import { defineMutation, targetFields } from './mutation.ts';
import { nodeGroupPayload } from './nodeGroupMutations.ts';

const ReplaceNodeInput = builder.inputType('ReplaceNodeInput', {
  description: "What replaceNode is asked; the expected generation is the node group's.",
  fields: (t) => ({
    ...targetFields(t),
    nodeId: t.id({ required: true, description: 'The worker, by its global or plain id.' }),
  }),
});

defineMutation({
  name: 'replaceNode',
  description:
    'Starts another worker in the place of one, which is drained and goes once the other is ready; one that does not work goes first. Needs the role member.',
  input: ReplaceNodeInput,
  payload: nodeGroupPayload('ReplaceNodePayload', "The worker's node group."),
  toCommand: (input) => ({ ...input, nodeId: plainId('ClusterNode', input.nodeId) }),
  command: (commands) => commands.replaceNode,
});
