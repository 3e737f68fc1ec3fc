package lease

// TakenVia counts the living places, held or waited for, that were taken through the sidecar of the given name. It looks at
// every place: it is for a sidecar that stops, not for a request.
func (s *State) TakenVia(node string) (places int) {
	s.places.Scan(func(_ uint64, p place) bool {
		if p.via == node && p.until == 0 {
			places++
		}
		return true
	})
	return places
}
