package keys

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// faults is what is wrong with a file, in its order.
type faults struct {
	texts []string
	count int
}

// add records a fault of a place; nil is the file. args must be nothing that may be a key, but through quoted.
func (f *faults) add(n *yaml.Node, format string, args ...any) {
	if f.count++; f.count > maxFaults {
		return
	}
	text := fmt.Sprintf(format, args...)
	if n != nil && n.Line > 0 {
		text = fmt.Sprintf("line %d: %s", n.Line, text)
	}
	f.texts = append(f.texts, text)
}

func (f *faults) err() error {
	if f.count == 0 {
		return nil
	}
	text := strings.Join(f.texts, "; ")
	if more := f.count - len(f.texts); more > 0 {
		text += fmt.Sprintf("; and %d more faults", more)
	}
	return fmt.Errorf("%s", text)
}

// quoted repeats a word of the file where it cannot be a key, which is longer; else it is "".
func quoted(word string) string {
	if word == "" || len(word) > MaxNameBytes {
		return ""
	}
	return " (" + strconv.QuoteToGraphic(word) + ")"
}

var lineOfYAML = regexp.MustCompile(`line (\d+)`)

// unreadable says of an error of the YAML library what can be said without repeating anything that stands in the file, which it
// puts between quotes.
func unreadable(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if !strings.ContainsAny(text, "'\"`") {
		return "not YAML: " + text
	}
	if line := lineOfYAML.FindString(text); line != "" {
		return "not YAML: " + line
	}
	return "not YAML"
}
