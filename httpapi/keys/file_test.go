package keys_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/httpapi/keys"
)

// Keys of these tests. None of them may be seen in any error.
const (
	webKey   = "WEBKEY-3b1f7c9e5a2d4086b7e1c3f5a9d2"
	opsKey   = "OPSKEY-90d1e2f3a4b5c6d7e8f9a0b1c2d3"
	otherKey = "OTHERKEY-0123456789abcdef0123456789"
)

func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func entry(name, key, verbs, prefixes string) string {
	return fmt.Sprintf("  - name: %s\n    key: %s\n    verbs: %s\n    prefixes: %s\n", name, key, verbs, prefixes)
}

func TestFileIsTakenWhole(t *testing.T) {
	ring, err := keys.New([]byte("# who may call\nkeys:\n" + entry("web", webKey, "[read, write]", "[web, shared.config]") +
		"  - name: ops\n    sha256: " + strings.ToUpper(digest(opsKey)) + "\n    verbs: [admin]\n    prefixes: [\"*\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	web, ops := ring.Find(webKey), ring.Find(opsKey)
	if web == nil || ops == nil || web == ops || ring.Len() != 2 {
		t.Fatalf("found %v and %v of %d", web, ops, ring.Len())
	}
	if web.Name() != "web" || !web.May(keys.Read) || !web.May(keys.Write) || web.May(keys.Admin) || web.Verbs().String() != "read, write" || web.Prefixes() != "shared.config, web" {
		t.Errorf("web: %s may %s below %s", web.Name(), web.Verbs(), web.Prefixes())
	}
	if ops.May(keys.Read|keys.Write) || !ops.May(keys.Write|keys.Admin) || !ops.ReachesAll() || ops.Prefixes() != "*" {
		t.Errorf("ops may %s below %s: no verb implies another", ops.Verbs(), ops.Prefixes())
	}
	for _, wrong := range []string{"", webKey + "x", webKey[:len(webKey)-1], strings.ToLower(webKey), otherKey, digest(opsKey)} {
		if k := ring.Find(wrong); k != nil {
			t.Errorf("%q is taken for the key of %s", wrong, k.Name())
		}
	}
}

func TestFaultsOfAFileAreSaidByLineAndRepeatNoKey(t *testing.T) {
	good := entry("web", webKey, "[read]", "[web]")
	long := strings.Repeat("k", keys.MaxKeyBytes+1)
	for name, tc := range map[string]struct{ file, want string }{
		"nothing":               {"", "the file is empty"},
		"a comment":             {"# keys\n", "the file is empty"},
		"no mapping":            {"- " + webKey, "line 1: the file must be a mapping"},
		"another mapping":       {"kees:\n" + good, "line 1: unknown field (\"kees\")"},
		"no keys":               {"keys: []\n", "line 1: `keys` is empty, and nobody could call"},
		"keys without a value":  {"keys:\n", "line 1: `keys` has no value"},
		"keys are no list":      {"keys: " + webKey + "\n", "line 1: `keys` must be a list"},
		"an item is a word":     {"keys:\n  - " + webKey + "\n", "line 2: a key must be a mapping"},
		"broken YAML":           {"keys:\n  - name: \"" + webKey + "\n", "not YAML"},
		"an unknown anchor":     {"keys:\n  - key: *" + webKey + "\n", "not YAML"},
		"a tab":                 {"keys:\n\t- name: web\n", "not YAML: line 2"},
		"an alias":              {"x: &a web\nkeys:\n  - {name: *a, key: " + webKey + ", verbs: [read], prefixes: [web]}\n", "line 3: aliases are not taken here"},
		"a second document":     {"keys:\n" + good + "---\nkeys: []\n", "the file goes on"},
		"an unknown field":      {"keys:\n" + good + "    scopes: [web]\n", "line 6: unknown field (\"scopes\"): a key has name, key, sha256, verbs, prefixes"},
		"a key for a field":     {"keys:\n" + good + "    " + otherKey + ": 1\n", "line 6: unknown field:"},
		"a field twice":         {"keys:\n" + good + "    key: " + otherKey + "\n", "line 6: `key` is given twice"},
		"no name":               {"keys:\n  - key: " + webKey + "\n    verbs: [read]\n    prefixes: [web]\n", "line 2: `name` is missing"},
		"a bad name":            {"keys:\n" + entry("'a b'", webKey, "[read]", "[web]"), "line 2: `name` must be 1 to 31 of"},
		"name and key swapped":  {"keys:\n" + entry(webKey, "web", "[read]", "[web]"), "line 2: `name` must be 1 to 31 of"},
		"no key":                {"keys:\n  - name: web\n    verbs: [read]\n    prefixes: [web]\n", "line 2: `key` is missing, or `sha256`"},
		"an empty key":          {"keys:\n" + entry("web", "''", "[read]", "[web]"), "line 3: `key` must be 32 to 256"},
		"a short key":           {"keys:\n" + entry("web", webKey[:31], "[read]", "[web]"), "line 3: `key` must be 32 to 256"},
		"a long key":            {"keys:\n" + entry("web", long, "[read]", "[web]"), "line 3: `key` must be 32 to 256"},
		"a key with a space":    {"keys:\n" + entry("web", webKey+" x", "[read]", "[web]"), "line 3: `key` must be 32 to 256"},
		"a key that is a list":  {"keys:\n" + entry("web", "["+webKey+"]", "[read]", "[web]"), "line 3: `key` must be 32 to 256"},
		"both":                  {"keys:\n" + good + "    sha256: " + digest(webKey) + "\n", "line 6: give `key` or `sha256`, not both"},
		"a short digest":        {"keys:\n  - {name: web, sha256: " + digest(webKey)[2:] + ", verbs: [read], prefixes: [web]}\n", "line 2: `sha256` must be the 64 hex digits"},
		"a digest of no digits": {"keys:\n  - {name: web, sha256: " + strings.Repeat("xy", 32) + ", verbs: [read], prefixes: [web]}\n", "line 2: `sha256` must be the 64 hex digits"},
		"no verbs":              {"keys:\n  - {name: web, key: " + webKey + ", prefixes: [web]}\n", "line 2: `verbs` is missing"},
		"verbs as a word":       {"keys:\n" + entry("web", webKey, "read", "[web]"), "line 4: `verbs` must be a list"},
		"no verb":               {"keys:\n" + entry("web", webKey, "[]", "[web]"), "line 4: `verbs` must be a list with something in it"},
		"an unknown verb":       {"keys:\n" + entry("web", webKey, "[read, delete]", "[web]"), "line 4: a verb is read, write or admin (\"delete\")"},
		"a verb in capitals":    {"keys:\n" + entry("web", webKey, "[Read]", "[web]"), "line 4: a verb is read, write or admin (\"Read\")"},
		"no prefixes":           {"keys:\n  - {name: web, key: " + webKey + ", verbs: [read]}\n", "line 2: `prefixes` is missing: the names that the key is for"},
		"no prefix":             {"keys:\n" + entry("web", webKey, "[read]", "[]"), "line 5: `prefixes` must be a list with something in it"},
		"an empty prefix":       {"keys:\n" + entry("web", webKey, "[read]", "['']"), "line 5: a prefix is the beginning of a name"},
		"a prefix of nothing":   {"keys:\n" + entry("web", webKey, "[read]", "[~]"), "line 5: `prefixes` must be a list of words"},
		"all and more":          {"keys:\n" + entry("web", webKey, "[read]", "['*', web]"), "line 5: \"*\" is every name: give it alone"},
		"a pattern":             {"keys:\n" + entry("web", webKey, "[read]", "['web.*']"), "line 5: a prefix is the beginning of a name"},
		"a prefix with its dot": {"keys:\n" + entry("web", webKey, "[read]", "['web.']"), "line 5: a prefix ends before the delimiter"},
		"one name for two":      {"keys:\n" + good + entry("web", otherKey, "[read]", "[web]"), "line 6: a second key named \"web\""},
		"one key for two":       {"keys:\n" + good + "  - {name: b, sha256: " + digest(webKey) + ", verbs: [read], prefixes: [web]}\n", "line 6: the key \"b\" is the same as \"web\""},
	} {
		_, err := keys.New([]byte(tc.file))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s:\n got %v\nwant …%s…", name, err, tc.want)
		}
		for _, secret := range []string{webKey[7:20], otherKey[9:25], digest(webKey)[2:20]} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error repeats a key: %v", name, err)
			}
		}
	}
}

