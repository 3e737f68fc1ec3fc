package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/sidelock/sidelock/client"
)

// Only one copy of a program does this at a time.
func Example() {
	c, err := client.New("") // the sidecar on http://localhost:5625
	if err != nil {
		log.Fatal(err)
	}
	hold, err := c.Hold(context.Background(), "nightly", client.HoldOptions{}) // waits in line
	if err != nil {
		log.Fatal(err)
	}
	defer hold.Release(context.Background())

	makeReport(hold.Context()) // ends by itself if the lock is lost
	// Output: the report is made
}

func makeReport(ctx context.Context) {
	select {
	case <-time.After(10 * time.Millisecond): // hard work
		fmt.Println("the report is made")
	case <-ctx.Done():
		fmt.Println("stopped:", context.Cause(ctx))
	}
}

// A hold with all that one may want to know. To bound the wait use Wait: the context bounds the hold as a whole.
func ExampleClient_Hold() {
	ctx := context.Background() // in a program, the one that ends with SIGTERM
	c, err := client.New("", client.WithOwner("web-0"), client.WithOnRetry(func(err error) { log.Print(err) }))
	if err != nil {
		log.Fatal(err)
	}
	hold, err := c.Hold(ctx, "deploy", client.HoldOptions{
		TTL:        10 * time.Second, // how long others wait if this machine dies
		Wait:       time.Minute,
		OnQueued:   func(position int) { log.Printf("number %d in line", position) },
		OnJeopardy: func(left time.Duration, reason string) { log.Printf("in doubt: %s; %s left", reason, left) },
	})
	switch {
	case errors.Is(err, client.ErrHeld):
		log.Fatal("somebody else deploys: ", err)
	case err != nil:
		log.Fatal(err)
	}

	deploy(hold.Context())

	// The answer says whether the lock was held to the end.
	if err := hold.Release(ctx); err != nil {
		log.Fatal(err)
	}
	var lost *client.LostError
	fmt.Println("lost:", errors.As(context.Cause(hold.Context()), &lost))
	// Output: lost: false
}

func deploy(context.Context) {}

// Take a lock if it is free, and renew it by hand.
func ExampleClient_TryLock() {
	ctx := context.Background()
	c, err := client.New("")
	if err != nil {
		log.Fatal(err)
	}
	lock, err := c.TryLock(ctx, "migration", client.LockOptions{Owner: "web-0", TTL: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("web-0 has it:", lock.Valid() > 50*time.Second)

	_, err = c.TryLock(ctx, "migration", client.LockOptions{Owner: "web-1"})
	var refused *client.Error
	if errors.Is(err, client.ErrHeld) && errors.As(err, &refused) {
		fmt.Println("web-1 has not, it is held by", refused.Holders[0].Owner)
	}

	if err := lock.Renew(ctx); err != nil { // at best every third of the TTL
		log.Fatal(err)
	}
	if err := lock.Unlock(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// web-0 has it: true
	// web-1 has not, it is held by web-0
}

// Lead for as long as it goes well, and tell everybody where.
func ExampleClient_Campaign() {
	ctx := context.Background()
	c, err := client.New("")
	if err != nil {
		log.Fatal(err)
	}
	leadership, err := c.Campaign(ctx, "scheduler", "10.0.0.1:8080", client.CampaignOptions{Owner: "web-0"})
	if err != nil {
		log.Fatal(err)
	}
	defer leadership.Resign(ctx)

	e, err := c.GetElection(ctx, "scheduler")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Leader.Owner, "leads at", e.Leader.Value)

	if err := leadership.SetValue(ctx, "10.0.0.1:9090"); err != nil {
		log.Fatal(err)
	}
	for e, err := range c.Observe(ctx, "scheduler") { // goes on with each change
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Leader.Owner, "leads at", e.Leader.Value)
		break
	}
	// Output:
	// web-0 leads at 10.0.0.1:8080
	// web-0 leads at 10.0.0.1:9090
}

// ledger stands for what a lock protects: a database, a bucket. It refuses who comes with an older token than it has
// seen, since a lock alone cannot stop a process that was paused and does not know yet that it has lost it.
type ledger struct{ highest uint64 }

func (l *ledger) write(token uint64, what string) error {
	if token < l.highest {
		return fmt.Errorf("%s is refused: its token is stale", what)
	}
	l.highest = token
	return nil
}

// A fenced write: each write carries the token of its grant.
func ExampleHold_Token() {
	ctx := context.Background()
	c, err := client.New("")
	if err != nil {
		log.Fatal(err)
	}
	books := &ledger{}

	first, err := c.Hold(ctx, "books", client.HoldOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("first:", books.write(first.Token(), "entry 1"))
	if err := first.Release(ctx); err != nil {
		log.Fatal(err)
	}

	second, err := c.Hold(ctx, "books", client.HoldOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer second.Release(ctx)
	fmt.Println("second:", books.write(second.Token(), "entry 2"))
	fmt.Println("first, late:", books.write(first.Token(), "entry 3"))
	// Output:
	// first: <nil>
	// second: <nil>
	// first, late: entry 3 is refused: its token is stale
}

// Who holds what, who waits.
func ExampleClient_Locks() {
	ctx := context.Background()
	c, err := client.New("", client.WithOwner("web-0"))
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"shop.cart", "shop.stock"} {
		lock, err := c.TryLock(ctx, name, client.LockOptions{})
		if err != nil {
			log.Fatal(err)
		}
		defer lock.Unlock(ctx)
	}
	for lock, err := range c.Locks(ctx, client.ListOptions{Prefix: "shop."}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(lock.Name, "is held by", lock.Holders[0].Owner)
	}
	// Output:
	// shop.cart is held by web-0
	// shop.stock is held by web-0
}
