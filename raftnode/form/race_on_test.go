//go:build race

package form

// schedules is how many random ones each property sees, unless -rapid.checks
// says otherwise, histories how many of ten nodes: few where the race detector
// makes each slow.
const (
	schedules = "400"
	histories = "10"
)
