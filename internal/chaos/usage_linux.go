package chaos

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process has used, and uses.
type Usage struct {
	CPU    time.Duration // since its start
	Files  int           // open file descriptors
	Memory int64         // bytes resident
}

// clockTicks is USER_HZ, the unit of times in /proc: 100 a second on every architecture of Linux.
const clockTicks = 100

// Usage asks the kernel about a running node.
func (n *Node) Usage() (u Usage) {
	n.t.Helper()
	dir := fmt.Sprintf("/proc/%d/", n.current().cmd.Process.Pid)
	fds, err := os.ReadDir(dir + "fd")
	if err != nil {
		n.t.Fatal(err)
	}
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		n.t.Fatal(err)
	}
	// The second field is the program's name in parentheses, which may hold anything.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	number := func(field int) int64 { // as proc(5) counts them
		v, err := strconv.ParseInt(fields[field-3], 10, 64)
		if err != nil {
			n.t.Fatalf("%s: %v", stat, err)
		}
		return v
	}
	return Usage{CPU: time.Duration(number(14)+number(15)) * time.Second / clockTicks, Files: len(fds), Memory: number(24) * int64(os.Getpagesize())}
}
