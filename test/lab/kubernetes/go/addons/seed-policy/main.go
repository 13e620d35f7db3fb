// NetworkPolicies for a one-node cluster: each change writes one nftables table anew, from the policies and the pods' addresses.
// What the node itself sends to its pods (probes) is let through, as everywhere.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"os/exec"
	"sort"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	core "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

var kubeconfig = flag.String("kubeconfig", "", "")

const gather = 50 * time.Millisecond

type world struct {
	pods       core.PodLister
	namespaces core.NamespaceLister
}

// A pod that has an address of its own and lives.
func hasAddress(p *v1.Pod) bool {
	return p.Status.PodIP != "" && !p.Spec.HostNetwork && p.Status.Phase != v1.PodSucceeded && p.Status.Phase != v1.PodFailed
}

func selector(s *metav1.LabelSelector) labels.Selector {
	out, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		log.Print(err)
		return labels.Nothing()
	}
	return out
}

// The pods that a peer means; of the policy's own namespace when it names none.
func (w world) peers(namespace string, p networking.NetworkPolicyPeer) []*v1.Pod {
	names := []string{namespace}
	if p.NamespaceSelector != nil {
		names = nil
		found, _ := w.namespaces.List(selector(p.NamespaceSelector))
		for _, n := range found {
			names = append(names, n.Name)
		}
	}
	pods := labels.Everything()
	if p.PodSelector != nil {
		pods = selector(p.PodSelector)
	}
	var out []*v1.Pod
	for _, n := range names {
		found, _ := w.pods.Pods(n).List(pods)
		for _, pod := range found {
			if hasAddress(pod) {
				out = append(out, pod)
			}
		}
	}
	return out
}

func portOf(p networking.NetworkPolicyPort, pod *v1.Pod) string {
	protocol := "tcp"
	if p.Protocol != nil {
		protocol = strings.ToLower(string(*p.Protocol))
	}
	if p.Port == nil {
		return "meta l4proto " + protocol
	}
	if p.Port.Type == intstr.Int {
		last := p.Port.IntVal
		if p.EndPort != nil {
			last = *p.EndPort
		}
		return fmt.Sprintf("%s dport %d-%d", protocol, p.Port.IntVal, last)
	}
	for _, c := range pod.Spec.Containers {
		for _, port := range c.Ports {
			if port.Name == p.Port.StrVal {
				return fmt.Sprintf("%s dport %d", protocol, port.ContainerPort)
			}
		}
	}
	return ""
}

// One rule of a policy for one pod, as lines that return. `side` is "saddr" for ingress and "daddr" for egress.
func (w world) lines(namespace string, pod *v1.Pod, side string, peers []networking.NetworkPolicyPeer, ports []networking.NetworkPolicyPort) []string {
	type to struct {
		match string
		pod   *v1.Pod
	}
	var tos []to
	if len(peers) == 0 {
		tos = append(tos, to{"", pod})
	}
	for _, p := range peers {
		if p.IPBlock == nil {
			for _, other := range w.peers(namespace, p) {
				tos = append(tos, to{fmt.Sprintf("ip %s %s", side, other.Status.PodIP), other})
			}
			continue
		}
		match := ""
		if p.IPBlock.CIDR != "0.0.0.0/0" {
			match = fmt.Sprintf("ip %s %s", side, p.IPBlock.CIDR)
		}
		if len(p.IPBlock.Except) > 0 {
			match += fmt.Sprintf(" ip %s != { %s }", side, strings.Join(p.IPBlock.Except, ", "))
		}
		tos = append(tos, to{match, pod})
	}
	var out []string
	for _, t := range tos {
		if len(ports) == 0 {
			out = append(out, t.match+" return")
		}
		for _, p := range ports {
			named := pod
			if side == "daddr" {
				named = t.pod
			}
			if port := portOf(p, named); port != "" {
				out = append(out, t.match+" "+port+" return")
			}
		}
	}
	return out
}

