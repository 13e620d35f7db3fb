/** Reads collections of a Kubernetes API, page by page. */
import { Unavailable } from '../domain/errors.ts';
import type { WithResource } from './discovery.ts';
import { type Subject, VersionGone } from './failure.ts';
import { type CollectionRef, collectionPath, type KubernetesObject, type Resource } from './kinds.ts';
import { metadataForm } from './metadataForm.ts';

export interface ListQuery extends CollectionRef {
  labelSelector?: string;
  fieldSelector?: string;
  /** Objects per request; all pages are read whatever it is. */
  limit?: number;
  metadataOnly?: boolean;
}

export interface ListAnswer {
  items: KubernetesObject[];
  resourceVersion: string;
}

export interface ListPage {
  items?: KubernetesObject[] | null;
  metadata?: { resourceVersion?: string; continue?: string };
}

interface ListDeps {
  withResource: WithResource;
  /** Gets one page, and how many characters it had. */
  read(query: ListQuery, resource: Resource, path: string, form: { accept?: string }): Promise<{ answer: ListPage; size: number }>;
  subject: Subject;
}

const PAGE = 500;
/** What a customer piles up in his cluster must not fill the memory that all customers share. */
const MAX_CLUSTER_LIST = 64 * 1024 * 1024;

export const listCalls = ({ withResource, read, subject }: ListDeps) => {
  const page = async (query: ListQuery, more: Record<string, string>) => {
    const words = new URLSearchParams();
    if (query.labelSelector !== undefined) words.set('labelSelector', query.labelSelector);
    if (query.fieldSelector !== undefined) words.set('fieldSelector', query.fieldSelector);
    for (const [name, value] of Object.entries(more)) words.set(name, value);
    const form = query.metadataOnly === true ? { accept: metadataForm('PartialObjectMetadataList') } : {};
    return withResource(query, (resource) => read(query, resource, `${collectionPath(query, resource)}?${words.toString()}`, form));
  };
  const each = async function* (query: ListQuery) {
    const limit = String(query.limit ?? PAGE);
    for (let rest: Record<string, string> = {}; ; ) {
      const one = await page(query, { limit, ...rest });
      yield one;
      const next = one.answer.metadata?.continue;
      if (!next) return;
      rest = { continue: next };
    }
  };
  const pages = async function* (query: ListQuery): AsyncGenerator<KubernetesObject[]> {
    for await (const { answer } of each(query)) yield completed(answer, query);
  };
  /** When the server lets a later page expire, the list is read once more, in one piece. */
  const list = async (query: ListQuery): Promise<ListAnswer> => {
    const items: KubernetesObject[] = [];
    let resourceVersion = '';
    let total = 0;
    try {
      for await (const { answer, size } of each(query)) {
        total += size;
        if (subject === 'cluster' && total > MAX_CLUSTER_LIST) throw await withResource(query, async (resource) => tooMuch(resource));
        // One by one: as arguments of one call a page of any size would not fit the stack.
        for (const item of completed(answer, query)) items.push(item);
        resourceVersion = answer.metadata?.resourceVersion ?? '';
      }
    } catch (error) {
      if (!(error instanceof VersionGone) || total === 0) throw error;
      const { answer } = await page(query, {});
      return { items: completed(answer, query), resourceVersion: answer.metadata?.resourceVersion ?? '' };
    }
    return { items, resourceVersion };
  };
  return { list, pages };
};

/** Items of a list come without apiVersion and kind; everybody after us expects them. */
const completed = ({ items }: ListPage, { apiVersion, kind }: ListQuery): KubernetesObject[] =>
  (items ?? []).map((item) => ({ ...item, apiVersion, kind }));

const tooMuch = ({ plural }: Resource): Unavailable =>
  new Unavailable(
    'CLUSTER_UNAVAILABLE',
    `The cluster's ${plural} are more than ${MAX_CLUSTER_LIST / 1024 / 1024} MiB together, which is more than Seedbed reads; delete what is not needed.`,
    { whoMustAct: 'CUSTOMER' },
  );
