package cli

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// sift takes out of args what no command knows, recording each as a fault, and returns the rest, which kong can
// parse. Kong stops at the first unknown flag; a person who copied a wrong unit file wants to see all of them.
func sift(app *kong.Application, args []string, f *faults) []string {
	node, kept := app.Node, make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(kept, args[i:]...)
		}
		if len(arg) < 2 || arg[0] != '-' {
			next, ok := sortWord(node, arg, f)
			if ok {
				kept = append(kept, arg)
			}
			node = next
			continue
		}
		name, _, hasValue := strings.Cut(arg, "=")
		followed := !hasValue && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-")
		flag, names := findFlag(node, name)
		if flag == nil {
			f.at(name, "unknown flag%s", didYouMean(name, names))
			if followed && node.Leaf() {
				i++ // most likely its value
			}
			continue
		}
		kept = append(kept, arg)
		if followed && !flag.IsBool() {
			i++
			kept = append(kept, args[i])
		}
	}
	return kept
}

// sortWord places a word that is no flag: a command, or an argument of one. What nobody expects is a fault.
func sortWord(node *kong.Node, word string, f *faults) (next *kong.Node, keep bool) {
	for _, child := range node.Children {
		if child.Name == word {
			return child, true
		}
	}
	if node.Leaf() && len(node.Positional) == 0 {
		f.at(fmt.Sprintf("%q", word), "unexpected argument: every setting has a flag's name")
		return node, false
	}
	return node, true
}

// findFlag returns the node's flag with that name (dashes included), and all names it has.
func findFlag(node *kong.Node, name string) (*kong.Flag, []string) {
	var names []string
	for _, group := range node.AllFlags(false) {
		for _, flag := range group {
			if name == "--"+flag.Name || flag.Short != 0 && name == "-"+string(flag.Short) {
				return flag, nil
			}
			names = append(names, "--"+flag.Name)
		}
	}
	return nil, names
}
