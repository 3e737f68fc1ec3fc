package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/sidelock/sidelock/client"
)

// connection is the flag of every command that asks a sidecar.
type connection struct {
	Server text `placeholder:"URL" default:"http://localhost:5625" help:"The sidecar to ask: http://host:port, https://host:port or unix:///path/to/socket."`
}

// url is the sidecar's address; host:port, as one types it for curl, will do.
func (s *connection) url(r reader) string {
	word := r.string("server", &s.Server)
	if word != "" && !strings.Contains(word, "://") {
		return "http://" + word
	}
	return word
}

// client makes the client; nil after a fault.
func (s *connection) client(r reader, options ...client.Option) *client.Client {
	cl, err := client.New(s.url(r), options...)
	if err != nil {
		r.faults.add("server", &s.Server.setting, "%s", plainError(err))
		return nil
	}
	return cl
}

// quick is for commands at whose end a person sits: a sidecar sits out a change of Raft leader by itself, and one that
// does not run is better named soon.
func quick() client.Option { return client.WithRetryFor(askAgainFor) }

// asking is how the commands that read ask: one sidecar, from its own replica if that is wanted.
type asking struct {
	connection
	Local toggle `help:"Answer from that sidecar's own replica, without asking a majority: works in an outage, and may be old."`
}

// source is where reads come from.
type source struct {
	client *client.Client
	server string
	local  bool
}

func (s *asking) source(r reader) source {
	out := source{client: s.connection.client(r, quick()), server: s.url(r), local: r.boolean("local", &s.Local)}
	if out.local && out.client != nil {
		out.client = out.client.Local()
	}
	return out
}

// query is the query of a read whose JSON is wanted as it comes.
func (s source) query() url.Values {
	if s.local {
		return url.Values{"consistency": {"local"}}
	}
	return url.Values{}
}

// failed puts what to do beside an error of the client.
func (s source) failed(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(plainError(err) + whatToDo(err, s.server, !s.local))
}

// whatToDo is advice on an error of the client, "" where the error says enough. localHelps says that --local is to be had.
func whatToDo(err error, server string, localHelps bool) string {
	var refused *client.Error
	switch answered := errors.As(err, &refused); {
	case errors.Is(err, client.ErrNotSidelock):
		return fmt.Sprintf("; --server is %s", server)
	case errors.Is(err, client.ErrUnavailable) && answered && localHelps:
		return "; `sidelock status` says what is wrong with the group, and --local shows what this sidecar knew last"
	case errors.Is(err, client.ErrUnavailable) && answered:
		return "; `sidelock status` says what is wrong with the group"
	case errors.Is(err, client.ErrUnavailable):
		return fmt.Sprintf("; start one with `sidelock serve`, or say with --server where it is, if not at %s", server)
	}
	return ""
}

// plainError is an error of the client without the program's name, which the command says already.
func plainError(err error) string { return strings.TrimPrefix(err.Error(), "sidelock: ") }

// interruptible is a context that ends with the first SIGINT or SIGTERM.
func (c *call) interruptible() (context.Context, func()) {
	return untilSignal(context.Background(), c.signals, func() { c.exit(ExitFailed) })
}

// name reads the name of a lock or an election. where is the flag or argument it stands in.
func (r reader) name(where string, t *text) string {
	word := t.word()
	switch {
	case t.noValue:
		r.faults.at(where, "needs a value")
	case word == "":
		r.faults.at(where, "is missing")
	case len(word) > maxNodeName || !nodeName.MatchString(word):
		one := fault{where: where, from: t.from, text: fmt.Sprintf("%q is not a name of at most %d letters, digits and . _ : - that begins with a letter or digit", word, maxNodeName)}
		r.faults.list = append(r.faults.list, one)
	}
	return word
}
