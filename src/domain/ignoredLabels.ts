/** Magnum's labels that have no meaning here: accepted so that old templates can be taken over, kept, and shown as ignored. */

// Magnum's user guide, table of labels, and the two Cluster API drivers' own lists. Versions of parts follow from the
// Kubernetes release here; options of daemons on masters have no master to go to.
const NAMES = `
  etcd_volume_type etcd_tag coredns_tag flannel_tag flannel_cni_tag flannel_backend flannel_network_subnetlen
  calico_tag calico_ipv4pool_ipip calico_kube_controllers_tag cilium_tag cilium_hubble_ui_enabled
  docker_volume_size docker_volume_type boot_volume_availability_zone
  container_infra_prefix hyperkube_prefix container_runtime containerd_version containerd_tarball_url containerd_tarball_sha256
  use_podman cgroup_driver selinux_mode heat_container_agent_tag ostree_remote ostree_commit
  kube_version kube_dashboard_version metrics_scraper_tag influx_grafana_dashboard_enabled
  kubelet_options kubeapi_options kubescheduler_options kubecontroller_options kubeproxy_options admission_control_list
  cloud_provider_tag k8s_keystone_auth_tag keystone_auth_default_policy
  cinder_csi_enabled cinder_csi_plugin_tag csi_attacher_tag csi_provisioner_tag csi_snapshotter_tag csi_resizer_tag
  csi_node_driver_registrar_tag csi_liveness_probe_tag manila_csi_enabled manila_csi_plugin_tag manila_csi_share_network_id
  csi_cinder_default_volume_type csi_cinder_volume_binding_mode
  csi_cinder_allow_volume_expansion csi_cinder_availability_zone
  octavia_lb_algorithm
  auto_healing_controller magnum_auto_healer_tag draino_tag node_problem_detector_tag autoscaler_tag
  metrics_server_chart_tag monitoring_enabled monitoring_retention_days monitoring_retention_size
  monitoring_interface_on_worker monitoring_storage_class_name monitoring_ingress_enabled
  prometheus_monitoring prometheus_operator_chart_tag prometheus_adapter_enabled prometheus_adapter_chart_tag prometheus_adapter_configmap
  heapster_enabled ingress_controller_role nginx_ingress_controller_tag nginx_ingress_controller_chart_tag
  octavia_ingress_controller_tag traefik_ingress_controller_tag
  tiller_enabled tiller_tag tiller_namespace helm_client_url helm_client_sha256 helm_client_tag
  cert_manager_api ca_rotation_id dns_service_ip
  update_max_batch_size nodes_affinity_policy server_group_policies different_failure_domain post_install_manifest_url
  audit_log_maxage audit_log_maxbackup audit_log_maxsize api_server_cert_sans
  api_server_tls_cipher_suites kubelet_tls_cipher_suites kubelet_serving_tls_enabled
  etcd_blockdevice_size etcd_blockdevice_type etcd_blockdevice_volume_type etcd_blockdevice_volume_az
  extra_network_names capi_helm_chart_version os_distro
`;

const IGNORED: ReadonlySet<string> = new Set(NAMES.split(/\s+/).filter((name) => name !== ''));

export const isIgnoredLabel = (name: string): boolean => IGNORED.has(name);

export const listIgnoredLabels = (): readonly string[] => [...IGNORED];
