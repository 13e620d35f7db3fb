/** Resources: every outside thing that was made for a cluster. */
import type { InventoryRow } from '../store/inventory.ts';
import { builder, nodeType } from './builder.ts';
import { InventoryServiceEnum, InventoryStateEnum, MadeByEnum } from './enums.ts';

export const ResourceRef = builder.objectRef<InventoryRow>(nodeType('Resource'));

builder.node(ResourceRef, {
  description: 'A thing outside Seedbed that was made for a cluster, noted before it was made.',
  id: { resolve: (row) => row.id, description: 'Id for `node`, unique in the whole API, opaque.' },
  loadMany: (ids, { loaders }) => Promise.all(ids.map((id) => loaders.resource.load(id))),
  fields: (t) => ({
    uuid: t.exposeString('id', { description: "The plain id, of Seedbed's note." }),
    service: t.expose('service', { type: InventoryServiceEnum, description: 'Where it is.' }),
    kind: t.exposeString('kind', { description: 'What it is, such as server or Deployment.' }),
    name: t.exposeString('name', { description: 'Its name there.' }),
    externalId: t.exposeString('externalId', { nullable: true, description: 'Its id there; null until it is made.' }),
    state: t.expose('state', { type: InventoryStateEnum, description: 'Whether it is there.' }),
    madeBy: t.expose('madeBy', { type: MadeByEnum, description: 'Who made it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was noted.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When the note last changed.' }),
  }),
});
