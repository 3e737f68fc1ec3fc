//go:build !unix

package cli

import (
	"os"
	"syscall"
)

// passedSignals are none here.
func passedSignals() (<-chan os.Signal, func()) { return nil, func() {} }

// jobControl is not known here.
type jobControl struct{}

func openJobControl() jobControl { return jobControl{} }

func (*jobControl) close() {}

func (*guard) pass(ch *child, s os.Signal) { ch.signal(s) }

func (*guard) childStopped(*child, syscall.Signal) {}
