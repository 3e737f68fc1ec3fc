//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Job control. A command runs in a process group of its own, which is not the terminal's foreground group, so that Ctrl-C
// and Ctrl-Z come here and are passed on. A command that asks for the terminal (an editor, a password, a shell) is
// stopped by the kernel with SIGTTIN or SIGTTOU; then it is given the terminal and goes on. Either way a command never
// runs while this process is stopped by the terminal: nobody would end it before the deadline.

// passedSignals returns the signals, beyond SIGINT and SIGTERM, that are passed on to a command, and the function that
// gives them back to the runtime. One that was ignored when this process began stays so, also for the command.
func passedSignals() (<-chan os.Signal, func()) {
	ch := make(chan os.Signal, 16)
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGTSTP} {
		if !signal.Ignored(s) {
			signal.Notify(ch, s)
		}
	}
	// A message to a closed stderr must not end this process before the command. The command's own SIGPIPE is not touched.
	drop := make(chan os.Signal, 1)
	signal.Notify(drop, syscall.SIGPIPE)
	return ch, func() { signal.Stop(ch); signal.Stop(drop) }
}

// jobControl is the terminal that controls this process, if there is one.
type jobControl struct {
	tty   *os.File
	given bool // to the command
}

func openJobControl() jobControl {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return jobControl{}
	}
	return jobControl{tty: tty}
}

// close takes the terminal back.
func (j *jobControl) close() {
	if j.tty != nil {
		j.takeBack()
		j.tty.Close()
	}
}

// give makes a group the terminal's foreground group, if this process is in that now.
func (j *jobControl) give(group int) bool {
	if j.tty == nil {
		return false
	}
	switch front, err := unix.IoctlGetInt(int(j.tty.Fd()), unix.TIOCGPGRP); {
	case err != nil:
		return false
	case front == group:
		return true
	case front != unix.Getpgrp():
		return false
	}
	j.given = j.setFront(group)
	return j.given
}

// takeBack makes this process's group the foreground group again.
func (j *jobControl) takeBack() {
	if j.given {
		j.setFront(unix.Getpgrp())
		j.given = false
	}
}

func (j *jobControl) setFront(group int) bool {
	// Who does this from the background is stopped by SIGTTOU unless he ignores it.
	if !signal.Ignored(syscall.SIGTTOU) {
		signal.Ignore(syscall.SIGTTOU)
		defer signal.Reset(syscall.SIGTTOU)
	}
	return unix.IoctlSetPointerInt(int(j.tty.Fd()), unix.TIOCSPGRP, group) == nil
}

// pass passes a signal on to the command.
func (g *guard) pass(ch *child, s os.Signal) {
	if s == syscall.SIGTSTP {
		g.suspend(ch)
		return
	}
	ch.signal(s)
}

// childStopped is called when job control has stopped the command.
func (g *guard) childStopped(ch *child, s syscall.Signal) {
	switch {
	case s == syscall.SIGTTIN || s == syscall.SIGTTOU:
		if g.job.give(ch.group) {
			ch.signalGroup(syscall.SIGCONT)
		} else {
			g.suspend(ch) // until this job is in the foreground
		}
	case s == syscall.SIGTSTP && g.job.given:
		g.suspend(ch)
	}
	// Else somebody has stopped the command alone, and will have it go on.
}

// suspend stops the command and this process's own group, as Ctrl-Z does, until the shell has them go on. The command
// then does so only if what it runs under is still held.
func (g *guard) suspend(ch *child) {
	if os.Getpid() == 1 {
		return // the first process of a container cannot be stopped
	}
	ch.signalGroup(syscall.SIGSTOP)
	given := g.job.given
	g.job.takeBack()
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, syscall.SIGCONT)
	defer signal.Stop(resumed)
	if syscall.Kill(0, syscall.SIGSTOP) == nil {
		<-resumed // the stop takes hold a moment later
	}
	if g.held.Valid() <= 0 {
		return
	}
	if given {
		g.job.give(ch.group)
	}
	ch.signalGroup(syscall.SIGCONT)
}
