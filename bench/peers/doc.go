// Command peers measures etcd, as Debian packages it, in the way that ../ measures sidelock: three real processes with their
// defaults on this machine, driven through all of them, so that both can be compared in one sitting. It is a module of its
// own: what it needs is no business of sidelock's.
//
//	apt-get install etcd-server && cd bench/peers && go run . -work acquire -clients 64
//
// Works: acquire (put if absent with a lease made beforehand, then delete: two commits), fresh (a lease each time: grant, put if absent,
// revoke), renew (unary keep-alives of 10,000 leases), read (linearizable gets).
package main
