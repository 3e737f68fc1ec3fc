package cli

import (
	"bytes"
	"runtime/debug"
	"testing"
)

func TestVersionSaysWhatTheBinaryWasBuiltFrom(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"},
		Deps:     []*debug.Module{{Path: "other", Version: "v0"}, {Path: raftModule, Version: "v1.7.3"}},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc123"}, {Key: "vcs.modified", Value: "true"}},
	}
	var out bytes.Buffer
	if err := versionOf(info).print(&out); err != nil {
		t.Fatal(err)
	}
	if want := "sidelock v1.2.3\ncommit   abc123+changes\ngo       go1.26.8\nraft     v1.7.3\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	out.Reset()
	if err := versionOf(&debug.BuildInfo{GoVersion: "go1.26.8"}).print(&out); err != nil {
		t.Fatal(err)
	}
	mustContain(t, out.String(), "sidelock devel\n", "commit   unknown", "raft     unknown")
	mustContain(t, invoke(t, nil, "version").stdout, "sidelock ", "go ")
}