func (w world) render(policies []*networking.NetworkPolicy) string {
	type chain struct {
		lines []string
	}
	in, out := map[string]*chain{}, map[string]*chain{}
	of := func(all map[string]*chain, ip string) *chain {
		if all[ip] == nil {
			all[ip] = &chain{}
		}
		return all[ip]
	}
	for _, policy := range policies {
		selected, _ := w.pods.Pods(policy.Namespace).List(selector(&policy.Spec.PodSelector))
		for _, pod := range selected {
			if !hasAddress(pod) {
				continue
			}
			for _, kind := range policy.Spec.PolicyTypes {
				if kind == networking.PolicyTypeIngress {
					c := of(in, pod.Status.PodIP)
					for _, r := range policy.Spec.Ingress {
						c.lines = append(c.lines, w.lines(policy.Namespace, pod, "saddr", r.From, r.Ports)...)
					}
				} else {
					c := of(out, pod.Status.PodIP)
					for _, r := range policy.Spec.Egress {
						c.lines = append(c.lines, w.lines(policy.Namespace, pod, "daddr", r.To, r.Ports)...)
					}
				}
			}
		}
	}
	var b bytes.Buffer
	b.WriteString("table ip seed-policy\ndelete table ip seed-policy\ntable ip seed-policy {\n")
	verdicts := func(name string, all map[string]*chain) string {
		var ips []string
		for ip := range all {
			ips = append(ips, ip)
		}
		sort.Strings(ips)
		var elements []string
		for _, ip := range ips {
			id := name + "-" + strings.ReplaceAll(ip, ".", "-")
			lines := all[ip].lines
			sort.Strings(lines)
			fmt.Fprintf(&b, "chain %s {\n", id)
			for i, line := range lines {
				if i == 0 || line != lines[i-1] {
					fmt.Fprintf(&b, "%s\n", line)
				}
			}
			b.WriteString("counter drop\n}\n")
			elements = append(elements, ip+" : jump "+id)
		}
		fmt.Fprintf(&b, "map %s { type ipv4_addr : verdict; ", name)
		if len(elements) > 0 {
			fmt.Fprintf(&b, "elements = { %s }", strings.Join(elements, ", "))
		}
		b.WriteString(" }\n")
		return name
	}
	verdicts("leaving", out)
	verdicts("entering", in)
	b.WriteString(`chain forward {
type filter hook forward priority 10; policy accept;
ct state established,related accept
ip saddr vmap @leaving
ip daddr vmap @entering
}
chain input {
type filter hook input priority 10; policy accept;
ct state established,related accept
ip saddr vmap @leaving
}
}
`)
	return b.String()
}

func main() {
	flag.Parse()
	cfg, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	factory := informers.NewSharedInformerFactory(kubernetes.NewForConfigOrDie(cfg), 0)
	changed := make(chan struct{}, 1)
	touch := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	policies := factory.Networking().V1().NetworkPolicies()
	pods, namespaces := factory.Core().V1().Pods(), factory.Core().V1().Namespaces()
	var synced []cache.InformerSynced
	for _, informer := range []cache.SharedIndexInformer{policies.Informer(), pods.Informer(), namespaces.Informer()} {
		informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { touch() },
			UpdateFunc: func(any, any) { touch() },
			DeleteFunc: func(any) { touch() },
		})
		synced = append(synced, informer.HasSynced)
	}
	ctx := context.Background()
	factory.Start(ctx.Done())
	cache.WaitForCacheSync(ctx.Done(), synced...)
	touch()
	last := ""
	for range changed {
		all, err := policies.Lister().List(labels.Everything())
		if err != nil {
			log.Print(err)
			continue
		}
		text := world{pods.Lister(), namespaces.Lister()}.render(all)
		if text != last {
			cmd := exec.Command("nft", "-f", "-")
			cmd.Stdin = strings.NewReader(text)
			if out, err := cmd.CombinedOutput(); err != nil {
				log.Printf("nft: %v %s\n%s", err, out, text)
				last = ""
			} else {
				last = text
			}
		}
		time.Sleep(gather)
	}
}
