# Daemons, waiting, SQL, templates. Sourced first.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin   # Debian's Python, not a shim's
export PYTHONDONTWRITEBYTECODE=1   # no caches in the source tree
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY PYTHONPATH
LAB=${LAB:-/tmp/seedbed-lab}
W=$LAB/openstack ETC=$W/etc LOG=$W/log PIDS=$W/pids STATE=$W/state
IP=127.0.0.1            # what only the services themselves talk to
export LAB_EXTERNAL=${LAB_EXTERNAL:-198.51.100}   # the /24 outside; nothing that the machine itself must reach may live in it
API=$LAB_EXTERNAL.1     # the APIs: the host's address on br-ex, so that seeds and servers reach what the catalogue says
PW=${LAB_PASSWORD:-secret}
MACHINE=${LAB_MACHINE:-$(readlink -f "$HERE/../machine/machine" || true)}
mkdir -p "$ETC" "$LOG" "$PIDS" "$STATE" "$W/lock" "$W/rc"
# Numbers of processes mean nothing after the machine has started anew.
BOOT=$(</proc/sys/kernel/random/boot_id)
[ "$BOOT" = "$(cat "$W/boot" 2>/dev/null)" ] || { rm -f "$PIDS"/*; echo "$BOOT" >"$W/boot"; }

T0=${EPOCHREALTIME/.}
say() { local ms=$(((${EPOCHREALTIME/.} - T0) / 1000)); printf '%4d.%ds %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$*"; }
die() { say "FAIL: $*" >&2; exit 1; }

install() {
  local missing=() p
  for p in "$@"; do [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p"); done
  [ ${#missing[@]} = 0 ] && return
  # the packages' own service starts would only get in the way
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
  local apt=(apt-get -qq -o DPkg::Lock::Timeout=900)
  "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >>"$LOG/apt.log" 2>&1 || die "apt: see $LOG/apt.log"
  say "installed ${#missing[@]} packages and what they need"
}

# A daemon leads its own session: its pid ends the whole family.
# After a hard end of the lab or of the host the number may be another's: only with the same start time is it ours.
alive() {
  local pid born
  read -r pid born 2>/dev/null <"$PIDS/$1" && [ -n "$born" ] && [ "$(born "$pid")" = "$born" ]
}
# Not of a zombie: where process 1 reaps nobody, those stay for ever.
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'; }
family() { ps -o stat= -s "$1" | grep -qv '^Z'; }
pid_of() { local pid born; read -r pid born 2>/dev/null <"$PIDS/$1" && echo "$pid"; }
start() {
  local name=$1; shift; alive "$name" && return
  printf '%q ' "$@" >"$W/state/$name.cmd"
  setsid nohup "$@" >>"$LOG/$name.log" 2>&1 </dev/null &
  echo "$! $(born $!)" >"$PIDS/$name"
}
stop() {
  local name pids=() p
  # when only the daemon itself was killed, its family lives on under its number
  for name in "$@"; do p=$(pid_of "$name") && { alive "$name" || { [ -z "$(born "$p")" ] && family "$p"; }; } && pids+=("$p") && { kill -- "-$p" || kill "$p"; } 2>/dev/null; done
  local i; for i in {1..100}; do
    for p in "${pids[@]}"; do family "$p" && { sleep 0.1; continue 2; }; done; break
  done
  for p in "${pids[@]}"; do kill -9 -- "-$p" 2>/dev/null; done
  for name in "$@"; do rm -f "$PIDS/$name"; done
}
restart() { [ -f "$STATE/$1.cmd" ] || die "no daemon $1"; stop "$1"; eval "start $1 $(<"$STATE/$1.cmd")"; say "$1 restarted"; }

# any HTTP status will do: the process listens
answers() { [ "$(curl -s -m 5 -o /dev/null -w '%{http_code}' "$1")" != 000 ]; }
until_true() {
  local what=$1 i d; shift
  for i in {1..900}; do
    "$@" >/dev/null 2>&1 && return
    for d in $(daemons); do alive "$d" || die "$d ended, see $LOG/$d.log"; done
    sleep 0.2
  done
  die "$what: not within three minutes, see $LOG"
}
# daemons warm up side by side: they are waited for at the end
EXPECTED=()
expect() { EXPECTED+=("$1 $2"); }
all_answer() { local e; for e in "${EXPECTED[@]}"; do until_true "${e% *}" answers "${e#* }"; say "${e% *}"; done; }
opened() { (exec 3<>"/dev/tcp/$IP/$1") 2>/dev/null; }

sql() { mariadb --no-defaults -uroot -S "$W/mysql.sock" -N "$@"; }
database() { local d; for d in "$@"; do echo "CREATE DATABASE IF NOT EXISTS $d CHARACTER SET utf8mb3;"; done | sql; }
dburl() { echo "mysql+pymysql://os:$PW@$IP/$1?charset=utf8"; }
once() { local done=$STATE/.done-$1; shift; [ -f "$done" ] || { "$@" && touch "$done"; }; }   # schema steps run only the first time

# conf/NAME with its $variables and $(functions) filled in
render() { eval "cat <<EOF_TEMPLATE
$(<"$HERE/conf/$1")
EOF_TEMPLATE"; }

wsgi() {   # name port script [VAR=value…]; WSGI_ARGS become the script's own arguments
  local name=$1 port=$2 script=$3; shift 3
  start "$name" env "$@" uwsgi_python3 ${WSGI_ARGS:+--pyargv "$WSGI_ARGS"} --http-socket "$API:$port" --wsgi-file "$script" \
    --master --processes 1 --threads 4 --enable-threads --lazy-apps --die-on-term --need-app --buffer-size 65535 --thunder-lock \
    --add-header 'Connection: close' --procname-prefix-spaced "$name" --auto-procname
}
catalogue() { /usr/bin/python3 "$HERE/py/catalogue.py" "http://$API:5000/v3" "$PW" || die catalogue; }
