package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// The formats of what is printed.
const (
	outputText = "text"
	outputJSON = "json"
)

// outputFlag is the flag of commands that print what they learn.
type outputFlag struct {
	Output text `placeholder:"FORMAT" default:"text" help:"How it is printed: text, for people, or json, as the API says it."`
}

func (o *outputFlag) json(r reader) bool {
	return r.oneOf("output", &o.Output, outputText, outputJSON) == outputJSON
}

// isTerminal says whether w is looked at by a person, and not read by a program.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// colours says whether w is to be coloured; see https://no-color.org.
func (c *call) colours(w io.Writer) bool {
	return c.host.terminal(w) && c.env["NO_COLOR"] == "" && c.env["TERM"] != "dumb"
}

// printer is the way to stdout of a command that prints text.
func (c *call) printer() *printer { return &printer{w: c.stdout, colours: c.colours(c.stdout)} }

// printJSON prints one document, indented: both people and programs can read that.
func printJSON(w io.Writer, document any) error {
	raw, err := json.Marshal(document)
	if err != nil {
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, raw, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, indented.String())
	return err
}

// style is how a word is coloured.
type style string

const (
	plain  style = ""
	strong style = "1"
	dim    style = "2"
	bad    style = "31"
	good   style = "32"
	alert  style = "33"
)

// printer writes text, coloured or not. Its first error is kept.
type printer struct {
	w       io.Writer
	colours bool
	err     error
}

func (p *printer) write(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s)
	}
}

func (p *printer) line(format string, args ...any) { p.write(fmt.Sprintf(format, args...) + "\n") }

func (p *printer) paint(s style, text string) string {
	if !p.colours || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
