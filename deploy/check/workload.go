package check

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// workload is what the kinds that make pods have in common.
type workload struct {
	kind, name string
	replicas   int                   // 0 for a CronJob
	selector   *metav1.LabelSelector // nil for a CronJob
	pod        corev1.PodTemplateSpec
	claims     []corev1.PersistentVolumeClaim
}

func (m *manifest) workloads() (all []workload) {
	for _, o := range m.statefulSets {
		all = append(all, workload{"StatefulSet", o.Name, replicas(o.Spec.Replicas), o.Spec.Selector, o.Spec.Template, o.Spec.VolumeClaimTemplates})
	}
	for _, o := range m.deployments {
		all = append(all, workload{"Deployment", o.Name, replicas(o.Spec.Replicas), o.Spec.Selector, o.Spec.Template, nil})
	}
	for _, o := range m.cronJobs {
		all = append(all, workload{"CronJob", o.Name, 0, nil, o.Spec.JobTemplate.Spec.Template, nil})
	}
	return all
}

func replicas(n *int32) int {
	if n == nil {
		return 1
	}
	return int(*n)
}

// sidecar is the container named sidelock; a zero one if there is none.
func (w workload) sidecar() corev1.Container {
	for _, c := range w.pod.Spec.InitContainers {
		if c.Name == "sidelock" {
			return c
		}
	}
	return corev1.Container{}
}

// containers are all of the pod.
func (w workload) containers() []corev1.Container {
	return append(append([]corev1.Container{}, w.pod.Spec.InitContainers...), w.pod.Spec.Containers...)
}

// place is what the kubelet tells a container of its pod.
type place struct{ name, ip, zone string }

// variables are those of the sidecar in a pod that is in some place.
func (w workload) variables(p place) (map[string]string, error) {
	known := map[string]string{"metadata.name": p.name, "status.podIP": p.ip, "metadata.labels['topology.kubernetes.io/zone']": p.zone}
	all := map[string]string{}
	for _, e := range w.sidecar().Env {
		all[e.Name] = e.Value
		if from := e.ValueFrom; from != nil {
			value, ok := "", false
			if from.FieldRef != nil {
				value, ok = known[from.FieldRef.FieldPath]
			}
			if !ok {
				return nil, fmt.Errorf("%s comes from %v, which this check does not know", e.Name, from)
			}
			all[e.Name] = value
		}
	}
	return all, nil
}

// setting is what a flag of serve is set to, "" if it is not.
func (w workload) setting(flag string) string {
	name := variable(flag)
	for _, e := range w.sidecar().Env {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}

func variable(flag string) string {
	return "SIDELOCK_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// mount is the volume that a path in a container is on.
func mount(c corev1.Container, path string) (m corev1.VolumeMount, ok bool) {
	for _, m := range c.VolumeMounts {
		if strings.HasPrefix(path, m.MountPath+"/") {
			return m, true
		}
	}
	return m, false
}

// volume is a volume of the pod by its name; a zero one if there is none.
func (w workload) volume(name string) corev1.Volume {
	for _, v := range w.pod.Spec.Volumes {
		if v.Name == name {
			return v
		}
	}
	return corev1.Volume{}
}
