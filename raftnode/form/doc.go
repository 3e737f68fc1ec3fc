// Package form is the agreement by which N fresh nodes become one group, once.
//
// Nobody is in charge yet, nodes start in any order, crash and come back, and
// see each other late. What must never happen is two groups out of one set of
// nodes, each answering "held". The agreement:
//
//   - A node's candidates are what it knows at first hand: what its discovery
//     answers, its own address, and those of nodes that spoke to it. Its union is
//     these and the candidates of every node it heard from. (Passing on what one
//     heard at second hand would keep an address alive in rumours after its node is
//     gone.) Discovery is asked again and again, and what is missing in an answer
//     is kept for ForgetAfter: while a group forms, unions as good as only grow.
//   - A node whose discovery has a fault, or no answer yet, says so: its candidates
//     may not be all. That keeps everybody who hears of it from drawing up a list,
//     not only itself. It keeps nobody from following one, or from joining a group.
//   - A node promises a list only when every address of its union is reachable,
//     fresh (or has promised this very list), and reports the same union, cluster
//     size and voters, all unchanged for StableFor, with a lookup begun and answered
//     in that time. The list is the N lowest node IDs found there; the lowest voters
//     of it vote. Only nodes on it promise. Who waits for an existing group is on no
//     list, and keeps nobody from one.
//   - A promise is durable before anybody hears of it, and never changes. While it
//     is being written the node counts as neither fresh nor promised.
//   - Once somebody has promised a list, the others on it follow, as long as they
//     see no other promise and no other group, and everybody on the list is there
//     and fresh or has promised it. Otherwise an outsider that arrives or leaves
//     between two promises would leave the first one stuck for ever.
//   - The group is formed when every node on the list has reported the identical
//     promise. The cluster ID is derived from the list, so all compute the same.
//   - A node that has promised nothing and meets a formed group, one and only one
//     after all its addresses were asked, forms nothing: that group is to take it
//     in. As long as it asks for that it is no founder for others either, and leads
//     them to the group. Who meets two groups waits, and says so.
//
// # Why there is one group
//
// A list comes into being only at a node whose union is closed (everybody in it
// reports the same one) and complete, with all of it fresh. Let there be two lists.
// If a node is in both unions, it reported the one before the other; unions grow, so
// the later one contains the nodes of the earlier list, and whoever drew up the
// later one found them promised, or writing, or out of reach, and waited. (Nor can
// both be drawn up at once: a node takes up what the prober says before it answers
// "fresh", and decides under the same lock.) So the unions have no node in common:
// there were, for StableFor, two sets of N nodes or more, and discovery, without a
// fault, led no node of either to anybody outside. Hence
//
//   - for any N, one assumption: there is one node, up or not, to which the answers of
//     discovery lead from every other, in steps, where they have no fault. (Then each
//     closed and complete union has it, and no two are apart.) One address that all
//     of them answer is enough, and so is a list of all in each configuration. How
//     partial they are beyond that, and for how long, does not matter. Sets that stay
//     apart for longer than StableFor, each of N nodes, are two groups by configuration.
//     (And a group that is down, all of it, is found only by its addresses: where no
//     answer has them, N fresh nodes know nothing of it.)
//   - for N of more than half of all the identities that are ever started (a wiped
//     node is a new one), no assumption: two lists then have a node in common, it
//     promises only one of them, and a group takes the promise of all on its list.
//     Whatever discovery answers, and whatever nodes forget in a crash, there is one
//     group or none; if none comes of it, *ConflictError says so.
//
// schedule_test.go and ten_test.go hold these two against random histories.
//
// [Former] is the driver: Form runs the agreement, Answer is the responder that
// the peer port calls for each probe. [Prober] and [Keeper] are what it needs.
package form
