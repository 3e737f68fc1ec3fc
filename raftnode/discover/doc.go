// Package discover finds the addresses of possible peers: what --join says, looked
// up again each time it is asked.
//
// It knows addresses, not nodes. Who is behind one, and whether he is of the same
// group, is the business of the forming agreement (raftnode/form) and of the peer
// port's hello. So nothing here can do harm but one thing: to be silent about what
// could not be found out. Two halves of a set of nodes that each take their half
// for all there is may become two groups. Hence:
//
//   - What could not be looked up is a fault, beside whatever else was found: a name
//     that does not exist, a file that is missing or empty, half an answer (the IPv4
//     addresses came, the question for IPv6 timed out), one address more than the
//     limit. No fault means: this is all that there is, as far as the sources know.
//   - Every source has its own time limit, and one that hangs takes nothing from the
//     others.
//   - Answers are in order and without repeats, so that two equal ones look equal.
//
// Begin at [Parse].
package discover
