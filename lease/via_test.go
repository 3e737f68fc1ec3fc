package lease

import "testing"

func TestPlacesAreCountedByTheSidecarThatTookThem(t *testing.T) {
	r := newRig(t)
	other := r.openSession("n2")
	r.do(acquire("db", "a"))
	r.do(acquire("db", "b", wait))
	r.do(acquire("web", "c", from(other)))
	want := func(node string, places int) {
		t.Helper()
		if got := r.s.TakenVia(node); got != places {
			t.Errorf("%s: %d places, want %d", node, got, places)
		}
	}
	want("n1", 2)
	want("n2", 1)
	want("n3", 0)
	r.do(release("db", "a"))
	want("n1", 1)
}
