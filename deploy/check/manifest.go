package check

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// manifest is what one variant comes to.
type manifest struct {
	statefulSets []appsv1.StatefulSet
	deployments  []appsv1.Deployment
	cronJobs     []batchv1.CronJob
	services     []corev1.Service
	secrets      []corev1.Secret
	policies     []networkingv1.NetworkPolicy
	budgets      []policyv1.PodDisruptionBudget
	monitors     []monitoringv1.PodMonitor
}

// build runs kustomize over the files in src below the folder variant, with more files or others in their place.
func build(src fs.FS, variant string, more map[string]string) (*manifest, error) {
	disk := filesys.MakeFsInMemory()
	err := fs.WalkDir(src, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(src, p)
		return errors.Join(err, disk.WriteFile(path.Join("/", p), text))
	})
	for p, text := range more {
		err = errors.Join(err, disk.WriteFile(path.Join("/", p), []byte(text)))
	}
	if err != nil {
		return nil, err
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, path.Join("/", variant))
	if err != nil {
		return nil, err
	}
	m := &manifest{}
	for _, r := range resources.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			return nil, err
		}
		if err := m.read(text); err != nil {
			return nil, fmt.Errorf("%s: %w", r.CurId(), err)
		}
	}
	return m, nil
}

// read adds one object. A kind that is not known here is a fault: nobody would look at it.
func (m *manifest) read(text []byte) error {
	var is metav1.TypeMeta
	if err := yaml.Unmarshal(text, &is); err != nil {
		return err
	}
	switch is.APIVersion + " " + is.Kind {
	case "apps/v1 StatefulSet":
		return add(&m.statefulSets, text)
	case "apps/v1 Deployment":
		return add(&m.deployments, text)
	case "batch/v1 CronJob":
		return add(&m.cronJobs, text)
	case "v1 Service":
		return add(&m.services, text)
	case "v1 Secret":
		return add(&m.secrets, text)
	case "networking.k8s.io/v1 NetworkPolicy":
		return add(&m.policies, text)
	case "policy/v1 PodDisruptionBudget":
		return add(&m.budgets, text)
	case "monitoring.coreos.com/v1 PodMonitor":
		return add(&m.monitors, text)
	}
	return fmt.Errorf("%s %s is not known to this check", is.APIVersion, is.Kind)
}

// add reads an object as an API server does that is asked to be strict: no field that the type lacks, none in another case, none twice.
func add[T any](to *[]T, text []byte) error {
	raw, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	var object T
	strict, err := kjson.UnmarshalStrict(raw, &object)
	if err := errors.Join(append(strict, err)...); err != nil {
		return fmt.Errorf("%w in:\n%s", err, bytes.TrimSpace(text))
	}
	*to = append(*to, object)
	return nil
}
