package trust

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"
)

// scheme is that of the URI by which a certificate names cluster and node.
const scheme = "sidelock"

const howToName = "put one URI SAN sidelock://CLUSTER or sidelock://CLUSTER/NODE into it"

// name is what a certificate says that its owner is.
type name struct {
	cluster string
	node    string // "": any node of the cluster
}

func (n name) String() string {
	if n.node == "" {
		return scheme + "://" + n.cluster
	}
	return scheme + "://" + n.cluster + "/" + n.node
}

// nameIn reads the name in a certificate. What is doubtful is refused: an empty NODE, say, where a template's variable was not set,
// would otherwise stand for every node.
func nameIn(c *x509.Certificate) (name, error) {
	var found []*url.URL
	for _, u := range c.URIs {
		if u.Scheme == scheme {
			found = append(found, u)
		}
	}
	if len(found) != 1 {
		return name{}, fmt.Errorf("names %d sidelock clusters: %s", len(found), howToName)
	}
	u := found[0]
	node, hasNode := strings.CutPrefix(u.Path, "/")
	if u.Host == "" || u.Port() != "" || u.User != nil || u.Opaque != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || hasNode && node == "" {
		return name{}, fmt.Errorf("has the malformed name %s: %s", quote(u.String()), howToName)
	}
	return name{cluster: u.Host, node: node}, nil
}

// quote makes what a stranger says fit for a log.
func quote(s string) string {
	if len(s) > maxQuoted {
		s = s[:maxQuoted] + "…"
	}
	return fmt.Sprintf("%q", s)
}
