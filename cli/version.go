package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

const raftModule = "github.com/hashicorp/raft"

// Version is what this binary was built from.
type Version struct {
	Version string // of sidelock; "devel" where the build does not know
	Commit  string // with "+changes" if the tree was not clean; empty where the build does not know
	Go      string
	Raft    string // of hashicorp/raft; empty where the binary does not contain it
}

// ReadVersion asks the build information that Go puts into every binary, and what a release was stamped with.
func ReadVersion() Version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Version{Version: "devel", Go: runtime.Version()}.stamped()
	}
	return versionOf(info).stamped()
}

func versionOf(info *debug.BuildInfo) Version {
	v := Version{Version: info.Main.Version, Go: info.GoVersion}
	if v.Version == "" || v.Version == "(devel)" {
		v.Version = "devel"
	}
	changed := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	if v.Commit != "" && changed {
		v.Commit += "+changes"
	}
	for _, module := range info.Deps {
		if module.Path == raftModule {
			if module.Replace != nil {
				module = module.Replace
			}
			v.Raft = module.Version
		}
	}
	return v
}

func (v Version) print(w io.Writer) error {
	unknown := func(s string) string {
		if s == "" {
			return "unknown"
		}
		return s
	}
	_, err := fmt.Fprintf(w, "sidelock %s\ncommit   %s\ngo       %s\nraft     %s\n",
		v.Version, unknown(v.Commit), v.Go, unknown(v.Raft))
	return err
}

// versionCommand is `sidelock version`.
type versionCommand struct{}

// Run prints what the binary was built from.
func (*versionCommand) Run(call *call) error {
	if err := call.faults.err(call.name); err != nil {
		return err
	}
	return ReadVersion().print(call.stdout)
}
