package trust

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// refusal is why a certificate is not accepted: the rest of a sentence that begins with "its certificate".
type refusal struct{ why string }

func (r *refusal) Error() string { return r.why }

// vet judges the certificates that somebody shows, his own first. Its errors are *refusal.
func (n *terms) vet(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return &refusal{"is missing: is it a sidelock node?"}
	}
	leaf := chain[0]
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	// Each peer is called and calls: a certificate for one of the two would work until it is needed for the other.
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: n.roots, Intermediates: between, CurrentTime: n.now(), KeyUsages: []x509.ExtKeyUsage{usage}})
		if err != nil {
			return &refusal{n.whyNot(leaf, err)}
		}
	}
	if n.accepted != nil {
		return nil // whoever has the secret belongs to the group
	}
	of, err := nameIn(leaf)
	if err != nil {
		return &refusal{err.Error()}
	}
	if of.cluster != n.name.cluster {
		return &refusal{fmt.Sprintf("is of cluster %s, and that of this node of cluster %s: correct --join, or issue a certificate for the right cluster",
			quote(of.cluster), quote(n.name.cluster))}
	}
	return nil
}

// whyNot puts what x509 found into words.
func (n *terms) whyNot(leaf *x509.Certificate, err error) string {
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	// Whatever is wrong with a certificate of the other sort, this is the cause.
	case n.accepted != nil && !fromSecret(leaf):
		return fmt.Sprintf("(issuer %s) comes from no secret, and this node goes by one: %s", quote(leaf.Issuer.String()), n.setUpAlike())
	case n.accepted == nil && fromSecret(leaf):
		return "comes from a --peer-secret-file, and this node goes by certificates: " + n.setUpAlike()
	case isInvalid && invalid.Reason == x509.Expired:
		return n.outOfDate(leaf, invalid.Cert)
	case isInvalid && invalid.Reason == x509.IncompatibleUsage:
		return "is not for both sides of a connection: its extendedKeyUsage must name serverAuth and clientAuth, or be absent"
	case !unknown:
		return fmt.Sprintf("is not accepted: %v", err)
	case n.accepted != nil:
		return fmt.Sprintf("comes from another secret, %s, than this node accepts, %s: give both the same --peer-secret-file, and to replace a secret, %s",
			quote(leaf.Issuer.CommonName), strings.Join(n.accepted, ", "), addFirst)
	}
	return fmt.Sprintf("(issuer %s) is from none of the CAs that this node has in %s: add its CA to the file of --tls-ca, or issue it a certificate from one of those",
		quote(leaf.Issuer.String()), n.ca)
}

const addFirst = "add the new one below the old one on every node before it becomes the first line anywhere"

func (n *terms) outOfDate(leaf, c *x509.Certificate) string {
	which := ""
	if !c.Equal(leaf) {
		which = fmt.Sprintf("cannot be traced to a CA in date: that of %s ", quote(c.Subject.String()))
	}
	now := n.now()
	if now.Before(c.NotBefore) {
		return fmt.Sprintf("%sis not valid before %s, and this clock says %s: correct the clock that is wrong, here or where it was issued, or wait",
			which, stamp(c.NotBefore), stamp(now))
	}
	return fmt.Sprintf("%sexpired at %s, and this clock says %s: issue a new one; it is read without a restart", which, stamp(c.NotAfter), stamp(now))
}

func (n *terms) setUpAlike() string {
	if n.accepted != nil {
		return "give all nodes the same --peer-secret-file"
	}
	return "give all nodes --tls-ca, --tls-cert and --tls-key, with certificates of one cluster"
}

func fromSecret(c *x509.Certificate) bool {
	return slices.Contains(c.Issuer.Organization, secretOrganization)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
