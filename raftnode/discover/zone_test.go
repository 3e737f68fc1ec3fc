package discover

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// zone is a Resolver that answers from memory. What it does not know does not exist.
type zone struct {
	mu    sync.Mutex
	hosts map[string][]string // by name, and by name/ip4 or name/ip6; an address that is none is an error
	srvs  map[string][]net.SRV
	hang  map[string]chan struct{} // until closed, whatever the context says
	asked int                      // of those that hang
}

var _ Resolver = (*zone)(nil)

func notFound(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (z *zone) LookupNetIP(_ context.Context, network, host string) (addrs []netip.Addr, err error) {
	z.mu.Lock()
	gate := z.hang[host]
	if gate != nil {
		z.asked++
	}
	words := append(append([]string(nil), z.hosts[host]...), z.hosts[host+"/"+network]...)
	z.mu.Unlock()
	if gate != nil {
		<-gate
	}
	for _, word := range words {
		addr, bad := netip.ParseAddr(word)
		switch {
		case bad != nil:
			err = errors.New(word)
		case addr.Is4() == (network == "ip4"):
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) == 0 && err == nil {
		err = notFound(host)
	}
	return addrs, err
}

func (z *zone) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if service != "" || proto != "" {
		return "", nil, errors.New("the name is to be taken as it is")
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	records, ok := z.srvs[name]
	if !ok {
		return "", nil, notFound(name)
	}
	var out []*net.SRV
	for _, r := range records {
		out = append(out, &r)
	}
	return name, out, nil
}

// set changes what a name stands for.
func (z *zone) set(host string, addrs ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.hosts = maps.Clone(z.hosts)
	if z.hosts == nil {
		z.hosts = map[string][]string{}
	}
	z.hosts[host] = addrs
}

func finder(t *testing.T, r Resolver, specs ...string) *Finder {
	t.Helper()
	f, err := Parse(specs)
	if err != nil {
		t.Fatal(err)
	}
	f.Resolver = r
	return f
}

// expect checks one search. Each fault must contain its word, in order.
func expect(t *testing.T, f *Finder, addresses string, faults ...string) {
	t.Helper()
	got, errs := f.Find(t.Context())
	if strings.Join(got, " ") != addresses {
		t.Errorf("found %v, want %s", got, addresses)
	}
	if len(errs) != len(faults) {
		t.Errorf("%d faults, want %d: %v", len(errs), len(faults), errs)
		return
	}
	for i, word := range faults {
		if !strings.Contains(errs[i].Error(), word) {
			t.Errorf("fault %q does not say %q", errs[i], word)
		}
	}
}

// write puts a file of addresses into place.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func nowhere(t *testing.T) string { return filepath.Join(t.TempDir(), "peers") }
