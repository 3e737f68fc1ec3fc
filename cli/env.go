package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

const envPrefix = "SIDELOCK_"

// envName is the variable of a flag: --data-dir is SIDELOCK_DATA_DIR.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// environment is the process's variables as Main was given them. Nothing in this package asks the operating system
// for them, so that tests are not at the mercy of the machine they run on.
type environment map[string]string

func newEnvironment(env []string) environment {
	e := make(environment, len(env))
	for _, pair := range env {
		if name, value, ok := strings.Cut(pair, "="); ok {
			e[name] = value
		}
	}
	return e
}

// envResolver feeds SIDELOCK_* variables to kong. An empty variable counts as not set: compose files and charts write
// `X=${X}` without one.
type envResolver struct{ env environment }

var _ kong.Resolver = envResolver{}

// Validate implements kong.Resolver; unknown variables are warned of by unknown.
func (envResolver) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (r envResolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !configurable(flag) {
		return nil, nil
	}
	name := envName(flag.Name)
	if v := r.env[name]; v != "" {
		return sourced{words: []string{v}, from: name}, nil
	}
	return nil, nil
}

// configurable says whether variables and the file may set the flag: all but --help, and what must be said aloud each
// time because a variable left over from somewhere would do harm (the tag spoken).
func configurable(flag *kong.Flag) bool { return flag.Name != "help" && !flag.Tag.Has("spoken") }

// unknown warns of every SIDELOCK_* variable that no command has a flag for. It is no fault: other programs and other
// versions may want it.
func (e environment) unknown(app *kong.Application) []string {
	known := []string{lockVar, electionVar, apiKeyVar}
	for _, command := range app.Children {
		for _, flag := range command.Flags {
			if configurable(flag) {
				known = append(known, envName(flag.Name))
			}
		}
	}
	var warnings []string
	for name := range e {
		if !strings.HasPrefix(name, envPrefix) || injected(name) || slices.Contains(known, name) {
			continue
		}
		warnings = append(warnings, fmt.Sprintf("environment variable %s is not known and was ignored%s", name, didYouMean(name, known)))
	}
	slices.Sort(warnings)
	return warnings
}

// injected says whether Kubernetes makes the variable by itself, for a service that is called sidelock.
func injected(name string) bool {
	return strings.HasPrefix(name, envPrefix+"SERVICE_") || strings.HasPrefix(name, envPrefix+"PORT")
}
