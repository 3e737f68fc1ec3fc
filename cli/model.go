package cli

import (
	"io"

	"github.com/alecthomas/kong"
)

// Model is the command line as a whole, for what is made of it beside the program: a release's manual page and completions.
func Model() (*kong.Application, error) {
	parser, err := newParser(&call{stdout: io.Discard, stderr: io.Discard}, func(int) {})
	if err != nil {
		return nil, err
	}
	return parser.Model, nil
}
