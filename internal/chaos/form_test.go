package chaos_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/internal/apitest"
	"github.com/sidelock/sidelock/internal/chaos"
	"github.com/sidelock/sidelock/internal/openapicheck"
)

func TestThreeProcessesFormOneGroupThatAnswersThroughEach(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	id := ""
	for _, n := range g.Nodes {
		chaos.Until(t, 10*time.Second, n.Name+" to see three healthy voters", func() error {
			a := n.Get("/v1/cluster").Want(t, 200)
			if id == "" {
				id = a.Body.ID
			}
			if a.Body.ID == "" || a.Body.ID != id || len(a.Body.Members) != 3 || a.Body.Tolerance != 1 {
				return fmt.Errorf("want cluster %s with three members and a failure tolerance of 1: %s", id, a)
			}
			for _, m := range a.Body.Members {
				if m.Role != "voter" || !m.Healthy {
					return fmt.Errorf("%s is no healthy voter: %s", m.Name, a)
				}
			}
			return nil
		})
	}
	var tokens []uint64
	for i, n := range g.Nodes {
		grant := n.Post("/v1/locks/through-each", "ttl", "60s").Want(t, 201).Body
		tokens = append(tokens, grant.Token)
		if grant.Owner != n.Name {
			t.Errorf("the default owner is %q, want %q", grant.Owner, n.Name)
		}
		for _, other := range g.Others(n) {
			wantHolder(t, other, "through-each", n.Name, grant.Token)
			other.Post("/v1/locks/through-each", "ttl", "60s").Want(t, 423, "lock_held")
		}
		next := g.Nodes[(i+1)%3]
		next.Put("/v1/locks/through-each", "lease", grant.Lease).Want(t, 200)
		next.Delete("/v1/locks/through-each", "lease", grant.Lease).Want(t, 200)
		n.Delete("/v1/locks/through-each", "lease", grant.Lease).Want(t, 200)
		n.Put("/v1/locks/through-each", "lease", grant.Lease).Want(t, 410, "lease_expired")
	}
	wantRising(t, tokens...)
}

func TestBadInputIsAnsweredExactlyByARealProcess(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 1)
	check, err := openapicheck.New(httpapi.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	before, began := g.Nodes[0].Get("/v1/cluster").Want(t, 200).Body.Applied, time.Now()
	apitest.BadInput(t, g.Nodes[0].API, check)
	accepted := uint64(0)
	for _, c := range apitest.Cases() {
		if c.Status == 201 {
			accepted++
		}
	}
	ticks := uint64(time.Since(began)/(100*time.Millisecond)) + 10
	if entries := g.Nodes[0].Get("/v1/cluster").Want(t, 200).Body.Applied - before; entries > accepted+ticks {
		t.Errorf("%d log entries for %d accepted requests: a refused one must cost none", entries, accepted)
	}
}
