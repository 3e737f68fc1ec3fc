package check

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// kubernetes are the files, seen from this package.
const kubernetes = "../kubernetes"

// aSecret is one as its command makes it.
const aSecret = "pVqYl5T0gk0nD1dM3m0hT2lS5q6uQm7y0cG8aWb9xEo=\n"

// variants are all that can be built, and those that a commented line in them turns on.
var variants = []string{"statefulset", "deployment", "cronjob", "monitored"}

// extra are files that are not in the tree: a secret, and a variant with the component that is off by default.
func extra() map[string]string {
	return map[string]string{
		"base/peer.secret": aSecret,
		"monitored/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n" +
			"resources: [../statefulset]\ncomponents: [../monitoring]\n",
	}
}

func variantOf(t *testing.T, name string) *manifest {
	t.Helper()
	m, err := build(os.DirFS(kubernetes), name, extra())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(m.workloads()) != 1 {
		t.Fatalf("%s has %d workloads, want one", name, len(m.workloads()))
	}
	return m
}

// violations are the findings of all rules, as "rule: finding".
func violations(m *manifest, f facts) (all []string) {
	for _, r := range rules() {
		r.check(m, f, func(format string, args ...any) { all = append(all, r.name+": "+fmt.Sprintf(format, args...)) })
	}
	return all
}

func TestVariantsObeyEveryRule(t *testing.T) {
	for _, name := range variants {
		for _, v := range violations(variantOf(t, name), theFacts(t)) {
			t.Errorf("%s: %s", name, v)
		}
	}
}

// slip is one change of one file.
type slip struct{ rule, variant, file, old, new string }

const (
	thePod    = "sidecar/podtemplate.yaml"
	theApp    = "application/application.yaml"
	theSet    = "statefulset/statefulset.yaml"
	theDeploy = "deployment/deployment.yaml"
	thePolicy = "base/networkpolicy.yaml"
)

