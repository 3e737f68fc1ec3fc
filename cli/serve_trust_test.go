package cli

import (
	"strings"
	"testing"
)

// trusting is what TestFaultsOfTrustAreRefusedByName says, with FILE for a file that is there.
func trusting(t *testing.T, args string) []string {
	t.Helper()
	return strings.Fields(strings.ReplaceAll(args, "FILE", writeFile(t, "x")))
}

func TestFaultsOfTrustAreRefusedByName(t *testing.T) {
	peers := "--cluster-size 1 --peer-addr 10.0.0.1:5626 "
	for _, c := range []struct {
		name string
		args string
		want []string
	}{
		{"API certificate without key", "--api-tls-cert FILE", []string{"--api-tls-key: is missing"}},
		{"API key without certificate", "--api-tls-key FILE", []string{"--api-tls-cert: is missing"}},
		{"API certificate missing", "--api-tls-cert /nowhere/c.pem --api-tls-key FILE", []string{"--api-tls-cert: cannot be read", "/nowhere/c.pem"}},
		{"API key missing", "--api-tls-key /nowhere/k.pem --api-tls-cert FILE", []string{"--api-tls-key: cannot be read", "/nowhere/k.pem"}},
		{"API keys missing", "--api-keys-file /nowhere/keys", []string{"--api-keys-file: cannot be read", "/nowhere/keys"}},
		{"API keys a directory", "--api-keys-file /", []string{"--api-keys-file: cannot be read", "is a directory"}},
		{"API off loopback, nothing said", "--api-addr 10.0.0.1:5625", []string{"--api-addr: ", "say --api-tls-cert and --api-tls-key and --api-keys-file too, or --insecure-api"}},
		{"API off loopback with TLS alone", "--api-addr 10.0.0.1:5625 --api-tls-cert FILE --api-tls-key FILE", []string{"--api-addr: ", "say --api-keys-file too"}},
		{"API off loopback with keys alone", "--api-addr 10.0.0.1:5625 --api-keys-file FILE", []string{"--api-addr: ", "say --api-tls-cert and --api-tls-key too"}},
		{"API socket too long", "--api-socket /" + strings.Repeat("s", 103), []string{"--api-socket: ", "at most 103"}},
		{"API socket where the administrators' is", "--data-dir /d --api-socket /d/admin.sock", []string{"--api-socket: /d/admin.sock"}},
		{"peers off loopback, nothing said", peers, []string{"--peer-addr: 10.0.0.1:5626 is not loopback", "--peer-secret-file, or --tls-ca, --tls-cert and --tls-key; or --insecure-peers"}},
		{"secret missing", peers + "--peer-secret-file /nowhere/secret", []string{"--peer-secret-file: cannot be read", "/nowhere/secret"}},
		{"secret and certificates", peers + "--peer-secret-file FILE --tls-ca FILE", []string{"--peer-secret-file: excludes --tls-ca"}},
		{"certificate without CA", peers + "--tls-cert FILE --tls-key FILE", []string{"--tls-ca: is missing"}},
		{"CA without certificate and key", peers + "--tls-ca FILE", []string{"2 faults", "--tls-cert: is missing", "--tls-key: is missing"}},
		{"CA not there", "--tls-ca /nowhere/ca.pem --tls-cert FILE --tls-key FILE", []string{"--tls-ca: cannot be read", "/nowhere/ca.pem"}},
		{"peers' certificate not there", "--tls-ca FILE --tls-cert /nowhere/c.pem --tls-key FILE", []string{"--tls-cert: cannot be read", "/nowhere/c.pem"}},
		{"peers' key not there", "--tls-ca FILE --tls-cert FILE --tls-key /nowhere/k.pem", []string{"--tls-key: cannot be read", "/nowhere/k.pem"}},
		{"secret and none", peers + "--peer-secret-file FILE --insecure-peers", []string{"--insecure-peers: excludes a secret"}},
		{"certificates and none", peers + "--tls-ca FILE --tls-cert FILE --tls-key FILE --insecure-peers", []string{"--insecure-peers: excludes a secret and certificates"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			mustRefuse(t, nil, trusting(t, c.args), c.want)
		})
	}
}

func TestWhoIsTrustedMayBeReached(t *testing.T) {
	for _, args := range []string{
		"--api-addr 10.0.0.1:5625 --api-tls-cert FILE --api-tls-key FILE --api-keys-file FILE",
		"--api-addr 10.0.0.1:5625 --insecure-api --api-keys-file FILE",
		"--cluster-size 1 --peer-addr 10.0.0.1:5626 --peer-secret-file FILE",
		"--cluster-size 1 --peer-addr 10.0.0.1:5626 --tls-ca FILE --tls-cert FILE --tls-key FILE",
		"--cluster-size 1 --peer-addr 10.0.0.1:5626 --insecure-peers",
		"--peer-secret-file FILE",
	} {
		mustServe(t, nil, trusting(t, args)...)
	}
}
