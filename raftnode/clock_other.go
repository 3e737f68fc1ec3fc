//go:build !linux

package raftnode

import "time"

// SystemClock reads the clock of the Go runtime, which is monotonic, and on these systems all that there is in common. NTP may slew
// it, and some do not count suspended time in it.
type SystemClock struct{}

var _ Clock = SystemClock{}

var began = time.Now()

// Steady is the time since the process began.
func (SystemClock) Steady() time.Duration { return time.Since(began) }

// Boot is the same.
func (SystemClock) Boot() time.Duration { return time.Since(began) }
