/** The programs that cloud-init runs on a new server: install what its image lacks, prepare containerd, and join a cluster or begin one, saying each stage on the console. */

export const JOIN_CONFIG_PATH = '/etc/seedbed/join.yaml';
export const JOIN_SCRIPT_PATH = '/usr/local/sbin/seedbed-join';
export const SYSCTL_PATH = '/etc/sysctl.d/90-seedbed.conf';
/** apt's source of Kubernetes' packages, where the operator has named one. */
export const PACKAGES_PATH = '/etc/seedbed/kubernetes.sources';

/**
 * A constant: what differs from node to node comes as its arguments (the pause image, the version of Kubernetes) or in files, so no name of a
 * customer's ever stands in shell text. Only programs that the image lacks are installed, for others may come from packages of other names.
 * Works with containerd 1 and 2, whose settings for the pause image have different
 * names; images made for Kubernetes are left as they are, and a package's bare configuration (which may switch CRI off)
 * is replaced by containerd's own default. A kernel that forwards IPv6 heeds no
 * router's announcements any more, from which it has its address and its way out, unless each interface is told to (2) before, and
 * at each start. Where a program of the system heeds them in its place (0) nothing changes. A half-done join leaves files that the next one refuses, hence the reset.
 */
const PREPARE = `#!/bin/sh
set -u
pause_image=$1
version=\${2#v}
config=/etc/containerd/config.toml
say() { echo "seedbed: $*"; }

say "stage kernel"
modprobe -a overlay br_netfilter
if grep -q '^net.ipv6.conf.all.forwarding' ${SYSCTL_PATH} 2>/dev/null; then
  for setting in /proc/sys/net/ipv6/conf/*/accept_ra; do
    [ "$(cat "$setting")" = 1 ] || continue
    echo 2 >"$setting"
    echo "\${setting#/proc/sys/} = 2" >>${SYSCTL_PATH}
  done
fi
sysctl -q -p ${SYSCTL_PATH}

missing=
set --
for program in containerd kubelet kubeadm; do
  command -v "$program" >/dev/null 2>&1 && continue
  missing="$missing $program"
  case $program in
  containerd) set -- "$@" containerd ;;
  *) set -- "$@" "$program=$version-*" ;;
  esac
done
if [ -n "$missing" ]; then
  say "stage packages"
  if [ ! -e ${PACKAGES_PATH} ]; then
    say "failed: the image lacks$missing, and no package repository is configured"
    exit 1
  fi
  if ! command -v apt-get >/dev/null 2>&1; then
    say "failed: the image lacks$missing, and apt to install it with"
    exit 1
  fi
  cp ${PACKAGES_PATH} /etc/apt/sources.list.d/seedbed-kubernetes.sources
  export DEBIAN_FRONTEND=noninteractive
  attempt=1
  # A machine that lost its power in the middle of an installation refuses every other until that is ended.
  until
    dpkg --configure -a --force-confdef --force-confold
    apt-get -q -o DPkg::Lock::Timeout=300 update && apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"; do
    if [ "$attempt" -ge 30 ]; then
      say "failed: no way to install$missing"
      exit 1
    fi
    attempt=$((attempt + 1))
    sleep 10
    say "stage packages, attempt $attempt"
  done
  for program in kubelet kubeadm; do
    case " $missing " in *" $program "*) apt-mark -q hold "$program" ;; esac
  done
fi

say "stage containerd"
mkdir -p /etc/containerd
cp "$config" /run/seedbed-containerd.before 2>/dev/null || : >/run/seedbed-containerd.before
if ! grep -Eq '^[[:space:]]*sandbox(_image)?[[:space:]]*=' "$config" 2>/dev/null; then
  containerd config default >"$config"
fi
sed -E -i \\
  -e "s|^([[:space:]]*)sandbox(_image)?[[:space:]]*=.*|\\\\1sandbox\\\\2 = \\"$pause_image\\"|" \\
  -e 's|^([[:space:]]*)SystemdCgroup[[:space:]]*=.*|\\1SystemdCgroup = true|' "$config"
systemctl -q enable containerd kubelet
if cmp -s "$config" /run/seedbed-containerd.before; then
  systemctl start containerd
else
  systemctl restart containerd
fi
`;

