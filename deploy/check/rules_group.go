package check

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// peerSecret is what all workloads of a group mount.
const peerSecret = "sidelock-peer"

// The ports by custom.
const (
	apiPort  = 5625
	peerPort = 5626
	opsPort  = 5627
)

func matches(s *metav1.LabelSelector, on map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && !selector.Empty() && selector.Matches(labels.Set(on))
}

// member says whether the sidecars of a workload can be members.
func (w workload) member() bool { return w.setting("member") != "never" }

// secret: the sidecar alone has it, and it can be replaced without a restart.
func secret(m *manifest, _ facts, found report) {
	for _, w := range m.workloads() {
		file := w.setting("peer-secret-file")
		mounted, ok := mount(w.sidecar(), file)
		source := w.volume(mounted.Name).Secret
		switch {
		case !ok || source == nil || !mounted.ReadOnly || mounted.SubPath != "":
			found("%s: %s is not a read-only secret that is updated", w.name, file)
			continue
		case source.SecretName != peerSecret:
			found("%s: the secret is called %s, and not %s for all that share it, whatever is in it", w.name, source.SecretName, peerSecret)
		case source.DefaultMode == nil || *source.DefaultMode&0o337 != 0:
			found("%s: the secret can be read by others, or written", w.name)
		}
		for _, c := range w.pod.Spec.Containers {
			if _, too := mount(c, file); too || mountsVolume(c, mounted.Name) {
				found("%s: %s has the secret too", w.name, c.Name)
			}
		}
		for _, s := range m.secrets {
			if key := strings.TrimPrefix(file, mounted.MountPath+"/"); s.Name != source.SecretName || len(s.Data[key]) == 0 {
				found("%s: no %s in a secret %s", w.name, key, source.SecretName)
			}
		}
		if w.kind != "CronJob" && len(m.secrets) != 1 {
			found("%s: %d secrets, want one", w.name, len(m.secrets))
		}
	}
}

func mountsVolume(c corev1.Container, name string) bool {
	for _, m := range c.VolumeMounts {
		if m.Name == name {
			return true
		}
	}
	return false
}

// volumes: a disk that outlives the pod, or --ephemeral.
func volumes(m *manifest, _ facts, found report) {
	for _, w := range m.workloads() {
		mounted, ok := mount(w.sidecar(), w.setting("data-dir"))
		if !ok || mounted.ReadOnly {
			found("%s: --data-dir %s is on no volume", w.name, w.setting("data-dir"))
		}
		lasts := false
		for _, c := range w.claims {
			lasts = lasts || c.Name == mounted.Name
		}
		if dir := w.volume(mounted.Name).EmptyDir; !lasts && (dir == nil || dir.SizeLimit == nil) {
			found("%s: the volume of --data-dir is neither a claim nor a bounded emptyDir", w.name)
		}
		if ephemeral := w.setting("ephemeral") == "true"; ephemeral == lasts {
			found("%s: --ephemeral is %v, and that the data outlives the pod %v", w.name, ephemeral, lasts)
		}
	}
}

// apiStaysInside: the API is where serve puts it by itself, on loopback, and nothing leads there.
func apiStaysInside(m *manifest, _ facts, found report) {
	for _, w := range m.workloads() {
		for _, flag := range []string{"api-addr", "insecure-api"} {
			if w.setting(flag) != "" {
				found("%s: --%s is set", w.name, flag)
			}
		}
		for _, c := range w.containers() {
			for _, p := range c.Ports {
				if p.ContainerPort == apiPort || p.HostPort != 0 {
					found("%s: %s shows port %d", w.name, c.Name, p.ContainerPort)
				}
			}
		}
		if w.pod.Spec.HostNetwork {
			found("%s: is on the network of its machine, whose loopback is everybody's", w.name)
		}
	}
	for _, s := range m.services {
		for _, p := range s.Spec.Ports {
			if p.Port == apiPort || p.TargetPort.IntValue() == apiPort {
				found("the service %s leads to the API", s.Name)
			}
		}
	}
}

// service: its name has the addresses of all members, ready or not, and of no agent.
func service(m *manifest, _ facts, found report) {
	for _, w := range m.workloads() {
		name, port, _ := strings.Cut(strings.TrimPrefix(w.setting("join"), "dns:"), ":")
		if port != strconv.Itoa(peerPort) || portIn(w.setting("peer-addr")) != peerPort || portOf(w.sidecar(), "peer") != peerPort {
			found("%s: --join, --peer-addr and the port do not agree on %d", w.name, peerPort)
		}
		if !w.member() {
			continue
		}
		var s corev1.Service
		for _, one := range m.services {
			if one.Name == name {
				s = one
			}
		}
		if s.Spec.ClusterIP != corev1.ClusterIPNone || !s.Spec.PublishNotReadyAddresses || len(s.Spec.Ports) != 1 ||
			s.Spec.Ports[0].Port != peerPort || portOf(w.sidecar(), s.Spec.Ports[0].TargetPort.StrVal) != peerPort {
			found("%s: %s is no headless service of port %d that has addresses which are not ready", w.name, name, peerPort)
		}
	}
}

