package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/sidelock/sidelock/reload"
)

// howToMake ends every complaint about a secret.
const howToMake = "make one with: openssl rand -base64 32"

// loadSecret makes terms from a file of secrets, one a line.
func loadSecret(file string) (*terms, error) {
	content, err := reload.Read(file)
	if err != nil {
		return nil, fmt.Errorf("the file of the peer secret cannot be read: %w; correct --peer-secret-file, or %s", err, howToMake)
	}
	secrets, err := parseSecrets(string(content))
	if err != nil {
		return nil, fmt.Errorf("%s is no file of peer secrets: %w", file, err)
	}
	n, err := derive(secrets)
	if err != nil {
		return nil, err
	}
	n.permissions = readableByOthers(file)
	return n, nil
}

// parseSecrets gives the secrets of a file, the issuing one first. Its errors name lines and never what is on them.
func parseSecrets(content string) ([]string, error) {
	if strings.Contains(content, "-----BEGIN ") {
		return nil, errors.New("it is in PEM, as certificates and keys are: those belong to --tls-ca, --tls-cert and --tls-key; " + howToMake)
	}
	if i := strings.IndexFunc(content, notText); i >= 0 {
		return nil, fmt.Errorf("line %d has something in it that is not printable ASCII: secrets are text, which is the same on every machine; %s",
			1+strings.Count(content[:i], "\n"), howToMake)
	}
	var secrets []string
	number := 0
	for line := range strings.Lines(content) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || slices.Contains(secrets, line) {
			continue
		}
		if fault := weakness(line); fault != "" {
			return nil, fmt.Errorf("the secret in line %d %s; %s", number, fault, howToMake)
		}
		secrets = append(secrets, line)
	}
	if len(secrets) == 0 {
		return nil, errors.New("it has no secret in it, only comments or nothing; " + howToMake)
	}
	if len(secrets) > MaxSecrets {
		return nil, fmt.Errorf("it has %d secrets, at most %d: remove those that no node issues with any more", len(secrets), MaxSecrets)
	}
	return secrets, nil
}

func notText(r rune) bool {
	return (r < ' ' || r > '~') && r != '\n' && r != '\r' && r != '\t'
}

// weakness says what is obviously wrong with a secret; "" if nothing is. Whoever reaches the peer port can test guesses at home, as
// fast as he can compute: this node's certificate tells him whether one is right. So a secret must have been drawn, not thought up;
// that is beyond proof, and this catches what people type.
func weakness(s string) string {
	distinct := map[byte]bool{}
	steps := 0
	for i := range len(s) {
		distinct[s[i]] = true
		if i > 0 && max(s[i], s[i-1])-min(s[i], s[i-1]) <= 1 {
			steps++
		}
	}
	switch {
	case strings.Contains(strings.TrimRight(s, "="), "="):
		return "has = in its midst, and looks like two secrets: end every line, the last of a file too, before another file is appended"
	case len(s) < MinSecret:
		return fmt.Sprintf("has %d characters, at least %d are needed", len(s), MinSecret)
	case len(distinct) < minDistinct:
		return fmt.Sprintf("has only %d different characters", len(distinct))
	case repeats(s):
		return "repeats itself"
	case steps > len(s)/2:
		return "is mostly a row such as abc or 123"
	}
	return ""
}

// repeats tells whether s is one piece over and over.
func repeats(s string) bool {
	for period := 1; period <= len(s)/2; period++ {
		if s[period:] == s[:len(s)-period] {
			return true
		}
	}
	return false
}

// readableByOthers lists those of files that their group or everybody may read.
func readableByOthers(files ...string) []string {
	var open []string
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode()&fs.FileMode(0o077) != 0 {
			open = append(open, file)
		}
	}
	return open
}
