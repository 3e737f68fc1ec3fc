package raftnode

import (
	"time"

	"golang.org/x/sys/unix"
)

// SystemClock reads the clocks of the system.
type SystemClock struct{}

var _ Clock = SystemClock{}

// Steady reads CLOCK_MONOTONIC_RAW, which NTP does not slew.
func (SystemClock) Steady() time.Duration { return readClock(unix.CLOCK_MONOTONIC_RAW) }

// Boot reads CLOCK_BOOTTIME.
func (SystemClock) Boot() time.Duration { return readClock(unix.CLOCK_BOOTTIME) }

func readClock(id int32) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		panic("raftnode: the system has no monotonic clock: " + err.Error())
	}
	return time.Duration(ts.Nano())
}
