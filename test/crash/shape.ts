/** What there is of a cluster in all places, as lines that are the same for two clusters of the same form. */
import type { Story } from '../reconcilers/story.ts';

interface Thing {
  id?: string;
  name?: string;
  status?: string;
  security_group_id?: string;
}

interface Snapshot {
  openstack: Record<string, Record<string, Thing[]>>;
  kubernetes: { seed: string[]; hosted: { objects: string[] }[] };
}

/** Sorted lines of the sandbox's clouds and clusters, and of our inventory. Random parts of names become stars, ids of clusters "ID". */
export const shapeOfAll = async (world: Story): Promise<string[]> => {
  const shortIds = world.rows<{ id: string }>('select short_id as id from clusters').map(({ id }) => id);
  const { openstack, kubernetes } = await world.control<Snapshot>('GET', 'world');
  // Neutron makes a project's group `default` when anybody first lists groups there: whoever it was, it is nobody's cluster's.
  const defaults = new Set(openstack['network']?.['securityGroups']?.filter(({ name }) => name === 'default').map(({ id }) => id));
  const isDefault = ({ id, security_group_id }: Thing): boolean => defaults.has(id) || defaults.has(security_group_id);
  const things = Object.entries(openstack).flatMap(([service, kinds]) =>
    Object.entries(kinds).flatMap(([kind, all]) =>
      all.filter((thing) => !isDefault(thing)).map(({ name, status }) => `${service} ${kind} ${name ?? ''} ${status ?? ''}`),
    ),
  );
  const objects = kubernetes.hosted.flatMap((cluster) => cluster.objects);
  // A kubelet that is not answered in time asks for its certificate once more, and Kubernetes clears such requests away by itself.
  const hosted = objects.filter((object) => !object.startsWith('CertificateSigningRequest ')).map((object) => `hosted ${object}`);
  const ours = world
    .rows<{ line: string }>("select service || ' ' || kind || ' ' || name || ' ' || state as line from inventory where state <> 'GONE'")
    .map(({ line }) => `inventory ${line}`);
  return [...things, ...kubernetes.seed.map((object) => `seed ${object}`), ...hosted, ...ours]
    .map((line) =>
      shortIds
        .reduce((text, shortId) => text.replaceAll(shortId, 'ID'), line)
        .replace(/\b[0-9a-f]{8}-[0-9a-f-]{27}\b/g, '*')
        .replace(/seedbed-seed-[0-9a-f]{8}\b/g, 'seedbed-seed-*')
        .replace(/-[0-9a-f]{10}(-[a-z0-9]{5})?$/, '-*')
        .replace(/(worker|csr|kube-proxy|kube-flannel-ds|konnectivity-agent)-[a-z0-9]{5}\b/, '$1-*')
        .replace(/ trust \S+Z /, ' trust * ')
        .replace(/bootstrap-token-\w{6}/, 'bootstrap-token-*'),
    )
    .sort();
};
