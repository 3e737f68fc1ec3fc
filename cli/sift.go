package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// sift takes out of args what no command knows, recording each as a fault, and returns the rest, which kong can
// parse. Kong stops at the first unknown flag; a person who copied a wrong unit file wants to see all of them.
//
// What stands behind -- is none of our words. It is returned apart, nil if there is no --; for a command that has no
// use for it it is a fault.
func sift(app *kong.Application, args []string, f *faults) (kept, behind []string) {
	s := sifter{node: app.Node, faults: f}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			s.separator()
			return s.kept, args[i+1:]
		}
		if len(arg) < 2 || arg[0] != '-' {
			if forgotten := s.word(arg, args[i:]); forgotten {
				return s.kept, args[i:]
			}
			continue
		}
		name, _, hasValue := strings.Cut(arg, "=")
		followed := !hasValue && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-")
		flag, names := findFlag(s.node, name)
		if flag == nil {
			f.at(name, "unknown flag%s", didYouMean(name, names))
			if followed && s.node.Leaf() {
				i++ // most likely its value
			}
			continue
		}
		s.kept = append(s.kept, arg)
		if followed && !flag.IsBool() {
			i++
			s.kept = append(s.kept, args[i])
		}
	}
	return s.kept, nil
}

// sifter is how far sift has come.
type sifter struct {
	node   *kong.Node // the command, as far as it is named
	words  int        // of the command's arguments that are no flags, so many are given
	kept   []string
	faults *faults
}

// separator places a --.
func (s *sifter) separator() {
	if s.node.Leaf() && !takesCommand(s.node) {
		s.faults.at("--", "nothing stands behind it here: this command runs no other")
	}
}

// word places a word that is no flag: a command, or an argument of one. What nobody expects is a fault. The result says
// that it seems to be the command to run, so that everything from here on is that one's: one fault is enough.
func (s *sifter) word(word string, rest []string) (forgotten bool) {
	for _, child := range s.node.Children {
		if child.Name == word {
			s.node, s.kept = child, append(s.kept, word)
			return false
		}
	}
	if !s.node.Leaf() || s.words < len(s.node.Positional) { // at the root kong says what is wrong with it
		s.words++
		s.kept = append(s.kept, word)
		return false
	}
	where := fmt.Sprintf("%q", word)
	switch {
	case takesCommand(s.node) && !slices.Contains(rest, "--"):
		s.faults.at(where, "unexpected argument: if it is the command to run, write -- before it: -- %s", strings.Join(rest, " "))
		return true
	case len(s.node.Positional) > 0:
		s.faults.at(where, "unexpected argument: %s is given already", s.node.Positional[0].Name)
	default:
		s.faults.at(where, "unexpected argument: every setting has a flag's name")
	}
	return false
}

// takesCommand says whether a command runs another one, which stands behind --.
func takesCommand(node *kong.Node) bool { return node.Tag != nil && node.Tag.Has("behind") }

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
