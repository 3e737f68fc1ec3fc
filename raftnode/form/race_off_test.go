//go:build !race

package form

// schedules is how many random ones each property sees, unless -rapid.checks says otherwise.
const schedules = "2000"
