package keys_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/httpapi/keys"
)

// TestFileOfThePageIsOne: the example in docs/api.md is taken, and does what is said beside it.
func TestFileOfThePageIsOne(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(page), "<!-- keys file -->\n```yaml\n")
	file, _, closed := strings.Cut(after, "```\n")
	if !found || !closed {
		t.Fatal("the page has no keys file")
	}
	ring, err := keys.New([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(file, "key: ")
	web := ring.Find(strings.Fields(line)[0])
	if ring.Len() != 3 || web == nil || web.Name() != "web" || web.May(keys.Admin) || !web.May(keys.Write) {
		t.Fatalf("%d keys; web is %v", ring.Len(), web)
	}
	for name, want := range map[string]bool{"web": true, "web.7": true, "web:7": true, "web-7": false, "shared.config": true, "shared": false} {
		if web.Reaches(name) != want {
			t.Errorf("web reaches %s: %v", name, !want)
		}
	}
	for _, part := range []string{"32 to 256", "401", "WWW-Authenticate", "403 `forbidden`"} {
		if !strings.Contains(string(page), part) {
			t.Errorf("the page does not say %q", part)
		}
	}
}
