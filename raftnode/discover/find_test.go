package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestItemsAreReadOrRefusedByName(t *testing.T) {
	good := []string{
		"10.0.0.2:5626", "[fd00::2]:5626", "web-0.web:5626", "my_host:1", "dns:web:5626", "dns:web.default.svc.cluster.local.:5626",
		"srv:_peer._tcp.web", "srv:_peer._tcp.web.", "file:peers", "file:/etc/peers:1",
	}
	if _, err := Parse(good); err != nil {
		t.Error(err)
	}
	bad := map[string]string{
		"web":               "host:port",
		"web:http":          "host:port",
		"web:0":             "port 0",
		"web:65536":         "host:port",
		":5626":             "neither an IP address nor a host name",
		"0.0.0.0:5626":      "every interface",
		"we!rd:5626":        "neither an IP address nor a host name",
		"dns:web":           "dns:name:port",
		"dns::5626":         "dns:name:port",
		"dns:web:0":         "port 0",
		"dns:we!rd:1":       "not a host name",
		"dns:10.0.0.1:5626": "leave dns: out",
		"dns:[fd00::1]:1":   "leave dns: out",
		"srv:":              "srv:name",
		"srv:web:5626":      "srv:name",
		"srv:10.0.0.1":      "srv:name",
		"file:":             "file:path",
		"":                  "host:port",
	}
	for spec, why := range bad {
		if _, err := Parse([]string{spec}); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), strings.Trim(spec, ":0123456789")) {
			t.Errorf("%q: %v", spec, err)
		}
	}
	if _, err := Parse([]string{"web", "web:1", "dns:web"}); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("not all faults, or more: %v", err)
	}
}

func TestNothingToLookForIsNoFault(t *testing.T) {
	expect(t, finder(t, &zone{}), "")
}

func TestAllSourcesAreFoldedInOrder(t *testing.T) {
	path := nowhere(t)
	write(t, path, "# the rack below\n10.0.0.9:5626 # new\n\n  [fd00::9]:5626\t\n10.0.0.2:5626")
	z := &zone{
		hosts: map[string][]string{"web": {"10.0.0.3", "10.0.0.2", "fd00::2"}, "a.web.": {"10.0.0.4"}, "b.web.": {"fd00::5"}},
		srvs:  map[string][]net.SRV{"_peer._tcp.web": {{Target: "b.web.", Port: 7, Priority: 1}, {Target: "a.web.", Port: 5626, Priority: 2}}},
	}
	f := finder(t, z, "file:"+path, "srv:_peer._tcp.web", "dns:web:5626", "web-0:5626", "10.0.0.2:5626")
	for range 3 {
		expect(t, f, "10.0.0.2:5626 10.0.0.3:5626 10.0.0.4:5626 10.0.0.9:5626 [fd00::2]:5626 [fd00::5]:7 [fd00::9]:5626 web-0:5626")
	}
}

// TestWhatCannotBeLookedUpIsAFault: never an empty answer, and never half a one that looks whole.
func TestWhatCannotBeLookedUpIsAFault(t *testing.T) {
	empty, torn, large := nowhere(t), nowhere(t), nowhere(t)
	write(t, empty, "# nothing yet\n")
	write(t, torn, "10.0.0.1:5626\n10.0.0.2:\n")
	write(t, large, "10.0.0.1:5626 #"+strings.Repeat("x", MaxFileBytes))
	z := &zone{
		hosts: map[string][]string{
			"half": {"10.0.0.1"}, "half/ip6": {"server misbehaving"}, "broken": {"i/o timeout"}, "a.web.": {"10.0.0.1"},
		},
		srvs: map[string][]net.SRV{
			"none": {}, "off": {{Target: ".", Port: 1}}, "lame": {{Target: "gone.", Port: 1}, {Target: "a.web.", Port: 1}, {Target: "a.web.", Port: 0}},
		},
	}
	for _, c := range []struct {
		spec, found string
		faults      []string
	}{
		{"dns:nobody:1", "", []string{"dns:nobody:1: nobody has no addresses"}},
		{"dns:half:1", "10.0.0.1:1", []string{"dns:half:1: server misbehaving"}},
		{"dns:broken:1", "", []string{"i/o timeout", "i/o timeout"}},
		{"srv:nobody", "", []string{"srv:nobody: lookup nobody: no such host"}},
		{"srv:none", "", []string{"no SRV records"}},
		{"srv:off", "", []string{"of no use"}},
		{"srv:lame", "10.0.0.1:1", []string{"gone. has no addresses", "of no use"}},
		{"file:" + nowhere(t), "", []string{"no such file"}},
		{"file:" + empty, "", []string{"names no address"}},
		{"file:" + torn, "10.0.0.1:5626", []string{"line 2: \"10.0.0.2:\""}},
		{"file:" + large, "", []string{"larger than"}},
	} {
		t.Run(c.spec, func(t *testing.T) {
			expect(t, finder(t, z, c.spec), c.found, c.faults...)
			// And beside it all the rest is found.
			got, _ := finder(t, z, c.spec, "web-0:1").Find(t.Context())
			if !strings.HasSuffix(strings.Join(got, " "), "web-0:1") {
				t.Errorf("found only %v", got)
			}
		})
	}
}

