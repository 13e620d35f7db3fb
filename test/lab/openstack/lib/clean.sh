# down, wipe, status, memory. Ends what this lab started and nothing else.
daemons() { ls "$PIDS" 2>/dev/null; }
namespaces() { ip netns list | grep -oE '^q(router|dhcp)-[0-9a-f-]{36}'; }
links() { ip -br link show "${@:2}" 2>/dev/null | grep -oE "^$1[0-9a-f]{8}-[0-9a-f]{2}"; }   # Neutron's own names only
machines() { local d; for d in "$STATE"/nova/instances/*/machine; do [ -d "$d" ] && basename "${d%/machine}"; done; }

down() {
  local m ns p l c t
  # nova-compute first: it would take a stopped machine for one that died
  stop $(daemons | grep nova-compute)
  [ "$MACHINE" = none ] || for m in $(machines); do "$MACHINE" stop "$m" >>"$LOG/down.log" 2>&1; done
  stop $(daemons)
  for ns in $(namespaces); do
    # dnsmasq, haproxy: started by the agents, in sessions of their own
    for p in $(ip netns pids "$ns"); do kill "$p" 2>/dev/null; done; ip netns del "$ns"
  done
  # and those whose namespace went before them
  for p in $(grep -lsaE "^(dnsmasq|haproxy)" /proc/[0-9]*/cmdline | cut -d/ -f3); do
    grep -qsaF "$STATE/neutron/" "/proc/$p/cmdline" && kill "$p"
  done
  for l in $(links brq type bridge) br-ex; do
    for p in $(links tap master "$l"); do ip link del "$p"; done
    # a seed may be plugged into br-ex
    [ -n "$(ip -br link show master "$l" 2>/dev/null)" ] || ip link del "$l" 2>/dev/null
  done
  for c in iptables ip6tables; do for t in raw filter nat mangle; do
    $c -w -t $t -S 2>/dev/null | grep -E '^-A .*neutron-' | sed 's/^-A/-D/' | while read -r rule; do eval "$c -w -t $t $rule"; done
    $c -w -t $t -S 2>/dev/null | sed -n 's/^-N \(neutron-.*\)/\1/p' | while read -r chain; do $c -w -t $t -X "$chain"; done
  done; done 2>/dev/null
  ipset list -n 2>/dev/null | grep -E '^N?(IPv4|IPv6)[0-9a-f]{8}-' | while read -r l; do ipset destroy "$l"; done
  say "down"
}

wipe() {
  local m; for m in $(machines); do [ "$MACHINE" = none ] || "$MACHINE" delete "$m"; done
  down
  rm -rf "$W"/{mysql,rabbit,state,etc,lock,log,pids,rc,clouds.yaml}; say "wiped"
}

status() {
  local bad=0 name port path code d rows
  while read -r name port path; do
    [ -f "$PIDS/$name" ] || continue
    code=$(curl -s -m 10 -o /dev/null -w '%{http_code} %{time_total}' "http://$API:$port$path")
    case $code in 2* | 3* | 401*) ;; *) bad=1 ;; esac
    printf '%-16s http://%s:%-5s %s s\n' "$name" $API "$port" "$code"
  done <<EOF
keystone 5000 /v3
glance-api 9292 /healthcheck
placement 8778 /
nova-api 8774 /
neutron-server 9696 /
octavia-api 9876 /
cinder-api 8776 /healthcheck
barbican-api 9311 /
swift-proxy 8088 /healthcheck
EOF
  for d in $(daemons); do alive "$d" || { echo "$d: dead, see $LOG/$d.log"; bad=1; }; done
  [ -S "$W/mysql.sock" ] || { echo "not up"; return 1; }
  rows=$(sql <<'EOF'
select concat(`binary`, ' on ', host, ': ', if(heartbeat_timestamp > utc_timestamp() - interval 75 second, 'up', 'down')) from neutron.agents;
select concat(`binary`, ' on ', host, ': ', if(updated_at > utc_timestamp() - interval 60 second, 'up', 'down')) from nova_cell1.services where deleted = 0 and topic is not null and `binary` not in ('nova-osapi_compute', 'nova-metadata');
select concat(`binary`, ' on ', host, ': ', if(updated_at > utc_timestamp() - interval 60 second, 'up', 'down')) from cinder.services where deleted = 0;
EOF
  ); echo "$rows"; grep -q 'down$' <<<"$rows" && bad=1
  return $bad
}

memory() {
  local name sid pid kib total=0 sum
  for name in $(daemons); do
    sum=0; sid=$(pid_of "$name")
    for pid in $(ps -eo pid=,sid= | awk -v s="$sid" '$2==s{print $1}'); do
      kib=$(awk '/^Pss:/{print $2}' "/proc/$pid/smaps_rollup" 2>/dev/null); sum=$((sum + ${kib:-0}))
    done
    printf '%-22s %6d MiB\n' "$name" $((sum / 1024)); total=$((total + sum))
  done
  printf '%-22s %6d MiB\n' "all (PSS)" $((total / 1024))
}
