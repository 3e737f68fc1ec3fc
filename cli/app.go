package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/alecthomas/kong"
	"github.com/sidelock/sidelock/raftnode"
	"github.com/sidelock/sidelock/raftnode/store"
)

// The exit codes, which scripts rely on. A command that runs another one passes that one's through, as a shell does.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2  // wrong usage: nothing was started
	ExitHeld   = 75 // held by another (EX_TEMPFAIL of sysexits.h: try again later)
	ExitLost   = 76 // lost while held: the command was ended

	ExitNotExecutable = 126 // the command to run was found, but cannot be run
	ExitNotFound      = 127 // the command to run was not found
	ExitSignal        = 128 // and the number of the signal that ended the command, or ended the wait for the lock
)

// App is what runs behind the commands; main wires it.
type App struct {
	// Serve runs one sidecar until ctx ends, then shuts it down in order and returns nil. An error means that the
	// sidecar could not start or had to stop.
	Serve func(ctx context.Context, cfg ServeConfig, log *slog.Logger) error
	// Recover makes the directory of a stopped sidecar a group of one; ask is shown it and returns nil to go on.
	Recover func(dir, release string, ask func(raftnode.Survivor) error) (raftnode.Recovered, error)
	// Compact writes the log of a stopped sidecar anew, without the room that it does not need.
	Compact func(dir, release string) (store.Compacted, error)
}

// grammar is the whole command line: one line a command. The tag behind says what stands behind -- there, if anything.
type grammar struct {
	Serve     serveCommand     `cmd:"" help:"Run one sidecar; with no flags a group of one."`
	Dev       devCommand       `cmd:"" help:"Run a group of sidecars on this machine, to play with."`
	Run       runCommand       `cmd:"" behind:"-- CMD…" help:"Hold a lock while a command runs."`
	Elect     electCommand     `cmd:"" behind:"[-- CMD…]" help:"Stand for an election; run a command while leading."`
	Locks     locksCommand     `cmd:"" help:"List locks: who has them, how many wait."`
	Elections electionsCommand `cmd:"" help:"List elections: who leads, how many stand by."`
	Show      showCommand      `cmd:"" help:"Show one lock or election: who has it, who waits, what happened."`
	Watch     watchCommand     `cmd:"" help:"Follow what happens to locks and elections, a line an event."`
	Release   releaseCommand   `cmd:"" help:"Release a lock by its lease ID, or by force somebody else's."`
	Doctor    doctorCommand    `cmd:"" help:"Check all that a sidecar needs: configuration, disk, ports, certificates, the others."`
	Status    statusCommand    `cmd:"" help:"Show the group at a glance, and whether it is healthy."`
	Members   membersCommand   `cmd:"" help:"List the sidecars of the group, with IDs, roles and zones."`
	Remove    removeCommand    `cmd:"" help:"Take a member that is gone for good out of the group."`
	Recover   recoverCommand   `cmd:"" help:"Make one survivor a new group, when most voters are lost for good."`
	Compact   compactCommand   `cmd:"" help:"Give the room that a stopped sidecar's log does not need back."`
	Version   versionCommand   `cmd:"" help:"Print version, commit, Go and raft."`
}

// call is one invocation: what the commands need of their surroundings.
type call struct {
	app            App
	name           string // "sidelock serve"
	env            environment
	host           host
	stdin          *os.File // for commands that are run; nil is none
	stdout, stderr io.Writer
	signals        <-chan os.Signal
	exit           func(code int) // ends the process at once
	faults         *faults        // found so far
	misspelt       int            // so many of them, the first, are of the command line itself
	given          map[string]bool
	behind         []string // what stood behind --; nil if there was no such
	warnings       []string
}

// host is what a command asks of the machine; tests replace it.
type host struct {
	hostname func() (string, error)
	outgoing func() (netip.Addr, error)
	terminal func(io.Writer) bool // whether a person looks at it
	zone     *time.Location       // in which times are shown
}

func thisMachine() host {
	return host{hostname: os.Hostname, outgoing: outgoingAddr, terminal: isTerminal, zone: time.Local}
}

