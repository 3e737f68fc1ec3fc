package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// fakeServeVar makes the test binary the sidecar that dev starts.
const fakeServeVar = "CLI_TEST_FAKE_SERVE"

func TestMain(m *testing.M) {
	if mode := os.Getenv(fakeServeVar); mode != "" {
		os.Exit(Main(os.Args[1:], os.Environ(), os.Stdout, os.Stderr, App{Serve: fakeServe(mode)}))
	}
	if os.Getenv(asProgramVar) != "" {
		os.Unsetenv(asProgramVar)
		os.Exit(Main(os.Args[1:], os.Environ(), os.Stdout, os.Stderr, App{}))
	}
	os.Exit(m.Run())
}

// asProgramVar makes the test binary the program itself.
const asProgramVar = "CLI_TEST_AS_PROGRAM"

// fakeServe answers as much of the API as dev asks for. n2 leads.
func fakeServe(mode string) func(context.Context, ServeConfig, *slog.Logger) error {
	return func(ctx context.Context, cfg ServeConfig, log *slog.Logger) error {
		if mode == "broken" && cfg.Node == "n2" {
			return errors.New("the disk is gone")
		}
		log.Warn("serving", "node", cfg.Node, "size", cfg.ClusterSize, "join", strings.Join(cfg.Join, " "))
		mux := http.NewServeMux()
		mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
		mux.HandleFunc("/v1/cluster", func(w http.ResponseWriter, _ *http.Request) {
			leader := "n2"
			if cfg.ClusterSize == 1 {
				leader = "n1"
			}
			_ = json.NewEncoder(w).Encode(clusterView{
				Leader: &memberView{Name: leader}, Members: []memberView{{"n1", "voter"}, {"n2", "voter"}, {"n3", "voter"}},
			})
		})
		l, err := net.Listen("tcp", cfg.APIAddrs[0].Addr)
		if err != nil {
			return err
		}
		server := &http.Server{Handler: mux}
		if mode != "stubborn" {
			go func() { <-ctx.Done(); server.Close() }()
		}
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// outcome is what one invocation came to.
type outcome struct {
	code           int
	stdout, stderr string
	cfg            ServeConfig
	served         bool
}

// invoke runs the command line on a made-up machine.
func invoke(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	var out outcome
	var stdout, stderr bytes.Buffer
	c := &call{
		app: App{Serve: func(_ context.Context, cfg ServeConfig, _ *slog.Logger) error {
			out.cfg, out.served = cfg, true
			return nil
		}},
		env: newEnvironment(append([]string{"HOME=/h"}, env...)),
		host: host{
			hostname: func() (string, error) { return "box", nil },
			outgoing: func() (netip.Addr, error) { return netip.MustParseAddr("10.1.2.3"), nil },
			terminal: func(io.Writer) bool { return false },
			zone:     time.UTC,
		},
		stdout: &stdout, stderr: &stderr, signals: make(chan os.Signal),
		exit:   func(code int) { t.Errorf("the process was ended with %d", code) },
		faults: &faults{},
	}
	out.code = run(args, c)
	out.stdout, out.stderr = stdout.String(), stderr.String()
	return out
}

// mustServe is invoke for what must be accepted.
func mustServe(t *testing.T, env []string, args ...string) ServeConfig {
	t.Helper()
	out := invoke(t, env, append([]string{"serve"}, args...)...)
	if out.code != ExitOK || !out.served {
		t.Fatalf("exit code %d:\n%s", out.code, out.stderr)
	}
	return out.cfg
}

// mustContain checks that every part is in text.
func mustContain(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := t.TempDir() + "/sidelock.yaml"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// soon bounds what a test waits for when something is broken.
const soon = 20 * time.Second
