package httpapi

import (
	"net/http"

	"github.com/sidelock/sidelock/httpapi/keys"
)

// route is one call of the API.
type route struct {
	method string
	path   string
	op     string // its name in metrics and in openapi.yaml
	does   string // for people
	needs  keys.Verb
	traits traits
	params params
	handle func(*call) *problem // nil: it has answered
}

type traits uint8

const (
	// fresh calls begin something new; a sidecar that is stopping refuses them.
	fresh traits = 1 << iota
	// lax calls look at no parameter and no body, so that a prober's habits cannot make them fail.
	lax
	// ops calls are also served on --ops-addr.
	ops
)

// What a call needs of an API key, where there are keys: one of the verbs, and that it reaches the :name in the path, if there is one.
const (
	open   keys.Verb = 0 // no key
	read             = keys.Read
	write            = keys.Write
	admin            = keys.Admin
	anyKey           = read | write | admin
)

var (
	placeParams    = set(pConsistency, pIndex, pWait)
	acquireParams  = set(pOwner, pTTL, pWait, pLease, pLimit, pMode, pMinHold, pMetadata)
	campaignParams = set(pOwner, pTTL, pValue, pLease, pMetadata)
	candidateHold  = set(pOwner, pTTL, pValue, pLease, pMetadata, pWait)
	endParams      = set(pLease, pToken, pReason, pImmediate)
	listParams     = set(pPrefix, pAfter, pPage, pConsistency)
)

// routes is everything that can be asked. HEAD goes with every GET. A DELETE of a name is a holder's or, forced, an administrator's: which of
// the two, and so which verb it takes, shows in its parameters.
var routes = []route{
	{"POST", "/v1/locks/:name", "lock_acquire", "acquire a lock, or wait in line with wait=30s", write, fresh, acquireParams, (*call).acquireLock},
	{"PUT", "/v1/locks/:name", "lock_renew", "renew, with lease", write, 0, set(pLease), (*call).renewLock},
	{"DELETE", "/v1/locks/:name", "lock_release", "release, with lease", write | admin, 0, endParams, (*call).releaseLock},
	{"GET", "/v1/locks/:name", "lock_get", "who holds it, who waits; index=N&wait=30s waits for a change", read, 0, placeParams | set(pToken), (*call).getLock},
	{"POST", "/v1/locks/:name/hold", "lock_hold", "hold it for as long as this connection lasts", write, fresh, acquireParams, (*call).holdLock},
	{"GET", "/v1/locks/:name/history", "lock_history", "who held it, and why they lost it", read, 0, set(pConsistency), (*call).lockHistory},
	{"GET", "/v1/locks", "lock_list", "list locks", read, 0, listParams, (*call).listLocks},

	{"POST", "/v1/leases", "lease_create", "make a lease for many names", write, fresh, set(pOwner, pTTL, pLease, pMetadata), (*call).createLease},
	{"PUT", "/v1/leases/:lease", "lease_renew", "renew, and learn all that it holds", write, 0, 0, (*call).renewLease},
	{"DELETE", "/v1/leases/:lease", "lease_revoke", "end it, releasing everything", write, 0, 0, (*call).revokeLease},
	{"GET", "/v1/leases/:lease", "lease_get", "what it holds and waits for", read, 0, set(pConsistency), (*call).getLease},

	{"POST", "/v1/elections/:name", "election_campaign", "campaign, or stand by", write, fresh, campaignParams, (*call).campaign},
	{"PUT", "/v1/elections/:name", "election_renew", "renew, with lease; value=… changes the value, wait=5s waits for a change", write, 0, set(pLease, pValue, pWait), (*call).renewCandidacy},
	{"DELETE", "/v1/elections/:name", "election_resign", "resign, with lease", write | admin, 0, endParams, (*call).resign},
	{"GET", "/v1/elections/:name", "election_get", "who leads, who stands by; index=N&wait=30s waits for a change", read, 0, placeParams, (*call).getElection},
	{"POST", "/v1/elections/:name/hold", "election_hold", "campaign for as long as this connection lasts", write, fresh, candidateHold, (*call).holdCandidacy},
	{"GET", "/v1/elections/:name/history", "election_history", "who led, and why they lost it", read, 0, set(pConsistency), (*call).electionHistory},
	{"GET", "/v1/elections", "election_list", "list elections", read, 0, listParams, (*call).listElections},

	{"GET", "/v1/events", "events", "everything current, then what happens", read, fresh, set(pKind, pPrefix, pSince), (*call).events},

	{"GET", "/v1/holds", "hold_list", "what this sidecar keeps for clients that are connected to it", read, 0, set(pPrefix, pPage), (*call).listHolds},

	{"GET", "/v1/cluster", "cluster_get", "the group, as this sidecar last knew it", read, 0, set(pConsistency), (*call).getCluster},
	{"GET", "/v1/cluster/leader", "cluster_leader", "the Raft leader", read, 0, set(pConsistency), (*call).getRaftLeader},
	{"DELETE", "/v1/cluster/members/:id", "member_remove", "take out a member that is gone for good; for administrators", admin, 0, 0, (*call).removeMember},

	{"GET", "/", "index", "this page", open, lax, 0, (*call).indexPage},
	{"GET", "/livez", "livez", "is this process alive", open, lax | ops, 0, (*call).livez},
	{"GET", "/readyz", "readyz", "is this sidecar ready; quorum=1 asks for a Raft leader too", open, ops, set(pQuorum), (*call).readyz},
	{"GET", "/health/leader/:name", "health_leader", "does a candidate of this sidecar lead", read, lax | ops, 0, (*call).leaderHealth},
	{"GET", "/metrics", "metrics", "for Prometheus", read, lax | ops, 0, (*call).metricsPage},
	{"GET", "/ui", "ui", "a page for people: the group, locks, elections; reads only", open, lax, 0, (*call).uiPage},
	{"GET", "/ui/:file", "ui_file", "what that page is made of", open, lax, 0, (*call).uiFile},
	{"GET", "/openapi.yaml", "openapi", "the whole API, described", open, lax, 0, (*call).openapiPage},
}

// opOther counts what reached no route.
const opOther = "other"

// Ops lists every value of the op label that a Recorder may see.
func Ops() []string {
	names := make([]string, 0, len(routes)+1)
	for i := range routes {
		names = append(names, routes[i].op)
	}
	return append(names, opOther)
}

func (r *route) is(t traits) bool { return r.traits&t != 0 }

// methods are those under which a route is registered.
func (r *route) methods() []string {
	if r.method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{r.method}
}
