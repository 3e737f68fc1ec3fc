package cli

import (
	"fmt"
	"strings"
)

// fault is one thing wrong with what the caller said.
type fault struct {
	where string // the flag with its dashes, or file:line
	from  string // where the value came from, if not from the command line
	text  string // what is wrong, and what to do
}

func (f fault) String() string {
	if f.from != "" {
		return fmt.Sprintf("%s (from %s): %s", f.where, f.from, f.text)
	}
	return fmt.Sprintf("%s: %s", f.where, f.text)
}

// faults collects everything that is wrong, so that a person mends it in one go.
type faults struct{ list []fault }

// add records a fault of the flag --name; s may be nil, or says where the value came from.
func (f *faults) add(name string, s *setting, format string, args ...any) {
	one := fault{where: "--" + name, text: fmt.Sprintf(format, args...)}
	if s != nil {
		one.from = s.from
	}
	f.list = append(f.list, one)
}

// at records a fault of a place that is no flag, such as a line of the configuration file.
func (f *faults) at(where, format string, args ...any) {
	f.list = append(f.list, fault{where: where, text: fmt.Sprintf(format, args...)})
}

// err is nil if nothing was wrong.
func (f *faults) err(command string) error {
	if len(f.list) == 0 {
		return nil
	}
	return &usageError{command: command, faults: f.list}
}

// usageError says that the command was not started because of how it was called. Its exit code is ExitUsage.
type usageError struct {
	command string // with the program's name: "sidelock serve"
	faults  []fault
}

func (e *usageError) Error() string {
	var b strings.Builder
	if len(e.faults) == 1 {
		fmt.Fprintf(&b, "%s: %s\n", e.command, e.faults[0])
	} else {
		fmt.Fprintf(&b, "%s: %d faults, nothing was started:\n", e.command, len(e.faults))
		for i, one := range e.faults {
			if i == maxFaults {
				fmt.Fprintf(&b, "  and %d more\n", len(e.faults)-maxFaults)
				break
			}
			fmt.Fprintf(&b, "  %s\n", one)
		}
	}
	fmt.Fprintf(&b, "`%s --help` lists what can be said.", e.command)
	return b.String()
}
