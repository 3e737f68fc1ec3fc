package check

import (
	"path"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// nativeSidecar: it starts before the application, which waits for it, and ends after it.
func nativeSidecar(w workload, found report) {
	c := w.sidecar()
	if c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways || c.StartupProbe == nil {
		found("%s: no init container sidelock that is always restarted and has a startup probe", w.name)
	}
	if len(w.pod.Spec.InitContainers) == 0 || w.pod.Spec.InitContainers[0].Name != "sidelock" {
		found("%s: sidelock is not the first to start and the last to stop", w.name)
	}
}

// flags: each variable is one of serve's. An unknown one would be no more than a warning in a log.
func flags(m *manifest, f facts, found report) {
	for _, w := range m.workloads() {
		if args := w.sidecar().Args; len(args) != 1 || args[0] != "serve" {
			found("%s: the arguments are %v, want serve alone: variables are merged by kustomize, and lists are not", w.name, args)
		}
		for _, e := range w.sidecar().Env {
			name, ours := strings.CutPrefix(e.Name, "SIDELOCK_")
			flag := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
			if ours && !f.flags[flag] {
				found("%s: %s is no setting of serve", w.name, e.Name)
			}
			if !ours && e.Name != "GOMEMLIMIT" {
				found("%s: %s is not sidelock's", w.name, e.Name)
			}
		}
	}
}

// probes ask where --ops-addr answers.
func probes(w workload, found report) {
	c := w.sidecar()
	for _, p := range []struct {
		what, path string
		probe      *corev1.Probe
	}{{"startup", "/readyz", c.StartupProbe}, {"readiness", "/readyz", c.ReadinessProbe}, {"liveness", "/livez", c.LivenessProbe}} {
		if p.probe == nil || p.probe.HTTPGet == nil {
			found("%s: no %s probe", w.name, p.what)
			continue
		}
		get := p.probe.HTTPGet
		if get.Path != p.path || portOf(c, get.Port.StrVal) != portIn(w.setting("ops-addr")) || get.Host != "" {
			found("%s: the %s probe asks %s of port %s, want %s where --ops-addr %s answers", w.name, p.what, get.Path, get.Port.String(), p.path, w.setting("ops-addr"))
		}
	}
}

// portOf is the number of a container's named port, 0 if there is none.
func portOf(c corev1.Container, name string) int {
	for _, p := range c.Ports {
		if p.Name == name {
			return int(p.ContainerPort)
		}
	}
	return 0
}

// portIn is the port of an address, or -1.
func portIn(addr string) int {
	port, err := strconv.Atoi(addr[strings.LastIndexByte(addr, ':')+1:])
	if err != nil {
		return -1
	}
	return port
}

// applicationStops is how long the kubelet waits for an application by default, before the sidecar is told anything.
const applicationStops = 30 * time.Second

// grace: the application may take its usual time, and then the sidecar all of its own.
func grace(m *manifest, f facts, found report) {
	for _, w := range m.workloads() {
		drain := f.drain
		if s := w.setting("drain-timeout"); s != "" {
			var err error
			if drain, err = time.ParseDuration(s); err != nil {
				found("%s: --drain-timeout: %v", w.name, err)
			}
		}
		need := applicationStops + drain + f.leave + f.close
		if s := w.pod.Spec.TerminationGracePeriodSeconds; s == nil || time.Duration(*s)*time.Second < need {
			found("%s: terminationGracePeriodSeconds is less than %s", w.name, need)
		}
	}
}

// images have a version.
func images(w workload, found report) {
	for _, c := range w.containers() {
		_, tag, ok := strings.Cut(path.Base(c.Image), ":")
		if !ok || tag == "" || tag == "latest" {
			found("%s: the image %q of %s has no version", w.name, c.Image, c.Name)
		}
	}
}

// privileges: none.
func privileges(w workload, found report) {
	p := w.pod.Spec.SecurityContext
	if p == nil || p.RunAsNonRoot == nil || !*p.RunAsNonRoot || p.SeccompProfile == nil || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		found("%s: the pod may run as root, or without the runtime's seccomp profile", w.name)
	}
	for _, c := range w.containers() {
		s := c.SecurityContext
		if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
			s.Capabilities == nil || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" || len(s.Capabilities.Add) > 0 || s.RunAsUser == nil {
			found("%s: %s has more privileges than it needs", w.name, c.Name)
		}
	}
}

// resources: memory is limited and the collector knows before; the processor is not limited.
func resources(w workload, found report) {
	r := w.sidecar().Resources
	if r.Requests.Cpu().IsZero() || r.Requests.Memory().IsZero() || r.Limits.Memory().IsZero() || !r.Limits.Cpu().IsZero() {
		found("%s: the sidecar wants requests of processor and memory, a limit of memory, and none of the processor", w.name)
	}
	for _, e := range w.sidecar().Env {
		if e.Name != "GOMEMLIMIT" {
			continue
		}
		soft, err := resource.ParseQuantity(strings.TrimSuffix(e.Value, "B"))
		if err != nil || soft.Cmp(*r.Limits.Memory()) >= 0 {
			found("%s: GOMEMLIMIT %s is not below the limit of %s", w.name, e.Value, r.Limits.Memory())
		}
	}
}

func serviceLinks(w workload, found report) {
	if on := w.pod.Spec.EnableServiceLinks; on == nil || *on {
		found("%s: services become variables", w.name)
	}
}

// spread: members are on different machines and in different zones where that can be.
func spread(w workload, found report) {
	keys := map[string]bool{}
	for _, s := range w.pod.Spec.TopologySpreadConstraints {
		keys[s.TopologyKey] = matches(s.LabelSelector, w.pod.Labels) && s.WhenUnsatisfiable == corev1.ScheduleAnyway
	}
	if !keys["topology.kubernetes.io/zone"] || !keys["kubernetes.io/hostname"] {
		found("%s: its pods are not spread over machines and zones", w.name)
	}
}
