package httpapi_test

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/httpapi/keys"
)

func TestPageAndItsFilesAreOpenAndConfined(t *testing.T) {
	ring, err := keys.New([]byte("keys:\n  - {name: job, key: " + strings.Repeat("k", 32) + ", verbs: [read], prefixes: [job]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	h := httpapi.New(httpapi.Config{Node: newFakeNode(), Keys: ring}).Handler()
	paths := []string{"/ui"}
	err = fs.WalkDir(os.DirFS("ui"), ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && p != "index.html" {
			paths = append(paths, "/ui/"+p)
		}
		return err
	})
	if err != nil || len(paths) < 3 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			resp := ask(t, h, httptest.NewRequest(method, "http://localhost:5625"+path, nil))
			if resp.StatusCode != 200 {
				t.Errorf("%s %s: %d", method, path, resp.StatusCode)
			}
			csp := resp.Header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
				if !strings.Contains(csp, want) {
					t.Errorf("%s: the policy is %q", path, csp)
				}
			}
			if strings.Contains(csp, "unsafe") {
				t.Errorf("%s: the policy is %q", path, csp)
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("%s: %s is %q", path, name, got)
				}
			}
		}
	}
}

func TestPageIsServedWhereItBelongs(t *testing.T) {
	api := httpapi.New(httpapi.Config{Node: newFakeNode()})
	for _, path := range []string{"/ui/", "/ui/index.html", "/ui/none.js", "/ui/..", "/ui/%2e%2e%2fopenapi.yaml", "/ui/a/b", "/ui/app.js/", "/ui/%00"} {
		if resp := ask(t, api.Handler(), httptest.NewRequest("GET", "http://localhost:5625"+path, nil)); resp.StatusCode != 404 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	for _, path := range []string{"/ui", "/ui/app.js"} {
		r := httptest.NewRequest("GET", "http://evil.example"+path, nil)
		if resp := ask(t, api.Handler(), r); resp.StatusCode != 403 {
			t.Errorf("%s for another host: %d", path, resp.StatusCode)
		}
		if resp := ask(t, api.Handler(), httptest.NewRequest("POST", "http://localhost:5625"+path, nil)); resp.StatusCode != 405 {
			t.Errorf("POST %s: %d", path, resp.StatusCode)
		}
		w := httptest.NewRecorder()
		if api.OpsHandler().ServeHTTP(w, httptest.NewRequest("GET", "http://x"+path, nil)); w.Code != 404 {
			t.Errorf("%s on the address of operators: %d", path, w.Code)
		}
	}
}

// elsewhere are ways for markup and script to bring in what the policy forbids, or data as markup.
var elsewhere = regexp.MustCompile(`https?://|\bstyle=|\son[a-z]+=|<script>|<style|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|@import|url\(|localStorage|document\.cookie`)

func TestPageBringsNothingInAndTakesNoDataForMarkup(t *testing.T) {
	ui := os.DirFS("ui")
	names, err := fs.Glob(ui, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := fs.ReadFile(ui, name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(content), `xmlns="http://www.w3.org/2000/svg"`, "")
		if found := elsewhere.FindString(text); found != "" {
			t.Errorf("%s has %q", name, found)
		}
	}
	resp := ask(t, httpapi.New(httpapi.Config{Node: newFakeNode()}).Handler(), httptest.NewRequest("GET", "http://localhost:5625/", nil))
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), `"path":"/ui"`) {
		t.Errorf("the page is not listed: %s %v", body, err)
	}
}