// policy: sidecars of the group, and Prometheus, and nobody else.
func policy(m *manifest, _ facts, found report) {
	if len(m.policies) == 0 && len(m.services) == 0 {
		return // a job beside a group that has them
	}
	if len(m.policies) != 1 {
		found("%d policies, want one", len(m.policies))
		return
	}
	spec := m.policies[0].Spec
	who := map[int]int{}
	for _, rule := range spec.Ingress {
		for _, p := range rule.Ports {
			who[p.Port.IntValue()]++
			if own := p.Port.IntValue() == peerPort; own != fromGroup(rule.From, &spec.PodSelector) || len(rule.From) != 1 {
				found("port %s is open to others than it should be", p.Port)
			}
		}
	}
	if len(who) != 2 || who[peerPort] != 1 || who[opsPort] != 1 || len(spec.PolicyTypes) != 1 || spec.PolicyTypes[0] != networkingv1.PolicyTypeIngress {
		found("ports %v are open, want %d and %d", who, peerPort, opsPort)
	}
}

// fromGroup says whether only pods of this namespace are meant, those that the policy is for.
func fromGroup(from []networkingv1.NetworkPolicyPeer, group *metav1.LabelSelector) bool {
	return len(from) == 1 && from[0].NamespaceSelector == nil && from[0].IPBlock == nil && from[0].PodSelector.String() == group.String()
}

// budget: one at a time.
func budget(m *manifest, _ facts, found report) {
	for _, w := range m.workloads() {
		count := 0
		for _, b := range m.budgets {
			if matches(b.Spec.Selector, w.pod.Labels) {
				count++
				if most := b.Spec.MaxUnavailable; most == nil || *most != intstr.FromInt32(1) || b.Spec.MinAvailable != nil {
					found("%s: the budget does not allow for one", w.name)
				}
			}
		}
		if w.kind != "CronJob" && count != 1 {
			found("%s: %d budgets, want one", w.name, count)
		}
	}
}

// selectors find whom they are to find.
func selectors(m *manifest, _ facts, found report) {
	for _, w := range m.workloads() {
		if w.selector != nil && !matches(w.selector, w.pod.Labels) {
			found("%s: does not select its own pods", w.name)
		}
		for _, p := range m.policies {
			if !matches(&p.Spec.PodSelector, w.pod.Labels) {
				found("%s: the policy %s is not for its pods", w.name, p.Name)
			}
		}
		for _, p := range m.monitors {
			if !matches(&p.Spec.Selector, w.pod.Labels) {
				found("%s: the monitor %s does not find its pods", w.name, p.Name)
			}
		}
		if label := w.pod.Labels["sidelock-member"]; (label == "auto") != w.member() {
			found("%s: sidelock-member is %q", w.name, label)
		}
		for _, s := range m.services {
			if labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(w.pod.Labels)) != w.member() {
				found("%s: the service %s finds agents, or does not find members", w.name, s.Name)
			}
		}
	}
}

// firstStart: as many start at once as the group needs, and no two groups of that size can be.
func firstStart(m *manifest, _ facts, found report) {
	for _, w := range m.workloads() {
		size, err := strconv.Atoi(w.setting("cluster-size"))
		if err != nil || w.member() && (size > w.replicas || size*2 <= w.replicas) {
			found("%s: --cluster-size is %q for %d replicas", w.name, w.setting("cluster-size"), w.replicas)
		}
	}
	for _, s := range m.statefulSets {
		if s.Spec.PodManagementPolicy != "Parallel" {
			found("%s: its first pod waits for those that are started after it", s.Name)
		}
	}
}

// rollout: one at a time, each for a while; and without disks the new one first.
func rollout(m *manifest, _ facts, found report) {
	for _, s := range m.statefulSets {
		u := s.Spec.UpdateStrategy.RollingUpdate
		if s.Spec.MinReadySeconds < settles || u == nil || u.MaxUnavailable == nil || u.MaxUnavailable.IntValue() != 1 {
			found("%s: more than one at a time, or in haste", s.Name)
		}
		if p := s.Spec.PersistentVolumeClaimRetentionPolicy; p == nil || p.WhenScaled != "Retain" || p.WhenDeleted != "Retain" {
			found("%s: votes are thrown away", s.Name)
		}
	}
	for _, d := range m.deployments {
		u := d.Spec.Strategy.RollingUpdate
		if d.Spec.MinReadySeconds < settles || u == nil || fmt.Sprint(u.MaxSurge, u.MaxUnavailable) != "1 0" {
			found("%s: more than one at a time, or in haste, or the old one first", d.Name)
		}
	}
}

// settles is how many seconds a group takes to give its roles out anew: 5 s until a voter is replaced, and some.
const settles = 10

// agent: the sidecar of a job never votes.
func agent(m *manifest, _ facts, found report) {
	for _, w := range m.workloads() {
		if job := w.kind == "CronJob"; job == w.member() {
			found("%s: --member is %q", w.name, w.setting("member"))
		}
	}
}

// monitor: metrics are where --ops-addr serves them.
func monitor(m *manifest, _ facts, found report) {
	for _, p := range m.monitors {
		for _, e := range p.Spec.PodMetricsEndpoints {
			for _, w := range m.workloads() {
				if e.Port == nil || portOf(w.sidecar(), *e.Port) != portIn(w.setting("ops-addr")) || e.Path != "/metrics" {
					found("%s: no metrics where %s looks for them", w.name, p.Name)
				}
			}
		}
	}
}
