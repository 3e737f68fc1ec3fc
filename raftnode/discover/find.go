package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Resolver is what a Finder asks of DNS. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

var _ Resolver = (*net.Resolver)(nil)

// Finder looks addresses up. Find may be called at any time, from any goroutine.
type Finder struct {
	// Resolver is asked for names; nil: net.DefaultResolver. It is not to be changed once Find was called.
	Resolver Resolver

	searches []*search
}

// source is one item of --join. What look returns counts even if there are faults; it may outlast ctx.
type source interface {
	look(ctx context.Context, r Resolver) (addresses []string, faults []error)
}

// search is a source with what is needed to look there again and again.
type search struct {
	spec   string
	source source
	busy   chan struct{} // full while somebody looks, so that what hangs does not pile up
}

// Find looks everything up again and returns the addresses (host:port) in order, without repeats. A fault says what could
// not be looked up; without one the addresses are all that there are. It returns within LookupTimeout, or soon after ctx ends.
func (f *Finder) Find(ctx context.Context) (addresses []string, faults []error) {
	ctx, cancel := context.WithTimeout(ctx, LookupTimeout)
	defer cancel()
	resolver := f.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	answers := make([]answer, len(f.searches))
	var wg sync.WaitGroup
	for i, s := range f.searches {
		wg.Go(func() { answers[i] = s.look(ctx, resolver) })
	}
	wg.Wait()
	for _, a := range answers {
		addresses, faults = append(addresses, a.addresses...), append(faults, a.faults...)
	}
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	if n := len(addresses); n > MaxAddresses {
		addresses = addresses[:MaxAddresses]
		faults = append(faults, fmt.Errorf("--join leads to %d addresses, at most %d are looked at: name fewer", n, MaxAddresses))
	}
	return addresses, faults
}

// answer is what one search found.
type answer struct {
	addresses []string
	faults    []error
}

// look is bounded by ctx even if the source is not.
func (s *search) look(ctx context.Context, r Resolver) answer {
	begin := time.Now()
	select {
	case s.busy <- struct{}{}:
	case <-ctx.Done():
		return answer{faults: []error{fmt.Errorf("%s: an earlier lookup hangs", s.spec)}}
	}
	found := make(chan answer, 1)
	go func() {
		defer func() { <-s.busy }()
		addresses, faults := s.source.look(ctx, r)
		found <- answer{addresses, s.name(faults)}
	}()
	select {
	case a := <-found:
		return a
	case <-ctx.Done():
	}
	select {
	case a := <-found: // both at once
		return a
	default:
	}
	err := context.Cause(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %v", time.Since(begin).Round(100*time.Millisecond))
	}
	return answer{faults: []error{fmt.Errorf("%s: %w", s.spec, err)}}
}

// name puts the source's name before its faults, and bounds their number.
func (s *search) name(faults []error) []error {
	if n := len(faults); n > maxFaults {
		faults = append(faults[:maxFaults:maxFaults], fmt.Errorf("%d more faults", n-maxFaults))
	}
	for i, err := range faults {
		faults[i] = fmt.Errorf("%s: %w", s.spec, err)
	}
	return faults
}
