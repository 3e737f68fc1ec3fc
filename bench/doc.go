// Command bench measures sidelock as its users see it: it builds the binary, starts real processes with real disks, drives real HTTP
// through all of them, and prints throughput, latencies, CPU per request and errors.
//
//	go run ./bench -work acquire -clients 256 -nodes 3
//
// Works: acquire (acquire and release, a fresh lease each time), renew (of leases made beforehand), read (linearizable GET
// of held locks), handover (one contended lock). With -rate the load is open-loop: requests start on a fixed
// schedule, and latency counts from when a request was due, so that waiting is not hidden.
package main