var slips = []slip{
	{"native-sidecar", "statefulset", thePod, "restartPolicy: Always", ""},
	{"flags", "statefulset", thePod, "SIDELOCK_JOIN", "SIDELOCK_JOINS"},
	{"flags", "statefulset", thePod, "args: [serve]", "args: [serve, --ephemeral]"},
	{"probes", "statefulset", thePod, "value: :5627", "value: :5628"},
	{"probes", "cronjob", thePod, "path: /livez", "path: /readyz"},
	{"grace", "statefulset", thePod, "terminationGracePeriodSeconds: 60", "terminationGracePeriodSeconds: 50"},
	{"grace", "deployment", thePod, "value: 5s", "value: 25s"},
	{"images", "statefulset", "sidecar/kustomization.yaml", "newTag: 0.1.0", "newTag: latest"},
	{"images", "cronjob", "cronjob/kustomization.yaml", "- name: nightly", "- name: daily"},
	{"privileges", "deployment", thePod, "drop: [ALL]", "drop: [NET_RAW]"},
	{"privileges", "deployment", thePod, "runAsNonRoot: true", "runAsNonRoot: false"},
	{"privileges", "statefulset", theApp, "readOnlyRootFilesystem: true", ""},
	{"resources", "statefulset", thePod, "value: 200MiB", "value: 256MiB"},
	{"resources", "statefulset", thePod, "memory: 256Mi", "cpu: 1"},
	{"service-links", "cronjob", thePod, "enableServiceLinks: false", "enableServiceLinks: true"},
	{"secret", "statefulset", "base/kustomization.yaml", "disableNameSuffixHash: true", "disableNameSuffixHash: false"},
	{"secret", "statefulset", thePod, "defaultMode: 0440", "defaultMode: 0444"},
	{"secret", "cronjob", thePod, "mountPath: /etc/sidelock/peer, readOnly: true", "mountPath: /etc/sidelock/peer, readOnly: true, subPath: x"},
	{"secret", "statefulset", theApp, "image: web #", "volumeMounts: [{name: peer, mountPath: /secret}]\n        image: web #"},
	{"volumes", "deployment", thePod, "sizeLimit: 1Gi", ""},
	{"volumes", "statefulset", theSet, "      name: data", "      name: disk"},
	{"volumes", "deployment", "deployment/ephemeral.yaml", `value: "true"`, `value: "false"`},
	{"api-stays-inside", "statefulset", thePod, "containerPort: 5627}", "containerPort: 5627}\n      - {name: api, containerPort: 5625}"},
	{"api-stays-inside", "deployment", thePod, "- name: SIDELOCK_LOG_FORMAT", "- {name: SIDELOCK_API_ADDR, value: \":5625\"}\n      - name: SIDELOCK_LOG_FORMAT"},
	{"api-stays-inside", "statefulset", "base/service.yaml", "port: 5626", "port: 5625"},
	{"service", "statefulset", "base/service.yaml", "publishNotReadyAddresses: true", ""},
	{"service", "deployment", "base/service.yaml", "clusterIP: None", ""},
	{"service", "cronjob", thePod, "web-sidelock:5626", "web-sidelock:5627"},
	{"policy", "statefulset", thePolicy, "port: 5626", "port: 5625"},
	{"policy", "statefulset", thePolicy, "    - podSelector:\n        matchLabels:\n          sidelock-group: web # agents of jobs too, in both directions", "    - namespaceSelector: {}"},
	{"budget", "deployment", "base/pdb.yaml", "maxUnavailable: 1", "maxUnavailable: 2"},
	{"budget", "statefulset", "base/pdb.yaml", "sidelock-group: web", "sidelock-group: other"},
	{"selectors", "statefulset", theSet, "name: web\n  volumeClaim", "name: other\n  volumeClaim"},
	{"selectors", "monitored", "monitoring/podmonitor.yaml", "sidelock-group: web", "sidelock-group: other"},
	{"selectors", "deployment", "base/service.yaml", "sidelock-member: auto", "sidelock-member: never"},
	{"spread", "statefulset", thePod, "kubernetes.io/hostname", "kubernetes.io/os"},
	{"first-start", "statefulset", theSet, "replicas: 3", "replicas: 2"},
	{"first-start", "deployment", theDeploy, "replicas: 3", "replicas: 6"},
	{"first-start", "statefulset", theSet, "podManagementPolicy: Parallel", "podManagementPolicy: OrderedReady"},
	{"rollout", "statefulset", theSet, "whenScaled: Retain", "whenScaled: Delete"},
	{"rollout", "statefulset", theSet, "maxUnavailable: 1", "maxUnavailable: 2"},
	{"rollout", "deployment", theDeploy, "maxUnavailable: 0", "maxUnavailable: 1"},
	{"agent", "cronjob", "cronjob/job.yaml", "value: never", "value: auto"},
	{"monitor", "monitored", "monitoring/podmonitor.yaml", "port: ops", "port: peer"},
}

func TestEachRuleCatchesItsViolation(t *testing.T) {
	for _, r := range rules() {
		if !slices.ContainsFunc(slips, func(s slip) bool { return s.rule == r.name }) {
			t.Errorf("no violation is known for the rule %s: add one", r.name)
		}
	}
	for _, s := range slips {
		m, err := s.build(t)
		if err != nil {
			t.Errorf("%s with %q: %v", s.file, s.new, err)
			continue
		}
		found := violations(m, theFacts(t))
		if !slices.ContainsFunc(found, func(v string) bool { return strings.HasPrefix(v, s.rule+": ") }) {
			t.Errorf("%s with %q instead of %q is not caught by %s, only by %q", s.file, s.new, s.old, s.rule, found)
		}
	}
}

// build is the variant after the slip.
func (s slip) build(t *testing.T) (*manifest, error) {
	t.Helper()
	files := extra()
	text, err := os.ReadFile(kubernetes + "/" + s.file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), s.old) {
		t.Fatalf("%s has no %q any more", s.file, s.old)
	}
	files[s.file] = strings.Replace(string(text), s.old, s.new, 1)
	return build(os.DirFS(kubernetes), s.variant, files)
}

func TestWhatAnAPIServerWouldNotKnowIsAFault(t *testing.T) {
	for _, s := range []slip{
		{"unknown field", "statefulset", theSet, "podManagementPolicy", "podManagement"},
		{"other case", "statefulset", theSet, "serviceName", "servicename"},
		{"wrong type", "deployment", theDeploy, "replicas: 3", "replicas: three"},
		{"unknown version", "cronjob", "cronjob/cronjob.yaml", "batch/v1", "batch/v2"},
	} {
		if _, err := s.build(t); err == nil {
			t.Errorf("%s: %q passes in %s", s.rule, s.new, s.file)
		}
	}
}
