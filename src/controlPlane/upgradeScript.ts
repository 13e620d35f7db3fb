/** What takes one machine of a made seed to another version of Kubernetes, in place. */

/** Where kubeadm's part is noted that was done, with the version and the way. */
const MARK = '/var/lib/seedbed/upgraded';
/** Where apt finds the packages; the machine's first boot may have written one of another minor release. */
const SOURCE = '/etc/apt/sources.list.d/seedbed-kubernetes.sources';

/** What it says where it cannot get the programs. */
export const NO_REPOSITORY = 'no package repository is configured';

/**
 * A constant: what differs is in its arguments, the version ("v1.36.3"), "apply" on the machine that takes the control plane there and "node" on all
 * others, and apt's description of where the packages are, or nothing. All that is at the version is skipped, so it can be run again at any time, but for kubeadm's
 * own part, which is done again until it has once come to its end ("eventually makes sure that the actual state is the desired state", as its documentation has it).
 * The kubelet comes last: it may be older than the API server, and never newer. A file of a package's that the image has changed stays as it is. Keep "$" apart from "$":
 * Kubernetes makes one of two in a container's command.
 * https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/
 */
export const UPGRADE_SCRIPT = `#!/bin/sh
set -u
wanted=$1
way=$2
source=$3
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
say() {
  echo "seedbed: $*"
  echo "seedbed: $*" >/dev/console
} 2>/dev/null
fail() {
  say "failed: $*"
  exit 1
}
apt() { apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"; }

repair() { dpkg --configure -a --force-confdef --force-confold; }

fetch() {
  say "stage $1"
  [ -n "$source" ] || fail "the machine has $1 $2 and not $wanted, and ${NO_REPOSITORY}"
  command -v apt-get >/dev/null 2>&1 || fail "the machine has $1 $2 and not $wanted, and no apt to install it with"
  printf '%s\\n' "$source" >${SOURCE}
  attempt=1
  # One that the power left in the middle of an installation refuses every other.
  until repair; apt update && apt install -y --no-install-recommends --allow-change-held-packages "$1=\${wanted#v}-*"; do
    [ "$attempt" -lt 10 ] || fail "no way to install $1 $wanted"
    attempt=$((attempt + 1))
    sleep 10
    say "stage $1, attempt $attempt"
  done
  apt-mark -q hold "$1"
}

# None is taken back: an image may bring a newer patch, which does as well.
reached() { [ "$(printf '%s\\n' "$wanted" "$1" | sort -V | tail -n 1)" = "$1" ]; }

has=$(kubeadm version -o short)
if [ "\${has%.*}" != "\${wanted%.*}" ] || ! reached "$has"; then fetch kubeadm "$has"; fi

if [ "$(cat ${MARK} 2>/dev/null)" != "$wanted $way" ]; then
  say "stage $way"
  case $way in
  apply) kubeadm upgrade apply -y "$wanted" ;;
  *) kubeadm upgrade node ;;
  esac || fail "kubeadm upgrade $way"
  mkdir -p ${MARK.slice(0, MARK.lastIndexOf('/'))}
  echo "$wanted $way" >${MARK}
fi

has=$(kubelet --version)
reached "\${has#Kubernetes }" || fetch kubelet "\${has#Kubernetes }"

say "stage restart"
systemctl daemon-reload
systemctl restart kubelet || fail "no way to start the kubelet"
sleep 5
if ! systemctl -q is-active kubelet; then
  systemctl --no-pager -n 20 status kubelet
  fail "the kubelet does not stay up"
fi
say "upgraded"
`;
