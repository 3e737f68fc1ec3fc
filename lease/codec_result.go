package lease

import (
	"fmt"
	"time"
)

// AppendResult appends the encoding of a result to b.
func AppendResult(b []byte, res *Result) []byte {
	w := encoder{b}
	w.result(res)
	return w.b
}

// DecodeResult reads one result and returns the bytes behind it.
func DecodeResult(b []byte) (Result, []byte, error) {
	r := decoder{b: b}
	res := r.result()
	if r.err != nil {
		return Result{}, nil, fmt.Errorf("decode result: %w", r.err)
	}
	return res, r.b, nil
}

func (w *encoder) result(res *Result) {
	w.str(string(res.Code))
	w.u(res.Index)
	w.bool(res.Created)
	w.byte(byte(res.Standing))
	w.str(string(res.Lease))
	w.str(res.Owner)
	w.u(uint64(res.Token))
	w.u(uint64(res.Limit))
	w.d(res.TTL)
	w.d(res.Remaining)
	w.d(res.MinHold)
	w.str(res.Value)
	w.pairs(res.Metadata)
	w.u(uint64(res.Position))
	w.placeList(res.Places)
	w.byte(byte(res.Reason))
	w.d(res.EndedAgo)
	w.str(res.Why)
	w.holderList(res.Holders)
	w.u(uint64(res.QueueLength))
	w.d(res.RetryAfter)
	w.str(res.Param)
	w.str(res.Detail)
	w.u(uint64(res.Session))
	w.d(res.Left)
	w.keptList(res.Kept)
}

func (r *decoder) result() Result {
	return Result{Code: Code(r.str()), Index: r.u(), Created: r.bool(), Standing: Standing(r.byte()), Lease: ID(r.str()),
		Owner: r.str(), Token: Token(r.u()), Limit: uint32(r.u()), TTL: r.d(), Remaining: r.d(), MinHold: r.d(),
		Value: r.str(), Metadata: r.pairs(), Position: int(r.u()), Places: r.placeList(), Reason: EndReason(r.byte()),
		EndedAgo: r.d(), Why: r.str(), Holders: r.holderList(), QueueLength: int(r.u()), RetryAfter: r.d(),
		Param: r.str(), Detail: r.str(), Session: SessionID(r.u()),
		Left: r.d(), Kept: r.keptList()}
}

func (w *encoder) keptList(list []Kept) {
	w.u(uint64(len(list)))
	for i := range list {
		k := &list[i]
		w.str(string(k.Code))
		w.byte(byte(k.Standing))
		w.u(uint64(k.Token))
		w.d(k.Remaining)
		w.u(uint64(k.Position))
		w.byte(byte(k.Reason))
		w.str(k.Why)
	}
}

func (r *decoder) keptList() []Kept {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]Kept, n)
	for i := range list {
		list[i] = Kept{Code(r.str()), Standing(r.byte()), Token(r.u()), r.d(), int(r.u()), EndReason(r.byte()), r.str()}
	}
	return list
}

func (w *encoder) placeList(list []Place) {
	w.u(uint64(len(list)))
	for i := range list {
		p := &list[i]
		w.byte(byte(p.Space))
		w.str(p.Name)
		w.byte(byte(p.Standing))
		w.u(uint64(p.Token))
		w.u(uint64(p.Position))
	}
}

func (r *decoder) placeList() []Place {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]Place, n)
	for i := range list {
		list[i] = Place{Space(r.byte()), r.str(), Standing(r.byte()), Token(r.u()), int(r.u())}
	}
	return list
}

func (w *encoder) holderList(list []Holder) {
	w.u(uint64(len(list)))
	for i := range list {
		h := &list[i]
		w.str(h.Owner)
		w.u(uint64(h.Token))
		w.u(uint64(h.Limit))
		w.d(h.Held)
		w.d(h.ExpiresIn)
		w.d(h.LastRenewed)
		w.i(h.GrantedWall)
		w.str(h.Via)
		w.str(h.Value)
		w.pairs(h.Metadata)
		w.byte(byte(h.Ended))
		w.d(h.MinHoldUntil)
	}
}

func (r *decoder) holderList() []Holder {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]Holder, n)
	for i := range list {
		list[i] = Holder{r.str(), Token(r.u()), uint32(r.u()), r.d(), r.d(), r.d(), r.i(), r.str(), r.str(), r.pairs(),
			EndReason(r.byte()), r.d()}
	}
	return list
}

