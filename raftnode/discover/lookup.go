package discover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
)

// fixed is an address that was given as it is.
type fixed struct{ addr string }

func (s fixed) look(context.Context, Resolver) ([]string, []error) { return []string{s.addr}, nil }

// dns is a name, all of whose addresses count.
type dns struct {
	name string
	port uint16
}

func (s dns) look(ctx context.Context, r Resolver) ([]string, []error) {
	addrs, faults := resolve(ctx, r, s.name)
	return dialled(addrs, s.port), faults
}

// srv is a name with SRV records. Priorities and weights do not matter: every target may be a node.
type srv struct{ name string }

func (s srv) look(ctx context.Context, r Resolver) ([]string, []error) {
	var faults []error
	_, records, err := r.LookupSRV(ctx, "", "", s.name)
	switch {
	case err != nil:
		faults = append(faults, err) // with records beside it, if only some of them are bad
	case len(records) == 0:
		faults = append(faults, errors.New("there are no SRV records"))
	}
	if n := len(records); n > MaxAddresses {
		records = records[:MaxAddresses]
		faults = append(faults, fmt.Errorf("%d SRV records, at most %d are looked at", n, MaxAddresses))
	}
	answers := make([]answer, len(records))
	slots := make(chan struct{}, questionsAtOnce)
	var wg sync.WaitGroup
	for i, record := range records {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			answers[i] = target(ctx, r, record)
		})
	}
	wg.Wait()
	var addresses []string
	for _, a := range answers {
		addresses, faults = append(addresses, a.addresses...), append(faults, a.faults...)
	}
	return addresses, faults
}

// target resolves one SRV record.
func target(ctx context.Context, r Resolver, record *net.SRV) answer {
	if record.Target == "." || record.Target == "" || record.Port == 0 {
		return answer{faults: []error{fmt.Errorf("the SRV record with target %q and port %d is of no use", record.Target, record.Port)}}
	}
	addrs, faults := resolve(ctx, r, record.Target)
	return answer{dialled(addrs, record.Port), faults}
}

// resolve asks for IPv4 and IPv6 apart: asked for both at once, a resolver keeps quiet about the half that failed. That a
// name has no addresses of one kind is no fault, as long as it has some of the other.
func resolve(ctx context.Context, r Resolver, name string) (addrs []netip.Addr, faults []error) {
	networks := []string{"ip4", "ip6"}
	found, errs := make([][]netip.Addr, len(networks)), make([]error, len(networks))
	var wg sync.WaitGroup
	for i, network := range networks {
		wg.Go(func() { found[i], errs[i] = r.LookupNetIP(ctx, network, name) })
	}
	wg.Wait()
	for i := range networks {
		addrs = append(addrs, found[i]...)
		if errs[i] != nil && !noneOfThatKind(errs[i]) {
			faults = append(faults, errs[i])
		}
	}
	if len(addrs) == 0 && len(faults) == 0 {
		faults = append(faults, fmt.Errorf("%s has no addresses: there is no such name, or nothing behind it yet", name))
	}
	return addrs, faults
}

// noneOfThatKind tells whether an error of LookupNetIP means that the question was answered: DNS has no such name, or no such
// address of it; the hosts file has the name with addresses of the other kind alone.
func noneOfThatKind(err error) bool {
	var missing *net.DNSError
	var other *net.AddrError
	return errors.As(err, &missing) && missing.IsNotFound || errors.As(err, &other)
}

func dialled(addrs []netip.Addr, port uint16) []string {
	addresses := make([]string, len(addrs))
	for i, addr := range addrs {
		addresses[i] = netip.AddrPortFrom(addr.Unmap(), port).String()
	}
	return addresses
}

// file holds one host:port a line.
type file struct{ path string }

func (s file) look(context.Context, Resolver) (addresses []string, faults []error) {
	content, err := readFile(s.path)
	if err != nil {
		return nil, []error{err}
	}
	number := 0
	for line := range strings.Lines(content) {
		number++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := checkAddress(line); err != nil {
			faults = append(faults, fmt.Errorf("line %s: %w", strconv.Itoa(number), err))
			continue
		}
		addresses = append(addresses, line)
	}
	if len(addresses) == 0 && len(faults) == 0 {
		faults = append(faults, errors.New("the file names no address: is it being written? Write another and rename it into place"))
	}
	return addresses, faults
}

func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err // names the file
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err == nil && len(content) > MaxFileBytes {
		err = fmt.Errorf("the file is larger than %d bytes", MaxFileBytes)
	}
	return string(content), err
}
