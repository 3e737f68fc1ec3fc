package trust

import (
	"bytes"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSecretsAreReadOneALine(t *testing.T) {
	for name, m := range map[string]struct {
		content string
		want    []string
	}{
		"one":                   {oldSecret, []string{oldSecret}},
		"newline at the end":    {oldSecret + "\n", []string{oldSecret}},
		"two":                   {newSecret + "\n" + oldSecret + "\n", []string{newSecret, oldSecret}},
		"comments and spaces":   {"# of May\n\n  " + newSecret + "\t \r\n#" + otherSecret + "\n" + oldSecret, []string{newSecret, oldSecret}},
		"the same one twice":    {newSecret + "\n" + oldSecret + "\n" + newSecret, []string{newSecret, oldSecret}},
		"hexadecimal":           {"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", []string{"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}},
		"as short as it may be": {"4f1b2b0b822cd15d6c15b0f00a089f86", []string{"4f1b2b0b822cd15d6c15b0f00a089f86"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := parseSecrets(m.content); err != nil || !slices.Equal(got, m.want) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestSecretsThatAreNoneAreRefusedWithAWayToMakeOne(t *testing.T) {
	many := ""
	for i := range MaxSecrets + 1 {
		many += strings.Replace(oldSecret, "q8", "q"+string(rune('A'+i)), 1) + "\n"
	}
	for name, m := range map[string]struct{ content, want string }{
		"empty":                    {"", "no secret"},
		"comments":                 {"# " + oldSecret + "\n\n", "no secret"},
		"short":                    {oldSecret + "\n" + oldSecret[:31], "line 2 has 31 characters, at least 32"},
		"one character":            {strings.Repeat("x", 64), "line 1 has only 1 different"},
		"few characters":           {strings.Repeat("1001101000111", 4) + "abc", "only 5 different characters"},
		"two in one line":          {strings.Repeat("Kx0", 3) + "9vTq7LmN2wRz5bYcE8hJ4sDfG6aUe1oP3iV=" + "Zq8Wn3Xe7Rk2Tm6Yb1Uc5Ip9Oa4Sd0Fg8Hj7Lv3Mx=", "looks like two secrets"},
		"a word over and over":     {strings.Repeat("changeme-", 5), "repeats itself"},
		"a word over, and a piece": {strings.Repeat("correct-horse", 3) + "corr", "repeats itself"},
		"the alphabet":             {"abcdefghijklmnopqrstuvwxyz0123456789", "is mostly a row"},
		"backwards":                {"zyxwvutsrqponmlkjihgfedcba9876543210", "is mostly a row"},
		"bytes":                    {oldSecret + "\n\x8f\x02" + strings.Repeat("\xfe", 40), "line 2 has something in it that is not printable"},
		"NUL":                      {oldSecret + "\x00", "line 1 has something"},
		"another script":           {strings.Repeat("Schlüssel", 4), "not printable ASCII"},
		"byte order mark":          {"\uFEFF" + oldSecret, "not printable ASCII"},
		"a private key":            {"-----BEGIN PRIVATE KEY-----\n" + oldSecret, "PEM"},
		"too many":                 {many, "9 secrets, at most 8"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "s")
			must(t, os.WriteFile(file, []byte(m.content), 0o600))
			_, err := FromSecret(t.Context(), file, nil)
			if err == nil {
				t.Fatal("accepted")
			}
			want := []string{file, m.want}
			if name != "too many" {
				want = append(want, "openssl rand -base64 32")
			}
			if gap := missing(err.Error(), want); len(gap) > 0 {
				t.Errorf("no word of %q in: %v", gap, err)
			}
			if strings.Contains(err.Error(), oldSecret[:12]) || strings.Contains(err.Error(), "changeme") {
				t.Errorf("the secret is in the error: %v", err)
			}
		})
	}
	if _, err := FromSecret(t.Context(), filepath.Join(t.TempDir(), "none"), nil); err == nil || len(missing(err.Error(), []string{"cannot be read", "none", "--peer-secret-file", "openssl rand"})) > 0 {
		t.Errorf("%v", err)
	}
}

// TestDerivationNeverChanges: nodes of every release must derive the same, or an upgrade tears the group apart.
func TestDerivationNeverChanges(t *testing.T) {
	ca, key, err := deriveCA(oldSecret)
	must(t, err)
	if got := hex.EncodeToString(key.Seed()); got != goldenSeed {
		t.Errorf("the seed is %s now, and was %s", got, goldenSeed)
	}
	again, _, err := deriveCA(oldSecret)
	must(t, err)
	if !bytes.Equal(ca.Raw, again.Raw) {
		t.Error("one secret has two CAs")
	}
	if fingerprint(t, newSecret) == fingerprint(t, oldSecret) {
		t.Error("two secrets have one CA")
	}
}

// goldenSeed was computed by another program: HKDF-SHA-256 of oldSecret, without salt.
const goldenSeed = "3b9cd05a09377c2106f432345b693f3036a77e78df1981f3386afb4d88c8af3b"

func TestFileThatOthersMayReadIsMentioned(t *testing.T) {
	file := secretFile(t, oldSecret)
	opened := func() *records {
		_, log, _ := trusting(t, func(log *slog.Logger) (*Trust, error) { return FromSecret(t.Context(), file, log) })
		return log
	}
	if log := opened(); log.count("WARN") != 0 || log.count("INFO peer connections are encrypted", "issuing="+fingerprint(t, oldSecret)) != 1 {
		t.Errorf("of a file for its owner alone:\n%s", log.text())
	}
	for _, mode := range []os.FileMode{0o640, 0o644, 0o604} {
		must(t, os.Chmod(file, mode))
		if log := opened(); log.count("WARN", file, "Kubernetes", "chmod 600") != 1 {
			t.Errorf("of a file with mode %o:\n%s", mode, log.text())
		}
	}
}
