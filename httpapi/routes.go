package httpapi

import "net/http"

// route is one call of the API.
type route struct {
	method string
	path   string
	op     string // its name in metrics and in openapi.yaml
	does   string // for people
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

var (
	placeParams    = set(pConsistency, pIndex, pWait)
	acquireParams  = set(pOwner, pTTL, pWait, pLease, pLimit, pMode, pMinHold, pMetadata)
	campaignParams = set(pOwner, pTTL, pValue, pLease, pMetadata)
	candidateHold  = set(pOwner, pTTL, pValue, pLease, pMetadata, pWait)
	endParams      = set(pLease, pToken, pReason, pImmediate)
	listParams     = set(pPrefix, pAfter, pPage, pConsistency)
)

// routes is everything that can be asked. HEAD goes with every GET.
var routes = []route{
	{"POST", "/v1/locks/:name", "lock_acquire", "acquire a lock, or wait in line with wait=30s", fresh, acquireParams, (*call).acquireLock},
	{"PUT", "/v1/locks/:name", "lock_renew", "renew, with lease", 0, set(pLease), (*call).renewLock},
	{"DELETE", "/v1/locks/:name", "lock_release", "release, with lease", 0, endParams, (*call).releaseLock},
	{"GET", "/v1/locks/:name", "lock_get", "who holds it, who waits; index=N&wait=30s waits for a change", 0, placeParams | set(pToken), (*call).getLock},
	{"POST", "/v1/locks/:name/hold", "lock_hold", "hold it for as long as this connection lasts", fresh, acquireParams, (*call).holdLock},
	{"GET", "/v1/locks/:name/history", "lock_history", "who held it, and why they lost it", 0, set(pConsistency), (*call).lockHistory},
	{"GET", "/v1/locks", "lock_list", "list locks", 0, listParams, (*call).listLocks},

	{"POST", "/v1/leases", "lease_create", "make a lease for many names", fresh, set(pOwner, pTTL, pLease, pMetadata), (*call).createLease},
	{"PUT", "/v1/leases/:lease", "lease_renew", "renew, and learn all that it holds", 0, 0, (*call).renewLease},
	{"DELETE", "/v1/leases/:lease", "lease_revoke", "end it, releasing everything", 0, 0, (*call).revokeLease},
	{"GET", "/v1/leases/:lease", "lease_get", "what it holds and waits for", 0, set(pConsistency), (*call).getLease},

	{"POST", "/v1/elections/:name", "election_campaign", "campaign, or stand by", fresh, campaignParams, (*call).campaign},
	{"PUT", "/v1/elections/:name", "election_renew", "renew, with lease; value=… changes the value, wait=5s waits for a change", 0, set(pLease, pValue, pWait), (*call).renewCandidacy},
	{"DELETE", "/v1/elections/:name", "election_resign", "resign, with lease", 0, endParams, (*call).resign},
	{"GET", "/v1/elections/:name", "election_get", "who leads, who stands by; index=N&wait=30s waits for a change", 0, placeParams, (*call).getElection},
	{"POST", "/v1/elections/:name/hold", "election_hold", "campaign for as long as this connection lasts", fresh, candidateHold, (*call).holdCandidacy},
	{"GET", "/v1/elections/:name/history", "election_history", "who led, and why they lost it", 0, set(pConsistency), (*call).electionHistory},
	{"GET", "/v1/elections", "election_list", "list elections", 0, listParams, (*call).listElections},

	{"GET", "/v1/events", "events", "everything current, then what happens", fresh, set(pKind, pPrefix, pSince), (*call).events},

	{"GET", "/v1/cluster", "cluster_get", "the group, as this sidecar last knew it", 0, set(pConsistency), (*call).getCluster},
	{"GET", "/v1/cluster/leader", "cluster_leader", "the Raft leader", 0, set(pConsistency), (*call).getRaftLeader},

	{"GET", "/", "index", "this page", lax, 0, (*call).indexPage},
	{"GET", "/livez", "livez", "is this process alive", lax | ops, 0, (*call).livez},
	{"GET", "/readyz", "readyz", "is this sidecar ready; quorum=1 asks for a Raft leader too", ops, set(pQuorum), (*call).readyz},
	{"GET", "/health/leader/:name", "health_leader", "does a candidate of this sidecar lead", lax | ops, 0, (*call).leaderHealth},
	{"GET", "/metrics", "metrics", "for Prometheus", lax | ops, 0, (*call).metricsPage},
	{"GET", "/openapi.yaml", "openapi", "the whole API, described", lax, 0, (*call).openapiPage},
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
