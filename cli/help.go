package cli

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// printHelp is kong's help with a usage line that says what stands behind --.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if command := ctx.Selected(); command != nil && !options.NoAppSummary {
		if _, err := fmt.Fprintln(ctx.Stdout, "Usage:", usage(ctx.Model.Name, command)); err != nil {
			return err
		}
		options.NoAppSummary = true
		for _, p := range command.Positional {
			p.Required = true // to kong they are optional: what is missing is reported together with all else
		}
	}
	return kong.DefaultHelpPrinter(options, ctx)
}

// usage is a command's line, such as `sidelock elect NAME [flags] [-- CMD…]`.
func usage(program string, command *kong.Node) string {
	words := []string{program, command.Path()}
	for _, p := range command.Positional {
		words = append(words, p.Name)
	}
	if len(command.Flags) > 0 {
		words = append(words, "[flags]")
	}
	if behind := command.Tag.Get("behind"); behind != "" {
		words = append(words, behind)
	}
	return strings.Join(words, " ")
}

// helpLine is a flag's line in --help: what it means, its default, its variable.
func helpLine(v *kong.Value) string {
	line := v.Help
	if v.Flag == nil || v.Name == "help" {
		return line
	}
	if v.HasDefault {
		line += " Default " + v.Default + "."
	}
	if configurable(v.Flag) {
		line += " ($" + envName(v.Name) + ")"
	}
	return line
}
