package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
)

// WithAPIKey sends an API key with each call, as a sidecar with --api-keys-file wants. It goes wherever the client's address leads:
// over plain http beyond this machine whoever is in between can read it.
func WithAPIKey(key string) Option {
	return func(c *Client) {
		if err := checkKey(key); err != nil {
			c.fault(err)
			return
		}
		c.key = func() (string, error) { return key, nil }
	}
}

// WithAPIKeyFile is [WithAPIKey] with the key that is in a file, alone, but for space around it. The file is read again for each call, so
// that the key can be replaced while the program runs; what is held with the key before goes on under the new one.
func WithAPIKeyFile(path string) Option {
	return func(c *Client) {
		c.key = func() (string, error) { return readKey(path) }
		if _, err := c.key(); err != nil {
			c.fault(err)
		}
	}
}

// WithCA trusts the authorities whose certificates are in PEM, in place of those of this machine, to vouch for the sidecar. It goes
// with an address that begins with https://.
func WithCA(pem []byte) Option {
	return func(c *Client) {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			c.fault(errors.New("the authority's file has no certificate in PEM"))
			return
		}
		c.tlsConfig().RootCAs = pool
	}
}

// WithTLSConfig sets how TLS is spoken with the sidecar, where [WithCA] is not enough. It is copied, and goes with an address that begins
// with https://.
func WithTLSConfig(config *tls.Config) Option {
	return func(c *Client) {
		pool := c.tlsConfig().RootCAs
		c.tls = config.Clone()
		if c.tls.RootCAs == nil {
			c.tls.RootCAs = pool
		}
	}
}

func (c *Client) tlsConfig() *tls.Config {
	if c.tls == nil {
		c.tls = new(tls.Config)
	}
	return c.tls
}

// fault keeps the first fault of an option, for New.
func (c *Client) fault(err error) {
	if c.wrong == nil {
		c.wrong = err
	}
}

// keyRule is what may stand behind Bearer.
var keyRule = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

func checkKey(key string) error {
	if !keyRule.MatchString(key) {
		return errors.New("the API key is empty, or has characters that no API key has") // and is not repeated
	}
	return nil
}

func readKey(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("the API key cannot be read: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return "", fmt.Errorf("the API key cannot be read: %w", err)
	}
	key := strings.TrimSpace(string(raw))
	if len(raw) > maxKeyFile || checkKey(key) != nil {
		return "", fmt.Errorf("%s must have one API key in it, and nothing else", path)
	}
	return key, nil
}

// authorise adds the key, if there is one.
func (c *Client) authorise(req *http.Request) error {
	if c.key == nil {
		return nil
	}
	key, err := c.key()
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	return nil
}