func TestAllFaultsAreSaidAtOnceUpToABound(t *testing.T) {
	_, err := keys.New([]byte("keys:\n" + strings.Repeat("  - {}\n", 10)))
	if err == nil || strings.Count(err.Error(), "line ") != 20 || !strings.Contains(err.Error(), "and 20 more faults") {
		t.Errorf("%v", err)
	}
}

func TestFilesAreBounded(t *testing.T) {
	many := &strings.Builder{}
	many.WriteString("keys:\n")
	for i := range keys.MaxKeys + 1 {
		many.WriteString(entry(fmt.Sprint("k", i), fmt.Sprintf("%s-%d", webKey, i), "[read]", "[web]"))
	}
	prefixes := "[p" + strings.Repeat(", p", keys.MaxPrefixes) + "]"
	for want, file := range map[string]string{
		"larger than 1048576 bytes":       "#" + strings.Repeat("x", keys.MaxFileBytes),
		"257 keys, at most 256 are":       many.String(),
		"line 5: 33 prefixes, at most 32": "keys:\n" + entry("web", webKey, "[read]", prefixes),
	} {
		if _, err := keys.New([]byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	all := strings.TrimSuffix(many.String(), entry(fmt.Sprint("k", keys.MaxKeys), fmt.Sprintf("%s-%d", webKey, keys.MaxKeys), "[read]", "[web]"))
	ring, err := keys.New([]byte(all))
	if err != nil || ring.Len() != keys.MaxKeys {
		t.Fatalf("%v", err)
	}
	for _, i := range []int{0, 1, keys.MaxKeys / 2, keys.MaxKeys - 1} {
		if k := ring.Find(fmt.Sprintf("%s-%d", webKey, i)); k == nil || k.Name() != fmt.Sprint("k", i) {
			t.Errorf("key %d is taken for %v", i, k)
		}
	}
}
