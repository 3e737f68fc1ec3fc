package keys

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"sync/atomic"
)

// Ring is the keys that are in force. It is safe for concurrent use.
type Ring struct {
	loading sync.Mutex
	keys    atomic.Pointer[[]*Key]
}

// New reads the content of a file of keys. The error says by line what is wrong with it, and repeats no secret.
func New(file []byte) (*Ring, error) {
	r := new(Ring)
	r.keys.Store(new([]*Key))
	if err := r.Load(file); err != nil {
		return nil, err
	}
	return r, nil
}

// Load puts the keys of another file in force, in place of all before. After an error those before stay. The lives of keys that
// are gone or changed end.
func (r *Ring) Load(file []byte) error {
	loaded, err := parse(file)
	if err != nil {
		return err
	}
	r.loading.Lock()
	defer r.loading.Unlock()
	before := *r.keys.Load()
	stay := map[*Key]bool{}
	for i, k := range loaded {
		if old := kept(before, k); old != nil {
			loaded[i], stay[old] = old, true
			continue
		}
		k.life, k.end = context.WithCancel(context.Background())
	}
	r.keys.Store(&loaded) // first, so that who comes back because his key's life has ended meets the new file
	for _, old := range before {
		if !stay[old] {
			old.end()
		}
	}
	return nil
}

// kept is the key before that k is, unchanged.
func kept(before []*Key, k *Key) *Key {
	for _, old := range before {
		if old.same(k) {
			return old
		}
	}
	return nil
}

// Len is how many keys are in force.
func (r *Ring) Len() int { return len(*r.keys.Load()) }

// Find returns the key that a caller has sent; nil if there is none such. Neither which key it is nor how much of one was right can be
// told from how long it takes: digests are compared, in constant time, and always all of them.
func (r *Ring) Find(sent string) *Key {
	sum := sha256.Sum256([]byte(sent))
	keys := *r.keys.Load()
	found := -1
	for i := range keys {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], keys[i].sum[:]), i, found)
	}
	if found < 0 {
		return nil
	}
	return keys[found]
}
