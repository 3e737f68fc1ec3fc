// Package sim is a network in memory, for tests in fake time.
//
// A Net joins named hosts. Each host has a view of it, Net.Host("n1"), with
// Listen and Dial as the peer port wants them. Connections behave like TCP as
// far as faults are concerned: bytes sent into a cut link are not lost but sent
// again, ever more rarely, a closing is heard only over a link that works, a
// dial into a cut hangs until its context ends, and a host that lost its power
// says nothing at all. Faults belong to directed links, so that a link can be
// cut one way.
//
// Everything blocks on channels, timers and net.Pipe alone, which is what a
// testing/synctest bubble needs; there is no socket. Make the Net inside the
// bubble and Close it there.
package sim
