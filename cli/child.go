package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
)

// The variables that tell a command what it runs under. FENCING_TOKEN has no prefix because it is not sidelock's: it is
// what the command sends along to whatever the lock protects.
const (
	tokenVar    = "FENCING_TOKEN"
	lockVar     = "SIDELOCK_LOCK"
	electionVar = "SIDELOCK_ELECTION"
)

// program is a command that can be run, as far as that can be known before.
type program struct {
	path string
	args []string // with its name
}

func (p program) name() string { return filepath.Base(p.args[0]) }

// findProgram looks the command up, so that a slip of the hand is known before anybody waits for a lock. The codes of
// its errors are those of shells.
func findProgram(args []string) (program, error) {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return program{}, notRun(args[0], err)
	}
	return program{path, args}, nil
}

// notRun says why a command does not run and what to do.
func notRun(name string, err error) error {
	var inPath *exec.Error
	var ofPath *fs.PathError
	switch {
	case errors.As(err, &inPath):
		err = inPath.Err
	case errors.As(err, &ofPath):
		err = ofPath.Err
	}
	switch {
	case (errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist)) && strings.ContainsAny(name, " ;|&$<>"):
		return &exitError{code: ExitNotFound, text: fmt.Sprintf("there is no command %q; a line for a shell needs one: -- sh -c %q", name, name)}
	case errors.Is(err, exec.ErrNotFound):
		return &exitError{code: ExitNotFound, text: fmt.Sprintf("there is no command %q in $PATH", name)}
	case errors.Is(err, fs.ErrNotExist):
		return &exitError{code: ExitNotFound, text: fmt.Sprintf("there is no %q, or the interpreter that its first line names is missing", name)}
	case errors.Is(err, exec.ErrDot):
		return &exitError{code: ExitNotFound, text: fmt.Sprintf("%q is in this directory; if it is meant, say ./%s", name, name)}
	case errors.Is(err, fs.ErrPermission):
		return &exitError{code: ExitNotExecutable, text: fmt.Sprintf("%q may not be executed; if it is a script: chmod +x, or name its shell: -- sh %s", name, name)}
	}
	return &exitError{code: ExitNotExecutable, text: fmt.Sprintf("%q cannot be run (%v); a script needs a first line such as #!/bin/sh, or its shell named: -- sh %s", name, err, name)}
}

// childEnd is how a command has ended.
type childEnd struct {
	code   int    // for the exit code: its own, or 128 and the signal's number
	signal string // what ended it; empty if it ended by itself
}

// how it ended, for people.
func (e childEnd) how() string {
	if e.signal != "" {
		return "was ended by " + e.signal
	}
	return fmt.Sprintf("ended with exit code %d", e.code)
}