// TestTheHostsFileHasNamesOfOneKind: without a resolver of one's own the machine's is asked, and it answers a name that its
// hosts file has with IPv4 addresses alone in its own way when asked for IPv6.
func TestTheHostsFileHasNamesOfOneKind(t *testing.T) {
	got, faults := finder(t, nil, "dns:localhost:5626").Find(t.Context())
	if len(faults) > 0 || !slices.Contains(got, "127.0.0.1:5626") && !slices.Contains(got, "[::1]:5626") {
		t.Errorf("%v, %v", got, faults)
	}
}

func TestEverySearchLooksAgain(t *testing.T) {
	z, path := &zone{}, nowhere(t)
	f := finder(t, z, "dns:web:1", "file:"+path)
	expect(t, f, "", "web has no addresses", "no such file")
	z.set("web", "10.0.0.1")
	write(t, path, "10.0.0.7:1\n")
	expect(t, f, "10.0.0.1:1 10.0.0.7:1")
	z.set("web", "10.0.0.2")
	write(t, path, "10.0.0.8:1\n")
	expect(t, f, "10.0.0.2:1 10.0.0.8:1")
}

func TestAnswersAreBoundedAndSaySo(t *testing.T) {
	z := &zone{srvs: map[string][]net.SRV{}}
	var lines []string
	for i := range MaxAddresses + 1 {
		lines = append(lines, fmt.Sprintf("10.0.%d.%d:1", i/200, i%200))
		z.srvs["many"] = append(z.srvs["many"], net.SRV{Target: ".", Port: 1})
	}
	path := nowhere(t)
	write(t, path, strings.Join(lines, "\n"))
	got, faults := finder(t, z, "file:"+path).Find(t.Context())
	if len(got) != MaxAddresses || len(faults) != 1 || !strings.Contains(faults[0].Error(), "201 addresses") {
		t.Errorf("%d addresses, faults %v", len(got), faults)
	}
	if _, faults := finder(t, z, "srv:many").Find(t.Context()); len(faults) != maxFaults+1 || !strings.Contains(faults[maxFaults].Error(), "more faults") {
		t.Errorf("%d faults: %v", len(faults), faults)
	}
}

// TestWhatHangsTakesNothingFromTheOthers: not even a resolver that ignores its context, and however often it is asked.
func TestWhatHangsTakesNothingFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		z := &zone{hosts: map[string][]string{"web": {"10.0.0.1"}, "slow": {"10.0.0.2"}}, hang: map[string]chan struct{}{"slow": gate}}
		f := finder(t, z, "dns:slow:1", "dns:web:1", "web-0:1")
		for round, why := range []string{"dns:slow:1: no answer within 3s", "dns:slow:1: an earlier lookup hangs", "dns:slow:1: an earlier lookup hangs"} {
			begin := time.Now()
			expect(t, f, "10.0.0.1:1 web-0:1", why)
			if took := time.Since(begin); took > LookupTimeout {
				t.Errorf("round %d took %v", round, took)
			}
		}
		if z.asked != 2 { // for IPv4 and IPv6
			t.Errorf("%d questions pile up", z.asked)
		}
		z.mu.Lock()
		z.hang = nil
		z.mu.Unlock()
		close(gate)
		expect(t, f, "10.0.0.1:1 10.0.0.2:1 web-0:1")
	})
}

func TestASearchEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		defer close(gate)
		f := finder(t, &zone{hang: map[string]chan struct{}{"slow": gate}}, "dns:slow:1", "web-0:1")
		stopped := errors.New("the node is stopping")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(stopped) })
		begin := time.Now()
		got, faults := f.Find(ctx)
		if len(got) != 1 || len(faults) != 1 || !errors.Is(faults[0], stopped) || time.Since(begin) != time.Second {
			t.Errorf("%v, %v, after %v", got, faults, time.Since(begin))
		}
	})
}

// TestSearchesAtTheSameTimeWaitForEachOther: two callers that both want all are both served.
func TestSearchesAtTheSameTimeWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		z := &zone{hosts: map[string][]string{"slow": {"10.0.0.2"}}, hang: map[string]chan struct{}{"slow": gate}}
		f := finder(t, z, "dns:slow:1")
		time.AfterFunc(time.Second, func() { close(gate) })
		done := make(chan bool)
		for range 2 {
			go func() { expect(t, f, "10.0.0.2:1"); done <- true }()
		}
		<-done
		<-done
	})
}
