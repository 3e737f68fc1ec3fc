package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/sidelock/sidelock/client"
)

// connection are the flags of every command that asks a sidecar.
type connection struct {
	Server     text `placeholder:"URL" default:"http://localhost:5625" help:"The sidecar to ask: http://host:port, https://host:port or unix:///path/to/socket."`
	APIKeyFile text `name:"api-key-file" placeholder:"FILE" help:"A file with the API key that the sidecar wants, read again for each call; $SIDELOCK_API_KEY, the key itself, will do too."`
	APICA      text `name:"api-ca" placeholder:"FILE" help:"The authorities that sign the sidecar's certificate, in PEM; this machine's own if not given."`

	env environment
}

// apiKeyVar has the API key itself. There is no flag for that: a command line is for all to see.
const apiKeyVar = envPrefix + "API_KEY"

// AfterApply is called by kong, and keeps the variables for what has no flag.
func (s *connection) AfterApply(c *call) error {
	s.env = c.env
	return nil
}

// url is the sidecar's address; host:port, as one types it for curl, will do.
func (s *connection) url(r reader) string {
	word := r.string("server", &s.Server)
	if word == "" || strings.Contains(word, "://") {
		return word
	}
	if s.APICA.word() != "" {
		return "https://" + word
	}
	return "http://" + word
}

// client makes the client; nil after a fault.
func (s *connection) client(r reader, options ...client.Option) *client.Client {
	before := len(r.faults.list)
	options = append(options, s.credentials(r)...)
	if len(r.faults.list) > before {
		return nil
	}
	cl, err := client.New(s.url(r), options...)
	if err != nil {
		r.faults.add("server", &s.Server.setting, "%s", plainError(err))
		return nil
	}
	return cl
}

// credentials are what the client shows, and whom it trusts. A file is tried here, so that its fault has its flag's name.
func (s *connection) credentials(r reader) (options []client.Option) {
	switch path, key := r.string("api-key-file", &s.APIKeyFile), s.env[apiKeyVar]; {
	case path != "" && key != "" && s.APIKeyFile.from != "":
		r.faults.add("api-key-file", &s.APIKeyFile.setting, "and %s are two keys: unset one", apiKeyVar)
	case path != "":
		options = append(options, s.tried(r, "api-key-file", &s.APIKeyFile, client.WithAPIKeyFile(path)))
	case key != "":
		if _, err := client.New("", client.WithAPIKey(key)); err != nil {
			r.faults.at(apiKeyVar, "%s", plainError(err))
		}
		options = append(options, client.WithAPIKey(key))
	}
	if path := r.string("api-ca", &s.APICA); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			r.faults.add("api-ca", &s.APICA.setting, "%v", err)
			return options
		}
		server := s.url(r)
		if _, wrong := client.New(server); wrong == nil && !strings.HasPrefix(server, "https://") { // one that is wrong is told of later, without its secrets
			r.faults.add("api-ca", &s.APICA.setting, "is of no use with %s: certificates are for addresses that begin with https://", server)
		}
		options = append(options, s.tried(r, "api-ca", &s.APICA, client.WithCA(pem)))
	}
	return options
}

// tried is an option that has been seen to work.
func (s *connection) tried(r reader, flag string, from *text, o client.Option) client.Option {
	if _, err := client.New("https://localhost", o); err != nil {
		r.faults.add(flag, &from.setting, "%s", plainError(err))
	}
	return o
}

// hasKey says whether an API key was given.
func (s *connection) hasKey() bool { return s.APIKeyFile.word() != "" || s.env[apiKeyVar] != "" }

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
	var distrusted *tls.CertificateVerificationError
	switch answered := errors.As(err, &refused); {
	case answered && refused.Code == "unauthenticated":
		return fmt.Sprintf("; a key is in the file that --api-key-file names, or in $%s", apiKeyVar)
	case errors.Is(err, client.ErrNotSidelock):
		return fmt.Sprintf("; --server is %s", server)
	case errors.Is(err, client.ErrUnavailable) && answered && localHelps:
		return "; `sidelock status` says what is wrong with the group, and --local shows what this sidecar knew last"
	case errors.Is(err, client.ErrUnavailable) && answered:
		return "; `sidelock status` says what is wrong with the group"
	case errors.As(err, &distrusted):
		return "; --api-ca names the file of an authority"
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Sprintf("; --server is %s", server)
	case errors.Is(err, client.ErrUnavailable) && !notMet(err):
		return "; see `sidelock doctor`, on its machine"
	case errors.Is(err, client.ErrUnavailable):
		return fmt.Sprintf("; start one with `sidelock serve`, or say with --server where it is, if not at %s", server)
	}
	return ""
}

// notMet says whether there was no connection at all.
func notMet(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
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