// Main runs the command line args (without the program's name) in the environment env (as os.Environ gives it) and
// returns the exit code. SIGINT and SIGTERM stop a running command in order; a second one ends the process at once.
func Main(args, env []string, stdout, stderr io.Writer, app App) int {
	signals, release := stopSignals()
	defer release()
	return run(args, &call{
		app: app, env: newEnvironment(env), host: thisMachine(), stdin: os.Stdin,
		stdout: stdout, stderr: stderr, signals: signals, exit: os.Exit, faults: &faults{},
	})
}

func run(args []string, c *call) int {
	helped := false
	parser, err := newParser(c, func(int) { helped = true })
	if err != nil {
		fmt.Fprintf(c.stderr, "sidelock: the command line is built wrongly: %v\n", err)
		return ExitFailed
	}
	c.name = parser.Model.Name
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	c.warnings = c.env.unknown(parser.Model)
	args, c.behind = sift(parser.Model, args, c.faults)
	c.misspelt = len(c.faults.list)
	ctx, err := parser.Parse(args)
	if helped {
		return ExitOK
	}
	if err != nil {
		c.faults.at("command line", "%v", err)
		return c.report(c.faults.err(c.name))
	}
	c.name += " " + ctx.Selected().Name
	c.given = givenFlags(ctx)
	return c.report(ctx.Run(c))
}

// report tells a person what went wrong, if anything, and gives the exit code.
func (c *call) report(err error) int {
	if err == nil {
		return ExitOK
	}
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintln(c.stderr, usage)
		c.warn() // a misspelt variable may be the cause
		return ExitUsage
	}
	code := ExitFailed
	var exit *exitError
	if errors.As(err, &exit) {
		code = exit.code
		if exit.said {
			return code
		}
	}
	fmt.Fprintf(c.stderr, "%s: %v\n", c.name, err)
	return code
}

// exitError ends a command with a code of its own.
type exitError struct {
	code int
	text string // what went wrong and what to do
	said bool   // there is nothing more to say
}

func (e *exitError) Error() string { return e.text }

// exitWith ends a command that has said all, or passes on the code of another program.
func exitWith(code int) error {
	if code == ExitOK {
		return nil
	}
	return &exitError{code: code, said: true}
}

// warn prints the warnings for commands that have no log.
func (c *call) warn() {
	for _, w := range c.warnings {
		fmt.Fprintf(c.stderr, "%s: warning: %s\n", c.name, w)
	}
	c.warnings = nil
}

func newParser(c *call, onHelp func(int)) (*kong.Kong, error) {
	return kong.New(&grammar{},
		kong.Name("sidelock"),
		kong.Description("A lock, lease and leader-election sidecar. Start one beside each copy of your application and curl it."),
		kong.Writers(c.stdout, c.stderr),
		kong.Exit(onHelp),
		kong.Bind(c),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Help(printHelp),
		kong.ValueFormatter(helpLine),
	)
}

// BeforeResolve tells kong where else a setting may stand. Kong takes the last answer: so the file, then, stronger,
// the environment; and neither where the command line has spoken.
func (*grammar) BeforeResolve(ctx *kong.Context, c *call) error {
	selected := ctx.Selected()
	if selected == nil {
		return nil // kong will say that a command is missing
	}
	flags := selected.Flags
	for _, flag := range flags {
		if flag.Name != "config" {
			continue
		}
		config, _ := ctx.FlagValue(flag).(text)
		path := config.word()
		if path == "" && !config.noValue {
			path = c.env[envName("config")]
		}
		if path != "" {
			ctx.AddResolver(loadFile(path, flags, c.faults))
		}
	}
	ctx.AddResolver(envResolver{c.env})
	return nil
}

// givenFlags names the flags that somebody set, wherever: the others have their defaults.
func givenFlags(ctx *kong.Context) map[string]bool {
	given := map[string]bool{}
	for _, step := range ctx.Path {
		if step.Flag != nil {
			given[step.Flag.Name] = true
		}
	}
	return given
}
