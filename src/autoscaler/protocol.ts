/**
 * The autoscaler's protocol, clusterautoscaler.cloudprovider.v1.externalgrpc, as data: names and field numbers are the wire's. What no method
 * here reads or answers is left out, for readers of protobuf pass over what they do not know.
 */
import type { ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

export interface ProviderGroup {
  id: string;
  minSize: number;
  maxSize: number;
  debug: string;
}

/** A node as the autoscaler sees it; one that has not joined has the id of its instance for both. */
export interface ProviderNode {
  providerID: string;
  name: string;
}

export type InstanceState = 'instanceRunning' | 'instanceCreating' | 'instanceDeleting';

export interface Instance {
  id: string;
  status: { instanceState: InstanceState; errorInfo?: { errorCode: string; errorMessage: string; instanceErrorClass: number } };
}

/** As k8s.io.api.core.v1.Node, of which these are the parts that a scheduler reads. */
export interface TemplateNode {
  metadata: { name: string; labels: Record<string, string> };
  spec: { providerID: string; taints: { key: string; value: string; effect: string }[] };
  status: {
    capacity: Record<string, { string: string }>;
    allocatable: Record<string, { string: string }>;
    conditions: { type: string; status: string }[];
  };
}

interface GroupRequest {
  id: string;
}

/** Requests and answers by method. */
export interface Methods {
  NodeGroups: [object, { nodeGroups: ProviderGroup[] }];
  NodeGroupForNode: [{ node: ProviderNode | null }, { nodeGroup: ProviderGroup }];
  PricingNodePrice: [object, object];
  PricingPodPrice: [object, object];
  GPULabel: [object, { label: string }];
  GetAvailableGPUTypes: [object, object];
  Cleanup: [object, object];
  Refresh: [object, object];
  NodeGroupTargetSize: [GroupRequest, { targetSize: number }];
  NodeGroupIncreaseSize: [GroupRequest & { delta: number }, object];
  NodeGroupDeleteNodes: [GroupRequest & { nodes: ProviderNode[] }, object];
  NodeGroupDecreaseTargetSize: [GroupRequest & { delta: number }, object];
  NodeGroupNodes: [GroupRequest, { instances: Instance[] }];
  NodeGroupTemplateNodeInfo: [GroupRequest, { nodeInfo: TemplateNode; nodeBytes: TemplateNode }];
  NodeGroupGetOptions: [GroupRequest, object];
}

export type Method = keyof Methods;

const PACKAGE = 'clusterautoscaler.cloudprovider.v1.externalgrpc';

type Field = { type: string; id: number; rule?: 'repeated'; keyType?: string };

/** 'string id 1', 'repeated NodeGroup nodeGroups 1' or 'map string labels 3' (keys are strings). */
const message = (...lines: string[]): { fields: Record<string, Field> } => ({
  fields: Object.fromEntries(
    lines.map((line): [string, Field] => {
      const [id = '', name = '', type = '', form] = line.split(' ').reverse();
      const field = { type, id: Number(id) };
      return [name, form === undefined ? field : form === 'map' ? { ...field, keyType: 'string' } : { ...field, rule: 'repeated' }];
    }),
  ),
});

const ofGroup = message('string id 1');
const resize = message('int32 delta 1', 'string id 2');

const MESSAGES: Record<Method, [request: object, response: object]> = {
  NodeGroups: [message(), message('repeated NodeGroup nodeGroups 1')],
  NodeGroupForNode: [message('ExternalGrpcNode node 1'), message('NodeGroup nodeGroup 1')],
  PricingNodePrice: [message(), message()],
  PricingPodPrice: [message(), message()],
  GPULabel: [message(), message('string label 1')],
  GetAvailableGPUTypes: [message(), message()],
  Cleanup: [message(), message()],
  Refresh: [message(), message()],
  NodeGroupTargetSize: [ofGroup, message('int32 targetSize 1')],
  NodeGroupIncreaseSize: [resize, message()],
  NodeGroupDeleteNodes: [message('repeated ExternalGrpcNode nodes 1', 'string id 2'), message()],
  NodeGroupDecreaseTargetSize: [resize, message()],
  NodeGroupNodes: [ofGroup, message('repeated Instance instances 1')],
  // Older autoscalers read a Node in the first, newer ones the bytes of a Node in the second: on the wire a message and its bytes are the same.
  NodeGroupTemplateNodeInfo: [ofGroup, message('Node nodeInfo 1', 'Node nodeBytes 2')],
  NodeGroupGetOptions: [ofGroup, message()],
};

/** Two methods do not call their messages after themselves. */
const PREFIXES: Partial<Record<Method, string>> = { NodeGroupGetOptions: 'NodeGroupAutoscalingOptions' };

const prefixOf = (method: Method): string => PREFIXES[method] ?? method;

const entries = Object.entries(MESSAGES) as [Method, [object, object]][];

const definition = fromJSON(
  {
    nested: {
      [PACKAGE]: {
        nested: {
          CloudProvider: {
            methods: Object.fromEntries(
              entries.map(([method]) => [
                method,
                { requestType: `${prefixOf(method)}Request`, responseType: `${prefixOf(method)}Response`, comment: '' },
              ]),
            ),
          },
          ...Object.fromEntries(
            entries.flatMap(([method, [request, response]]) => [
              [`${prefixOf(method)}Request`, request],
              [`${prefixOf(method)}Response`, response],
            ]),
          ),
          NodeGroup: message('string id 1', 'int32 minSize 2', 'int32 maxSize 3', 'string debug 4'),
          ExternalGrpcNode: message('string providerID 1', 'string name 2'),
          Instance: message('string id 1', 'InstanceStatus status 2'),
          InstanceStatus: {
            ...message('InstanceState instanceState 1', 'InstanceErrorInfo errorInfo 2'),
            nested: { InstanceState: { values: { unspecified: 0, instanceRunning: 1, instanceCreating: 2, instanceDeleting: 3 } } },
          },
          InstanceErrorInfo: message('string errorCode 1', 'string errorMessage 2', 'int32 instanceErrorClass 3'),
          // k8s.io.api.core.v1, in numbers of Kubernetes' own.
          Node: message('ObjectMeta metadata 1', 'NodeSpec spec 2', 'NodeStatus status 3'),
          ObjectMeta: message('string name 1', 'map string labels 11'),
          NodeSpec: message('string providerID 3', 'repeated Taint taints 5'),
          Taint: message('string key 1', 'string value 2', 'string effect 3'),
          NodeStatus: message('map Quantity capacity 1', 'map Quantity allocatable 2', 'repeated NodeCondition conditions 4'),
          Quantity: message('string string 1'),
          NodeCondition: message('string type 1', 'string status 2'),
        },
      },
    },
  },
  { keepCase: true, enums: String, defaults: true },
);

export const cloudProviderService = definition[`${PACKAGE}.CloudProvider`] as ServiceDefinition;