// AppendQuery appends the encoding of a query to b.
func AppendQuery(b []byte, q *Query) []byte {
	w := encoder{b}
	w.byte(byte(q.Kind))
	w.byte(byte(q.Space))
	w.str(q.Name)
	w.str(string(q.Lease))
	w.u(uint64(q.Token))
	w.str(q.Prefix)
	w.str(q.After)
	w.u(uint64(q.Limit))
	return w.b
}

// DecodeQuery reads one query, which must fill b.
func DecodeQuery(b []byte) (Query, error) {
	r := decoder{b: b}
	q := Query{QueryKind(r.byte()), Space(r.byte()), r.str(), ID(r.str()), Token(r.u()), r.str(), r.str(), int(r.u())}
	return q, r.end("query")
}

// AppendAnswer appends the encoding of an answer to b.
func AppendAnswer(b []byte, a *Answer) []byte {
	w := encoder{b}
	w.str(string(a.Code))
	w.u(a.Index)
	w.bool(a.Info != nil)
	if a.Info != nil {
		w.info(a.Info)
	}
	w.u(uint64(len(a.Infos)))
	for i := range a.Infos {
		w.info(&a.Infos[i])
	}
	w.str(a.Next)
	w.bool(a.Lease != nil)
	if l := a.Lease; l != nil {
		w.bool(l.Explicit)
		w.str(l.Owner)
		w.d(l.TTL)
		w.d(l.Remaining)
		w.pairs(l.Metadata)
		w.placeList(l.Places)
	}
	w.byte(byte(a.Ended))
	w.i(a.EndAgo)
	w.str(a.Why)
	w.pasts(a.History)
	w.pasts(a.Notable)
	return w.b
}

// DecodeAnswer reads one answer, which must fill b.
func DecodeAnswer(b []byte) (Answer, error) {
	r := decoder{b: b}
	a := Answer{Code: Code(r.str()), Index: r.u()}
	if r.bool() {
		info := r.info()
		a.Info = &info
	}
	for n := r.count(); n > 0 && r.err == nil; n-- {
		a.Infos = append(a.Infos, r.info())
	}
	a.Next = r.str()
	if r.bool() {
		a.Lease = &LeaseInfo{r.bool(), r.str(), r.d(), r.d(), r.pairs(), r.placeList()}
	}
	a.Ended, a.EndAgo, a.Why = EndReason(r.byte()), r.i(), r.str()
	a.History, a.Notable = r.pasts(), r.pasts()
	return a, r.end("answer")
}

func (w *encoder) pasts(list []Past) {
	w.u(uint64(len(list)))
	for i := range list {
		p := &list[i]
		w.byte(byte(p.Kind))
		w.str(p.Owner)
		w.u(uint64(p.Token))
		w.str(p.Via)
		w.d(p.Ago)
		w.i(p.Wall)
		w.d(p.Held)
		w.d(p.Quiet)
		w.str(p.Why)
	}
}

func (r *decoder) pasts() []Past {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]Past, n)
	for i := range list {
		list[i] = Past{EventKind(r.byte()), r.str(), Token(r.u()), r.str(), r.d(), r.i(), r.d(), r.d(), r.str()}
	}
	return list
}

func (w *encoder) info(in *Info) {
	w.byte(byte(in.Space))
	w.str(in.Name)
	w.u(in.Index)
	w.u(uint64(in.Limit))
	w.holderList(in.Holders)
	w.u(uint64(len(in.Queue)))
	for i := range in.Queue {
		q := &in.Queue[i]
		w.str(q.Owner)
		w.u(uint64(q.Limit))
		w.d(q.Waiting)
		w.str(q.Value)
		w.pairs(q.Metadata)
		w.str(q.Via)
	}
	w.u(uint64(in.HolderCount))
	w.u(uint64(in.QueueLength))
}

func (r *decoder) info() Info {
	in := Info{Space: Space(r.byte()), Name: r.str(), Index: r.u(), Limit: uint32(r.u()), Holders: r.holderList()}
	if n := r.count(); n > 0 {
		in.Queue = make([]Waiter, n)
		for i := range in.Queue {
			in.Queue[i] = Waiter{r.str(), uint32(r.u()), time.Duration(r.i()), r.str(), r.pairs(), r.str()}
		}
	}
	in.HolderCount, in.QueueLength = int(r.u()), int(r.u())
	return in
}
