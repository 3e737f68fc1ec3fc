package check

import "time"

// facts are what the files of deploy/ have to agree with: the program as it is.
type facts struct {
	flags        map[string]bool // of `sidelock serve`
	drain        time.Duration   // --drain-timeout, where it is not given
	leave, close time.Duration   // how long --ephemeral, and then the end, may take
}

// report collects the findings of one rule.
type report func(format string, args ...any)

// rule checks one variant.
type rule struct {
	name  string
	check func(*manifest, facts, report)
}

// rules are all that there are; a test demands a violation for each.
func rules() []rule {
	return []rule{
		{"native-sidecar", each(nativeSidecar)},
		{"flags", flags},
		{"probes", each(probes)},
		{"grace", grace},
		{"images", each(images)},
		{"privileges", each(privileges)},
		{"resources", each(resources)},
		{"service-links", each(serviceLinks)},
		{"secret", secret},
		{"volumes", volumes},
		{"api-stays-inside", apiStaysInside},
		{"service", service},
		{"policy", policy},
		{"budget", budget},
		{"selectors", selectors},
		{"spread", each(spread)},
		{"first-start", firstStart},
		{"rollout", rollout},
		{"agent", agent},
		{"monitor", monitor},
	}
}

// each is a rule that looks at one workload after the other.
func each(check func(workload, report)) func(*manifest, facts, report) {
	return func(m *manifest, _ facts, found report) {
		for _, w := range m.workloads() {
			check(w, found)
		}
	}
}
