# Swift, unless it is not wanted.
SWIFT_PKGS=(swift-proxy swift-account swift-container swift-object python3-swiftclient)

# One copy of everything in one folder, no replicators and no auditors: the API of an object store, not its durability.
swift() {
  local D=$ETC/swift kind port=6200; mkdir -p "$D" "$STATE/swift/d1"
  catalogue <<EOF
role swiftoperator
service swift object-store http://$API:8088/v1/AUTH_%(project_id)s
EOF
  printf '[swift-hash]\nswift_hash_path_suffix = lab\nswift_hash_path_prefix = lab\n' >"$D/swift.conf"
  render swift-proxy.conf >"$D/proxy-server.conf"
  for kind in object container account; do
    render swift-storage.conf >"$D/$kind-server.conf"
    [ -f "$D/$kind.ring.gz" ] || (cd "$D" && swift-ring-builder $kind.builder create 8 1 1 &&
      swift-ring-builder $kind.builder add r1z1-$IP:$port/d1 1 && swift-ring-builder $kind.builder rebalance) >"$LOG/swift-ring.log" 2>&1 || die "swift ring"
    start swift-$kind swift-$kind-server "$D/$kind-server.conf"
    port=$((port + 1))
  done
  start swift-proxy swift-proxy-server "$D/proxy-server.conf"
  expect swift "http://$API:8088/healthcheck"
}
