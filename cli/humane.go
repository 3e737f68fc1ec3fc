package cli

import (
	"fmt"
	"strconv"
	"time"
)

// humane writes a duration as a person would say it: the two units that matter.
func humane(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + humane(-d)
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Truncate(100*time.Millisecond).Seconds(), 'f', -1, 64) + "s"
	case d < time.Minute:
		return two(d, time.Second, 's', 0, ' ')
	case d < time.Hour:
		return two(d, time.Minute, 'm', time.Second, 's')
	case d < 24*time.Hour:
		return two(d, time.Hour, 'h', time.Minute, 'm')
	}
	return two(d, 24*time.Hour, 'd', time.Hour, 'h')
}

// ago writes how long it is since something happened.
func ago(d time.Duration) string {
	if d < time.Millisecond {
		return "now"
	}
	return humane(d) + " ago"
}

func two(d, big time.Duration, bigName rune, small time.Duration, smallName rune) string {
	s := fmt.Sprintf("%d%c", d/big, bigName)
	if small > 0 && d%big/small > 0 {
		s += fmt.Sprintf("%d%c", d%big/small, smallName)
	}
	return s
}

// moment writes a time in the zone of who reads it; with the date unless it is that of now.
func (c *call) moment(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	t, now = t.In(c.host.zone), now.In(c.host.zone)
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// counted writes a number of things: 1 lock, 2 locks.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// limited writes how many may hold a lock; 0 is no limit.
func limited(limit int) string {
	switch limit {
	case 0:
		return "shared"
	case 1:
		return "exclusive"
	}
	return fmt.Sprintf("limit %d", limit)
}
