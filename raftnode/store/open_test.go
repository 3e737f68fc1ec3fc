package store

import "testing"

// What is acknowledged is on disk: bbolt must sync each transaction, and the growth of its file.
func TestEveryTransactionIsSynced(t *testing.T) {
	o := boltOptions("x")
	if o.NoSync || o.BoltOptions.NoSync || o.BoltOptions.NoGrowSync {
		t.Errorf("%+v %+v", o, o.BoltOptions)
	}
}
