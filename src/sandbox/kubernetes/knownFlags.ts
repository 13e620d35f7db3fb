/** Every flag that the real programs know (Kubernetes v1.36, etcd v3.6, konnectivity v0.36), for an unknown one ends a real start. */

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

export const KNOWN_FLAGS: Record<string, ReadonlySet<string>> = {
  etcd: words(
    'advertise-client-urls auth-token auth-token-ttl auto-compaction-mode auto-compaction-retention auto-tls backend-batch-interval backend-batch-limit ' +
      'backend-bbolt-freelist-type bcrypt-cost bootstrap-defrag-threshold-megabytes cert-file cipher-suites client-cert-allowed-hostname client-cert-auth ' +
      'client-cert-file client-crl-file client-key-file compact-hash-check-time compaction-batch-limit compaction-sleep-interval corrupt-check-time cors ' +
      'data-dir discovery discovery-cacert discovery-cert discovery-dial-timeout discovery-endpoints discovery-fallback discovery-insecure-skip-tls-verify ' +
      'discovery-insecure-transport discovery-keepalive-time discovery-keepalive-timeout discovery-key discovery-password discovery-proxy ' +
      'discovery-request-timeout discovery-srv discovery-srv-name discovery-token discovery-user distributed-tracing-address distributed-tracing-instance-id ' +
      'distributed-tracing-sampling-rate distributed-tracing-service-name downgrade-check-time election-timeout enable-distributed-tracing ' +
      'enable-grpc-gateway enable-log-rotation enable-pprof experimental-bootstrap-defrag-threshold-megabytes experimental-compact-hash-check-enabled ' +
      'experimental-compact-hash-check-time experimental-compaction-batch-limit experimental-compaction-sleep-interval experimental-corrupt-check-time ' +
      'experimental-distributed-tracing-address experimental-distributed-tracing-instance-id experimental-distributed-tracing-sampling-rate ' +
      'experimental-distributed-tracing-service-name experimental-downgrade-check-time experimental-enable-distributed-tracing ' +
      'experimental-enable-lease-checkpoint experimental-enable-lease-checkpoint-persist experimental-initial-corrupt-check experimental-memory-mlock ' +
      'experimental-peer-skip-client-san-verification experimental-snapshot-catchup-entries experimental-stop-grpc-service-on-defrag ' +
      'experimental-txn-mode-write-with-shared-buffer experimental-warning-apply-duration experimental-warning-unary-request-duration ' +
      'experimental-watch-progress-notify-interval feature-gates force-new-cluster grpc-keepalive-interval grpc-keepalive-min-time grpc-keepalive-timeout ' +
      'heartbeat-interval host-whitelist initial-advertise-peer-urls initial-cluster initial-cluster-state initial-cluster-token ' +
      'initial-election-tick-advance key-file listen-client-http-urls listen-client-urls listen-metrics-urls listen-peer-urls log-format log-level ' +
      'log-outputs log-rotation-config-json logger max-concurrent-streams max-learners max-request-bytes max-snapshots max-txn-ops max-wals memory-mlock ' +
      'metrics name peer-auto-tls peer-cert-allowed-cn peer-cert-allowed-hostname peer-cert-file peer-client-cert-auth peer-client-cert-file ' +
      'peer-client-key-file peer-crl-file peer-key-file peer-skip-client-san-verification peer-trusted-ca-file pre-vote quota-backend-bytes raft-read-timeout ' +
      'raft-write-timeout self-signed-cert-validity snapshot-catchup-entries snapshot-count socket-reuse-address socket-reuse-port strict-reconfig-check ' +
      'tls-max-version tls-min-version trusted-ca-file unsafe-no-fsync v2-deprecation wal-dir warning-apply-duration warning-unary-request-duration ' +
      'watch-progress-notify-interval',
  ),
  'kube-apiserver': words(
    'admission-control admission-control-config-file advertise-address aggregator-reject-forwarding-redirect allow-metric-labels ' +
      'allow-metric-labels-manifest allow-privileged anonymous-auth api-audiences audit-log-batch-buffer-size audit-log-batch-max-size ' +
      'audit-log-batch-max-wait audit-log-batch-throttle-burst audit-log-batch-throttle-enable audit-log-batch-throttle-qps audit-log-compress ' +
      'audit-log-format audit-log-maxage audit-log-maxbackup audit-log-maxsize audit-log-mode audit-log-path audit-log-truncate-enabled ' +
      'audit-log-truncate-max-batch-size audit-log-truncate-max-event-size audit-log-version audit-policy-file audit-webhook-batch-buffer-size ' +
      'audit-webhook-batch-max-size audit-webhook-batch-max-wait audit-webhook-batch-throttle-burst audit-webhook-batch-throttle-enable ' +
      'audit-webhook-batch-throttle-qps audit-webhook-config-file audit-webhook-initial-backoff audit-webhook-mode audit-webhook-truncate-enabled ' +
      'audit-webhook-truncate-max-batch-size audit-webhook-truncate-max-event-size audit-webhook-version authentication-config ' +
      'authentication-token-webhook-cache-ttl authentication-token-webhook-config-file authentication-token-webhook-version authorization-config ' +
      'authorization-mode authorization-policy-file authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl ' +
      'authorization-webhook-config-file authorization-webhook-version bind-address cert-dir client-ca-file contention-profiling ' +
      'coordinated-leadership-lease-duration coordinated-leadership-renew-deadline coordinated-leadership-retry-period cors-allowed-origins debug-socket-path ' +
      'default-not-ready-toleration-seconds default-unreachable-toleration-seconds delete-collection-workers disable-admission-plugins disable-http2-serving ' +
      'disabled-metrics egress-selector-config-file emulated-version emulation-forward-compatible enable-admission-plugins enable-aggregator-routing ' +
      'enable-bootstrap-token-auth enable-garbage-collector enable-logs-handler enable-priority-and-fairness encryption-provider-config ' +
      'encryption-provider-config-automatic-reload endpoint-reconciler-type etcd-cafile etcd-certfile etcd-compaction-interval etcd-count-metric-poll-period ' +
      'etcd-db-metric-poll-interval etcd-healthcheck-timeout etcd-keyfile etcd-prefix etcd-readycheck-timeout etcd-servers etcd-servers-overrides event-ttl ' +
      'external-hostname feature-gates goaway-chance help http2-max-streams-per-connection kubelet-certificate-authority kubelet-client-certificate ' +
      'kubelet-client-key kubelet-preferred-address-types kubelet-timeout kubernetes-service-node-port lease-reuse-duration-seconds livez-grace-period ' +
      'log-flush-frequency log-json-info-buffer-size log-json-split-stream log-text-info-buffer-size log-text-split-stream logging-format ' +
      'max-connection-bytes-per-sec max-mutating-requests-inflight max-requests-inflight min-compatibility-version min-request-timeout oidc-ca-file ' +
      'oidc-client-id oidc-groups-claim oidc-groups-prefix oidc-issuer-url oidc-required-claim oidc-signing-algs oidc-username-claim oidc-username-prefix ' +
      'peer-advertise-ip peer-advertise-port peer-ca-file permit-address-sharing permit-port-sharing profiling proxy-client-cert-file proxy-client-key-file ' +
      'request-timeout requestheader-allowed-names requestheader-client-ca-file requestheader-extra-headers-prefix requestheader-group-headers ' +
      'requestheader-uid-headers requestheader-username-headers runtime-config runtime-config-emulation-forward-compatible secure-port ' +
      'service-account-extend-token-expiration service-account-issuer service-account-jwks-uri service-account-key-file service-account-lookup ' +
      'service-account-max-token-expiration service-account-signing-endpoint service-account-signing-key-file service-cluster-ip-range ' +
      'service-node-port-range show-hidden-metrics-for-version shutdown-delay-duration shutdown-send-retry-after shutdown-watch-termination-grace-period ' +
      'storage-backend storage-initialization-timeout storage-media-type strict-transport-security-directives tls-cert-file tls-cipher-suites ' +
      'tls-curve-preferences tls-min-version tls-private-key-file tls-sni-cert-key token-auth-file tracing-config-file version vmodule watch-cache ' +
      'watch-cache-sizes',
  ),
  'kube-controller-manager': words(
    'allocate-node-cidrs allow-metric-labels allow-metric-labels-manifest attach-detach-reconcile-sync-period authentication-kubeconfig ' +
      'authentication-skip-lookup authentication-token-webhook-cache-ttl authentication-tolerate-lookup-failure authorization-always-allow-paths ' +
      'authorization-kubeconfig authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl bind-address cert-dir ' +
      'cidr-allocator-type client-ca-file cloud-config cloud-provider cluster-cidr cluster-name cluster-signing-cert-file cluster-signing-duration ' +
      'cluster-signing-key-file cluster-signing-kube-apiserver-client-cert-file cluster-signing-kube-apiserver-client-key-file ' +
      'cluster-signing-kubelet-client-cert-file cluster-signing-kubelet-client-key-file cluster-signing-kubelet-serving-cert-file ' +
      'cluster-signing-kubelet-serving-key-file cluster-signing-legacy-unknown-cert-file cluster-signing-legacy-unknown-key-file concurrent-cron-job-syncs ' +
      'concurrent-daemonset-syncs concurrent-deployment-syncs concurrent-device-taint-eviction-syncs concurrent-endpoint-syncs ' +
      'concurrent-ephemeralvolume-syncs concurrent-gc-syncs concurrent-horizontal-pod-autoscaler-syncs concurrent-job-syncs concurrent-namespace-syncs ' +
      'concurrent-rc-syncs concurrent-replicaset-syncs concurrent-resource-quota-syncs concurrent-resourceclaim-syncs concurrent-service-endpoint-syncs ' +
      'concurrent-service-syncs concurrent-serviceaccount-token-syncs concurrent-statefulset-syncs concurrent-ttl-after-finished-syncs ' +
      'concurrent-validating-admission-policy-status-syncs configure-cloud-routes contention-profiling controller-shutdown-timeout controller-start-interval ' +
      'controllers disable-attach-detach-reconcile-sync disable-force-detach-on-timeout disable-http2-serving disabled-metrics emulated-version ' +
      'enable-dynamic-provisioning enable-garbage-collector enable-hostpath-provisioner enable-leader-migration endpoint-updates-batch-period ' +
      'endpointslice-updates-batch-period external-cloud-volume-plugin feature-gates flex-volume-plugin-dir help ' +
      'horizontal-pod-autoscaler-cpu-initialization-period horizontal-pod-autoscaler-downscale-stabilization ' +
      'horizontal-pod-autoscaler-initial-readiness-delay horizontal-pod-autoscaler-sync-period horizontal-pod-autoscaler-tolerance ' +
      'http2-max-streams-per-connection kube-api-burst kube-api-content-type kube-api-qps kubeconfig large-cluster-size-threshold leader-elect ' +
      'leader-elect-lease-duration leader-elect-renew-deadline leader-elect-resource-lock leader-elect-resource-name leader-elect-resource-namespace ' +
      'leader-elect-retry-period leader-migration-config legacy-service-account-token-clean-up-period log-flush-frequency log-json-info-buffer-size ' +
      'log-json-split-stream log-text-info-buffer-size log-text-split-stream logging-format master max-endpoints-per-slice min-compatibility-version ' +
      'min-resync-period mirroring-concurrent-service-endpoint-syncs mirroring-endpointslice-updates-batch-period mirroring-max-endpoints-per-subset ' +
      'namespace-sync-period node-cidr-mask-size node-cidr-mask-size-ipv4 node-cidr-mask-size-ipv6 node-eviction-rate node-monitor-grace-period ' +
      'node-monitor-period node-startup-grace-period permit-address-sharing permit-port-sharing profiling pv-recycler-increment-timeout-nfs ' +
      'pv-recycler-minimum-timeout-hostpath pv-recycler-minimum-timeout-nfs pv-recycler-pod-template-filepath-hostpath pv-recycler-pod-template-filepath-nfs ' +
      'pv-recycler-timeout-increment-hostpath pvclaimbinder-sync-period requestheader-allowed-names requestheader-client-ca-file ' +
      'requestheader-extra-headers-prefix requestheader-group-headers requestheader-uid-headers requestheader-username-headers resource-quota-sync-period ' +
      'root-ca-file route-reconciliation-period secondary-node-eviction-rate secure-port service-account-private-key-file service-cluster-ip-range ' +
      'show-hidden-metrics-for-version terminated-pod-gc-threshold tls-cert-file tls-cipher-suites tls-curve-preferences tls-min-version tls-private-key-file ' +
      'tls-sni-cert-key unhealthy-zone-threshold use-service-account-credentials version vmodule',
  ),
  'kube-scheduler': words(
    'allow-metric-labels allow-metric-labels-manifest authentication-kubeconfig authentication-skip-lookup authentication-token-webhook-cache-ttl ' +
      'authentication-tolerate-lookup-failure authorization-always-allow-paths authorization-kubeconfig authorization-webhook-cache-authorized-ttl ' +
      'authorization-webhook-cache-unauthorized-ttl bind-address cert-dir client-ca-file config contention-profiling disable-http2-serving disabled-metrics ' +
      'emulated-version feature-gates help http2-max-streams-per-connection kube-api-burst kube-api-content-type kube-api-qps kubeconfig leader-elect ' +
      'leader-elect-lease-duration leader-elect-renew-deadline leader-elect-resource-lock leader-elect-resource-name leader-elect-resource-namespace ' +
      'leader-elect-retry-period log-flush-frequency log-json-info-buffer-size log-json-split-stream log-text-info-buffer-size log-text-split-stream ' +
      'logging-format master min-compatibility-version permit-address-sharing permit-port-sharing pod-max-in-unschedulable-pods-duration profiling ' +
      'requestheader-allowed-names requestheader-client-ca-file requestheader-extra-headers-prefix requestheader-group-headers requestheader-uid-headers ' +
      'requestheader-username-headers secure-port show-hidden-metrics-for-version tls-cert-file tls-cipher-suites tls-curve-preferences tls-min-version ' +
      'tls-private-key-file tls-sni-cert-key version vmodule write-config-to',
  ),
  'proxy-server': words(
    'add-dir-header admin-bind-address admin-port agent-bind-address agent-namespace agent-port agent-service-account alsologtostderr ' +
      'authentication-audience backend-dial-timeout cipher-suites cluster-ca-cert cluster-cert cluster-key delete-existing-uds-file ' +
      'enable-contention-profiling enable-lease-controller enable-profiling frontend-keepalive-time graceful-shutdown-timeout health-bind-address ' +
      'health-port keepalive-time kube-api-content-type kubeconfig kubeconfig-burst kubeconfig-qps lease-label lease-namespace log-backtrace-at log-dir ' +
      'log-file log-file-max-size logtostderr mode one-output proxy-strategies server-bind-address server-ca-cert server-cert server-count server-id ' +
      'server-key server-port skip-headers skip-log-headers stderrthreshold tls-min-version uds-name v vmodule warn-on-channel-limit xfr-channel-size',
  ),
  'proxy-agent': words(
    'add-dir-header admin-bind-address admin-server-port agent-cert agent-id agent-identifiers agent-key alpn-proto alsologtostderr ca-cert ' +
      'count-server-leases enable-contention-profiling enable-profiling health-server-host health-server-port keepalive-time kube-api-content-type ' +
      'kubeconfig lease-label lease-label-selector lease-namespace log-backtrace-at log-dir log-file log-file-max-size logtostderr one-output ' +
      'probe-interval proxy-server-host proxy-server-port server-count-source service-account-token-path skip-headers skip-log-headers stderrthreshold ' +
      'sync-forever sync-interval sync-interval-cap v vmodule warn-on-channel-limit xfr-channel-size',
  ),
  // Of cloud-provider 1.36 and cloud-provider-openstack 1.36.
  'openstack-cloud-controller-manager': words(
    'allocate-node-cidrs allow-metric-labels allow-metric-labels-manifest allow-untagged-cloud authentication-kubeconfig ' +
      'authentication-skip-lookup authentication-token-webhook-cache-ttl authentication-tolerate-lookup-failure authorization-always-allow-paths ' +
      'authorization-kubeconfig authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl bind-address cert-dir ' +
      'cidr-allocator-type client-ca-file cloud-config cloud-provider cluster-cidr cluster-name concurrent-node-status-updates concurrent-node-syncs ' +
      'concurrent-service-syncs configure-cloud-routes contention-profiling controller-start-interval controllers disable-http2-serving disabled-metrics ' +
      'emulated-version enable-leader-migration external-cloud-volume-plugin feature-gates help http2-max-streams-per-connection kube-api-burst ' +
      'kube-api-content-type kube-api-qps kubeconfig leader-elect leader-elect-lease-duration leader-elect-renew-deadline leader-elect-resource-lock ' +
      'leader-elect-resource-name leader-elect-resource-namespace leader-elect-retry-period leader-migration-config log-flush-frequency master ' +
      'min-resync-period node-monitor-period node-status-update-frequency node-sync-period permit-address-sharing permit-port-sharing profiling ' +
      'requestheader-allowed-names requestheader-client-ca-file requestheader-extra-headers-prefix requestheader-group-headers ' +
      'requestheader-username-headers route-reconciliation-period secure-port show-hidden-metrics-for-version tls-cert-file tls-cipher-suites ' +
      'tls-min-version tls-private-key-file tls-sni-cert-key use-service-account-credentials user-agent v version vmodule webhook-bind-address ' +
      'webhook-cert-dir webhook-secure-port webhooks',
  ),
  // Of cluster-autoscaler 1.36.
  'cluster-autoscaler': words(
    'address async-node-groups aws-use-static-instance-list balance-similar-node-groups balancing-ignore-label balancing-label ' +
      'blocking-system-pod-distruption-timeout bulk-mig-instances-listing-enabled bypassed-scheduler-names capacity-buffer-controller-enabled ' +
      'capacity-buffer-pod-injection-enabled check-capacity-batch-processing check-capacity-processor-instance ' +
      'check-capacity-provisioning-request-batch-timebox check-capacity-provisioning-request-max-batch-size cloud-config cloud-provider ' +
      'cluster-name cluster-snapshot-parallelism clusterapi-cloud-config-authoritative cordon-node-before-terminating cores-total ' +
      'daemonset-eviction-for-empty-nodes daemonset-eviction-for-occupied-nodes debugging-snapshot-enabled drain-priority-config ' +
      'dynamic-node-delete-delay-after-taint-enabled emit-per-nodegroup-metrics enable-csi-node-aware-scheduling enable-dynamic-resource-allocation ' +
      'enable-proactive-scaleup enable-provisioning-requests enforce-node-group-min-size estimator expander expendable-pods-priority-cutoff ' +
      'feature-gates force-delete-failed-nodes force-delete-unregistered-nodes force-ds frequent-loops-enabled gce-concurrent-refreshes ' +
      'gce-mig-instances-min-refresh-wait-time gpu-total grpc-expander-cert grpc-expander-url help ignore-daemonsets-utilization ' +
      'ignore-mirror-pods-utilization ignore-taint initial-node-group-backoff-duration kube-api-content-type kube-client-burst kube-client-qps ' +
      'kubeconfig kubernetes leader-elect leader-elect-lease-duration leader-elect-renew-deadline leader-elect-resource-lock ' +
      'leader-elect-resource-name leader-elect-resource-namespace leader-elect-retry-period logtostderr max-allocatable-difference-ratio ' +
      'max-binpacking-time max-bulk-soft-taint-count max-bulk-soft-taint-time max-drain-parallelism max-failing-time max-free-difference-ratio ' +
      'max-graceful-termination-sec max-inactivity max-node-group-backoff-duration max-node-provision-time max-nodegroup-binpacking-duration ' +
      'max-nodes-per-scaleup max-nodes-total max-pod-eviction-time max-scale-down-parallelism max-total-unready-percentage memory-difference-ratio ' +
      'memory-total min-replica-count namespace new-pod-scale-up-delay node-delete-delay-after-taint node-deletion-batcher-interval ' +
      'node-deletion-candidate-ttl node-deletion-delay-timeout node-group-auto-discovery node-group-backoff-reset-timeout ' +
      'node-info-cache-expire-time nodes ok-total-unready-count parallel-scale-up pod-injection-limit predicate-parallelism profiling ' +
      'provisioning-request-initial-backoff-time provisioning-request-max-backoff-cache-size provisioning-request-max-backoff-time ' +
      'record-duplicated-events regional scale-down-candidates-pool-min-count scale-down-candidates-pool-ratio scale-down-delay-after-add ' +
      'scale-down-delay-after-delete scale-down-delay-after-failure scale-down-delay-type-local scale-down-enabled ' +
      'scale-down-gpu-utilization-threshold scale-down-non-empty-candidates-count scale-down-simulation-timeout scale-down-unneeded-time ' +
      'scale-down-unready-enabled scale-down-unready-time scale-down-utilization-threshold scale-from-unschedulable scale-up-from-zero ' +
      'scan-interval scheduler-config-file skip-nodes-with-custom-controller-pods skip-nodes-with-local-storage skip-nodes-with-system-pods ' +
      'startup-taint status-config-map-name status-taint stderrthreshold unremovable-node-recheck-timeout user-agent v vmodule ' +
      'write-status-configmap',
  ),
  'k8s-keystone-auth': words(
    'help keystone-ca-file keystone-policy-file keystone-url kubeconfig listen log-flush-frequency policy-configmap-name sync-config-file ' +
      'sync-configmap-name tls-cert-file tls-private-key-file user-agent v version vmodule',
  ),
};
