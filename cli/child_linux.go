package cli

import (
	"bytes"
	"os"
	"strconv"
)

// threadsField is where /proc/PID/stat has the number of threads, counted from the state.
const threadsField = 17

// onlyZombies says whether all that is left of a process group has ended and only waits for its parent to notice. In a
// container whose first process is not made for that, it waits for ever.
func onlyZombies(group int) bool {
	for range 2 { // one that was started while the first look went on is seen by the second
		if !noneLives(group) {
			return false
		}
	}
	return true
}

func noneLives(group int) bool {
	proc, err := os.Open("/proc")
	if err != nil {
		return false
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return false
	}
	seen := false
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // gone meanwhile
		}
		seen = true
		// pid (name) state ppid pgrp …; the name may have anything in it
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) <= threadsField || string(fields[2]) != strconv.Itoa(group) {
			continue
		}
		// The state is the first thread's, which may have ended before the others.
		if threads, err := strconv.Atoi(string(fields[threadsField])); fields[0][0] != 'Z' && fields[0][0] != 'X' || err != nil || threads > 1 {
			return false
		}
	}
	return seen
}
