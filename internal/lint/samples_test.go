package lint

import "strings"

// violations has, for each rule, sources that it must catch: a path, then the
// file; several files are split by "---".
var violations = map[string][]string{
	"parse": {"lease/x.go\npackage lease\nfunc {"},
	"import-direction": {
		imports("lease/x.go", modulePath+"/raftnode"),
		imports("metrics/x.go", modulePath+"/lease"),
		imports("reload/x.go", modulePath+"/lease"),
		imports("client/x.go", modulePath+"/reload"),
		imports("client/x.go", modulePath+"/lease"),
		imports("raftnode/x.go", modulePath+"/httpapi"),
		imports("raftnode/peer/x.go", modulePath+"/metrics"),
		imports("httpapi/x.go", modulePath+"/raftnode/store"),
		imports("httpapi/x.go", modulePath+"/metrics"),
		imports("cli/x.go", modulePath+"/internal/sim"),
		imports("lease/x.go", modulePath),
		"locks/x.go\npackage locks\n",
	},
	"third-party": {
		imports("lease/x.go", "golang.org/x/sync/errgroup"),
		imports("client/x.go", "github.com/tidwall/btree"),
		imports("metrics/x.go", "github.com/hashicorp/raft"),
		imports("reload/x.go", "golang.org/x/sys/unix"),
		imports("httpapi/x.go", "github.com/hashicorp/raft"),
		imports("raftnode/x.go", "github.com/gin-gonic/gin"),
		imports("raftnode/x.go", "github.com/prometheus/client_golang/prometheus"),
		"httpapi/x.go\npackage httpapi\nimport . \"strings\"\nvar _ = ToUpper\n",
	},
	"lease-import": {
		imports("lease/x.go", "os"), imports("lease/x.go", "net/http"), imports("lease/x.go", "sync"),
		imports("lease/x.go", "sync/atomic"), imports("lease/x.go", "math/rand/v2"), imports("lease/x.go", "crypto/rand"),
		imports("lease/x.go", "hash/maphash"), imports("lease/sub/x.go", "log/slog"), imports("lease/x.go", "os/exec"),
	},
	"lease-clock": {
		leaseUsing("time", "var x = time.Now()"), leaseUsing("time", "var x = time.Since"), leaseUsing("time", "var x = time.After(1)"),
		leaseUsing("time", "func f() { time.Sleep(1) }"), leaseUsing("time", "var x *time.Timer"), leaseUsing("time", "var x = time.NewTicker"),
		"lease/x.go\npackage lease\nimport clock \"time\"\nvar x = clock.Now()\n",
	},
	"lease-concurrency": {
		lease("func f() { go f() }"), lease("type x chan int"), lease("func f(c x) { select {} }"),
		lease("func f() { c <- 1 }"), lease("func f() { <-c }"),
	},
	"lease-types": {lease("var x int = \"\"")},
	"lease-map-order": {
		leaseUsing("maps", "var m map[int]int\nfunc f() { for range maps.Keys(m) { } }"),
		"lease/x.go\npackage lease\nimport (\n\t\"maps\"\n\t\"slices\"\n)\nvar m map[int]int\nvar s = slices.Collect(maps.Values(m))\n",
		lease("func f(m map[string]int) { for range m { } }"),
		lease("type m map[string]int\ntype s struct{ in m }\nfunc f(x s) { for k := range x.in { _ = k } }"),
		lease("func f[M ~map[string]int](m M) { for range m { } }"),
		"lease/x.go\npackage lease\nfunc f() { for range all { } }\n---\nlease/y.go\npackage lease\nvar all = map[int]int{}\n",
	},
	"lease-float": {
		lease("var x float64"), lease("func f(n int) int { return int(float32(n) / 3) }"), lease("var x = 0.5"), lease("var x complex128"),
	},
	"banned-call": {
		"httpapi/x.go\npackage httpapi\nimport \"github.com/gin-gonic/gin\"\nvar e = gin.Default()\n",
		"httpapi/x.go\npackage httpapi\nimport \"net/http\"\nvar m = http.DefaultServeMux\n",
		"cli/x.go\npackage cli\nimport \"net/http\"\nfunc f() error { return http.ListenAndServe(\"\", nil) }\n",
		"client/x.go\npackage client\nimport \"net/http\"\nvar get = http.Get\n",
		"metrics/x.go\npackage metrics\nimport \"github.com/prometheus/client_golang/prometheus\"\nfunc init() { prometheus.MustRegister() }\n",
		"metrics/x.go\npackage metrics\nimport \"github.com/prometheus/client_golang/prometheus/promauto\"\nvar c = promauto.NewCounter\n",
		"metrics/x.go\npackage metrics\nimport \"github.com/prometheus/client_golang/prometheus/promhttp\"\nvar h = promhttp.Handler()\n",
	},
	"raft-restore": {
		"raftnode/x.go\npackage raftnode\nimport \"github.com/hashicorp/raft\"\nfunc f(r *raft.Raft) error { return r.Restore(nil, nil, 0) }\n",
		"raftnode/x_test.go\npackage raftnode\nfunc f(n *Node) error { return n.raft.Restore(meta, r, time) }\n",
		"raftnode/x.go\npackage raftnode\nimport \"github.com/hashicorp/raft\"\nfunc f(r *raft.Raft) any { return r.Restore }\n",
	},
	"sleeping-test": {"raftnode/x_test.go\npackage raftnode\nimport \"time\"\nfunc f() { time.Sleep(1) }\n"},
	"skipped-test": {
		testSource("func TestX(t *testing.T) { t.Skip() }"),
		testSource("func TestX(t *testing.T) { t.Run(\"\", func(u *testing.T) { if true { u.Skipf(\"\") } }) }"),
		testSource("func need(tb testing.TB) { tb.SkipNow() }"),
		testSource("func (c *cluster) need() { c.t.Skip() }"),
	},
	"package-name": {
		"internal/util/x.go\npackage util\n", "internal/x/x.go\npackage helpers\n", "cli/common.go\npackage cli\n",
		"raftnode/x/x_test.go\npackage manager_test\n",
	},
	"file-length":     {"cli/x.go\npackage cli\n" + strings.Repeat("//\n", maxFileLines)},
	"function-length": {"cli/x.go\npackage cli\nfunc f() {\n" + strings.Repeat("\tf()\n", maxFunctionLines-1) + "}\n"},
	"machine-path": {
		"README.md\nRun it in /ro" + "ot/sidelock.\n",
		"deploy/x.yaml\npath: /ho" + "me/ann/data\n",
		"cli/x.go\npackage cli\nconst p = \"/wo" + "rk/main\"\n",
	},
}