export const JOIN_SCRIPT = `${PREPARE}
attempt=1
while :; do
  say "stage join, attempt $attempt"
  kubeadm join --config ${JOIN_CONFIG_PATH} && break
  if [ "$attempt" -ge 30 ]; then
    say "failed to join"
    exit 1
  fi
  attempt=$((attempt + 1))
  if [ -e /etc/kubernetes/pki/ca.crt ] || [ -e /etc/kubernetes/kubelet.conf ]; then
    kubeadm reset --force >/dev/null 2>&1
  fi
  sleep 10
done
rm -f ${JOIN_CONFIG_PATH}
say "joined"
`;

export const INIT_CONFIG_PATH = '/etc/seedbed/init.yaml';
export const INIT_SCRIPT_PATH = '/usr/local/sbin/seedbed-init';
/** Where a machine of a seed's control plane finds its authorities: `kubeadm reset` empties the folder that kubeadm itself reads them from. */
export const AUTHORITIES_FOLDER = '/etc/seedbed/pki';
export const METADATA_UNIT = 'seedbed-metadata.service';
export const METADATA_UNIT_PATH = `/etc/systemd/system/${METADATA_UNIT}`;

/**
 * A machine of a seed's control plane: its user data holds the seed's keys, so nothing that could run a pod starts before the metadata service is
 * shut to pods. What kubeadm cannot do yet (the address may not lead to it for a moment, another machine may be joining etcd) it does at a later attempt.
 */
const controlPlaneScript = (parts: {
  before?: string;
  stage: string;
  command: string;
  fault: string;
  config: string;
  end: string;
}): string => `${PREPARE}${parts.before ?? ''}
if ! systemctl -q enable --now ${METADATA_UNIT}; then
  say "failed: no way to shut the metadata service to pods"
  exit 1
fi
attempt=1
while :; do
  say "stage ${parts.stage}, attempt $attempt"
  mkdir -p /etc/kubernetes/pki
  cp -R ${AUTHORITIES_FOLDER}/. /etc/kubernetes/pki/
  ${parts.command} && break
  if [ "$attempt" -ge 30 ]; then
    say "${parts.fault}"
    exit 1
  fi
  attempt=$((attempt + 1))
  kubeadm reset --force >/dev/null 2>&1
  sleep 10
done
rm -rf ${AUTHORITIES_FOLDER} ${parts.config}
say "${parts.end}"
`;

/** Where the API of the seed would answer if there were one already, an address and port a line: its own address, and those of the others of its control plane. */
export const PEERS_PATH = '/etc/seedbed/peers';

/**
 * A server that was rebuilt or evacuated boots with an empty disk and the user data of its first day, and would begin another cluster with the same
 * keys beside the one that goes on without it. Whoever has a certificate of the seed's own authority is of that one: at the very first boot there is
 * nobody. The seed's address may lead to this very machine, hence the others'. What this machine has begun itself is none of it.
 */
const REFUSE_SECOND = `
answers() {
  if command -v curl >/dev/null 2>&1; then
    curl -s -o /dev/null --noproxy '*' --max-time 10 --cacert ${AUTHORITIES_FOLDER}/ca.crt "https://$1/version"
  elif command -v openssl >/dev/null 2>&1; then
    timeout 10 openssl s_client -connect "$1" -CAfile ${AUTHORITIES_FOLDER}/ca.crt -verify_return_error </dev/null >/dev/null 2>&1
  else
    return 1
  fi
}
if [ ! -e /etc/kubernetes/manifests/kube-apiserver.yaml ]; then
  while read -r peer; do
    if answers "$peer"; then
      say "failed: a cluster answers at $peer already, and this machine would begin another"
      exit 1
    fi
  done <${PEERS_PATH}
fi
`;

/** Begins the cluster. */
export const INIT_SCRIPT = controlPlaneScript({
  before: REFUSE_SECOND,
  stage: 'init',
  command: `kubeadm init --config ${INIT_CONFIG_PATH} --skip-token-print`,
  fault: 'failed to begin the cluster',
  config: INIT_CONFIG_PATH,
  end: 'begun',
});

/** Joins it as one more of its control plane; kubeadm lets etcd take it in as a learner first. */
export const CONTROL_PLANE_JOIN_SCRIPT = controlPlaneScript({
  stage: 'join',
  command: `kubeadm join --config ${JOIN_CONFIG_PATH}`,
  fault: 'failed to join',
  config: JOIN_CONFIG_PATH,
  end: 'joined',
});
