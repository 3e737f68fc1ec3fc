// Package form is the agreement by which N fresh nodes become one group, once.
//
// Nobody is in charge yet, nodes start in any order, crash and come back, and
// see each other late. What must never happen is two groups out of one set of
// nodes, each answering "held". The agreement:
//
//   - A node's candidates are what it knows at first hand: its --join addresses,
//     its own, and those of nodes that spoke to it. Its union is these and the
//     candidates of every node it heard from. (Passing on what one heard at second
//     hand would keep an address alive in rumours after its node is gone.)
//   - A node promises a list only when every address of its union is reachable,
//     fresh (or has promised this very list), and reports the same union, cluster
//     size and voters, all unchanged for StableFor. The list is the N lowest node
//     IDs found there; the lowest voters of it vote. Only nodes on it promise.
//   - A promise is durable before anybody hears of it, and never changes. While it
//     is being written the node counts as neither fresh nor promised.
//   - Once somebody has promised a list, the others on it follow, as long as they
//     see no other promise and no other group, and everybody on the list is there
//     and fresh or has promised it. Otherwise an outsider that arrives or leaves
//     between two promises would leave the first one stuck for ever.
//   - The group is formed when every node on the list has reported the identical
//     promise. The cluster ID is derived from the list, so all compute the same.
//
// Why there is one group: a list comes into being only at a node whose union is
// closed (everybody in it reports the same one), with all of it fresh. Every
// union contains all that the join addresses lead to, so if they lead from each
// node to every other, then all unions are the same set and its lowest N the same
// list. Where they do not, a later and larger union contains the nodes of the
// earlier list, finds them promised, and waits. Join addresses that never lead
// to each other are two groups by configuration.
//
// [Former] is the driver: Form runs the agreement, Answer is the responder that
// the peer port calls for each probe. [Prober] and [Keeper] are what it needs.
package form