// proper has sources that look like violations and are none.
var proper = []string{
	leaseUsing("time", "const d = 15 * time.Second\nvar x time.Duration = d"),
	"lease/x.go\npackage lease\nfunc f(s []int, n int) { for range s { }; for range n { } }\nvar m = map[string]int{}\nvar x = int64(1e9)\n",
	"lease/x.go\n//go:build mutant\n\npackage lease\nfunc f() {}\n---\nlease/y.go\npackage lease\nfunc f() {}\n",
	imports("raftnode/x.go", modulePath+"/lease"),
	imports("raftnode/x.go", modulePath+"/raftnode/peer"),
	imports("raftnode/trust/x.go", modulePath+"/reload"),
	imports("httpapi/x.go", modulePath+"/reload"),
	imports("httpapi/x.go", modulePath+"/raftnode"),
	imports("main.go", modulePath+"/metrics"),
	imports("internal/sim/x.go", modulePath+"/raftnode/store"),
	imports("raftnode/x_test.go", modulePath+"/internal/sim"),
	imports("lease/x_test.go", "pgregory.net/rapid"),
	"lease/x.go\npackage lease\nimport (\n\t\"maps\"\n\t\"slices\"\n)\nvar m map[int]int\nfunc f() { for range slices.Sorted(maps.Keys(m)) { } }\n",
	"raftnode/x.go\npackage raftnode\nimport (\n\t\"github.com/hashicorp/raft\"\n\t\"" + modulePath + "/lease\"\n)\nvar _ raft.FSM\nvar s, err = lease.Restore(nil)\n",
	"raftnode/x_test.go\npackage raftnode\nimport (\n\t\"testing/synctest\"\n\t\"time\"\n)\nfunc f() { synctest.Wait(); time.Sleep(1) }\n",
	"lease/x_test.go\npackage lease\nimport (\n\t\"testing\"\n\t\"pgregory.net/rapid\"\n)\nfunc TestX(t *testing.T) { rapid.Check(t, func(t *rapid.T) { t.Skip() }) }\n",
	"cli/x_test.go\npackage cli\n" + strings.Repeat("//\n", maxFileLines),
	"cli/x.go\npackage cli\nfunc f() {\n" + strings.Repeat("\tf()\n", maxFunctionLines-2) + "}\n",
	"httpapi/x_test.go\npackage httpapi\nimport \"net/http\"\nvar get = http.Get\n",
	"docs/x.md\nsee https://example.org/home/ann and ./work/x and homework/x\n",
}

func imports(path, imported string) string {
	return path + "\npackage x\nimport _ \"" + imported + "\"\n"
}

func lease(body string) string { return "lease/x.go\npackage lease\n" + body + "\n" }

func leaseUsing(imported, body string) string {
	return "lease/x.go\npackage lease\nimport \"" + imported + "\"\n" + body + "\n"
}

func testSource(body string) string {
	return "raftnode/x_test.go\npackage raftnode\nimport \"testing\"\n" + body + "\n"
}
