/** GraphQL's types as JSON Schema (2020-12, as OpenAPI 3.1 has it): of what a document takes, and of what it answers. */
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLInputType,
  type GraphQLNamedInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredInputField,
  Kind,
  type SelectionSetNode,
} from 'graphql';

export type JsonSchema = Record<string, unknown>;

const SCALARS: Readonly<Record<string, JsonSchema>> = {
  Int: { type: 'integer', minimum: -2_147_483_648, maximum: 2_147_483_647 },
  Float: { type: 'number' },
  Boolean: { type: 'boolean' },
  DateTime: { type: 'string', format: 'date-time' },
};

const leaf = (name: string): JsonSchema => SCALARS[name] ?? { type: 'string' };

const orNull = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'null' }] });

/** Of a variable or an input's field; input types are put into `components` by their names, once. */
export const inputSchema = (type: GraphQLInputType, components: Record<string, JsonSchema>): JsonSchema => {
  if (!isNonNullType(type)) return orNull(bareInput(type, components));
  return bareInput(type.ofType, components);
};

const bareInput = (type: GraphQLInputType, components: Record<string, JsonSchema>): JsonSchema => {
  if (isListType(type)) return { type: 'array', items: inputSchema(type.ofType, components) };
  const named = type as GraphQLNamedInputType;
  if (isEnumType(named)) return { type: 'string', enum: named.getValues().map(({ name }) => name) };
  if (!isInputObjectType(named)) return leaf(named.name);
  if (components[named.name] === undefined) {
    // It is there before its fields are: inputs may hold themselves.
    const component: JsonSchema = { type: 'object' };
    components[named.name] = component;
    const fields = Object.values(named.getFields());
    const required = fields.filter(isRequiredInputField).map(({ name }) => name);
    Object.assign(component, {
      ...(named.description && { description: named.description }),
      properties: Object.fromEntries(
        fields.map((field) => [field.name, described(inputSchema(field.type, components), field.description)]),
      ),
      ...(required.length > 0 && { required }),
      additionalProperties: false,
    });
  }
  return { $ref: `#/components/schemas/${named.name}` };
};

const described = (schema: JsonSchema, description: string | null | undefined): JsonSchema =>
  description ? { ...schema, description } : schema;

interface Walk {
  schema: GraphQLSchema;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
}

interface Selected {
  properties: Record<string, JsonSchema>;
  /** There whatever the object is, and whatever the variables are. */
  required: Set<string>;
}

/** Of what is selected on a type. What stands in a fragment on another type, or behind `@skip` or `@include`, need not be there. */
export const outputSchema = (walk: Walk, parent: GraphQLCompositeType, set: SelectionSetNode): JsonSchema => {
  const selected: Selected = { properties: {}, required: new Set() };
  select(walk, parent, set, true, selected);
  const required = [...selected.required];
  return { type: 'object', properties: selected.properties, ...(required.length > 0 && { required }) };
};

const select = (walk: Walk, parent: GraphQLCompositeType, set: SelectionSetNode, sure: boolean, into: Selected): void => {
  for (const selection of set.selections) {
    const isSure = sure && (selection.directives ?? []).length === 0;
    if (selection.kind === Kind.FIELD) selectField(walk, parent, selection, isSure, into);
    else {
      const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? walk.fragments.get(selection.name.value) : selection;
      if (fragment === undefined) continue;
      const on = fragment.typeCondition === undefined ? parent : walk.schema.getType(fragment.typeCondition.name.value);
      if (isCompositeType(on)) select(walk, on, fragment.selectionSet, isSure && on === parent, into);
    }
  }
};

const selectField = (walk: Walk, parent: GraphQLCompositeType, node: FieldNode, sure: boolean, into: Selected): void => {
  const key = node.alias?.value ?? node.name.value;
  if (sure) into.required.add(key);
  if (node.name.value === '__typename') {
    into.properties[key] = { type: 'string' };
    return;
  }
  const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[node.name.value] : undefined;
  if (field === undefined) return;
  const schema = described(typed(walk, field.type, node), field.description);
  const before = into.properties[key];
  into.properties[key] = before === undefined || JSON.stringify(before) === JSON.stringify(schema) ? schema : { anyOf: [before, schema] };
};

const typed = (walk: Walk, type: GraphQLOutputType, node: FieldNode): JsonSchema => {
  if (!isNonNullType(type)) return orNull(bare(walk, type, node));
  return bare(walk, type.ofType, node);
};

const bare = (walk: Walk, type: GraphQLOutputType, node: FieldNode): JsonSchema => {
  if (isNonNullType(type)) return bare(walk, type.ofType, node);
  if (isListType(type)) return { type: 'array', items: typed(walk, type.ofType, node) };
  if (isEnumType(type)) return { type: 'string', enum: type.getValues().map(({ name }) => name) };
  if (isCompositeType(type) && node.selectionSet !== undefined) return outputSchema(walk, type, node.selectionSet);
  return leaf('name' in type ? type.name : '');
};
