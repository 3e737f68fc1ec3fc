//go:build !race

package form

// schedules is how many random ones each property sees, unless -rapid.checks says otherwise;
// histories is how many of ten nodes.
const (
	schedules = "2000"
	histories = "50"
)
