// Package client takes locks, holds them and stands for election through a sidelock sidecar. It needs nothing but the
// standard library.
//
// Begin with [Client.Hold]:
//
//	c, err := client.New("") // the sidecar on http://localhost:5625
//	…
//	hold, err := c.Hold(ctx, "nightly", client.HoldOptions{}) // waits in line
//	…
//	defer hold.Release(context.Background())
//	work(hold.Context()) // ends by itself if the lock is lost
//
// The sidecar renews the lock for as long as the program lives. If the program dies, the next in line has it at once; if
// the machine does, after the TTL. Should the sidecar be restarted, the hold goes on. Should the sidecar lose touch with
// its group, or the program with its sidecar, the context of the hold ends *before* anybody else can have the lock;
// context.Cause says why: a [*LostError]. [Client.Campaign] is the same for elections, [Client.Observe] tells who leads.
//
// # What a lock cannot do
//
// A process may be stopped at any point, a suspended machine, a long pause of the garbage collector, and go on when its
// lock is another's: no context can end in a process that does not run. So send [Hold.Token] along to whatever the lock
// protects, and have that refuse a token older than the newest it has seen. Tokens rise with every grant.
//
// # Deadlines
//
// A lock may be relied on until a safe deadline, which is reckoned pessimistically. An answer counts from when its
// request was sent, never from when it came. A line of a hold stream counts from a moment before it can have arrived, for
// it may have lain in a socket while the process was stopped: see the type beats. Both the monotonic and the wall clock are
// asked, for the former stands still while a machine is suspended; the deadline has passed when either says so. The
// context of a hold ends a grace before that ([DefaultGrace]), for the work to stop in.
//
// # Errors
//
// Programs branch with errors.Is on [ErrHeld], [ErrLost], [ErrUnavailable] and the others; [*Error] has the details of a
// refusal, such as who holds the lock. Calls are repeated when no sidecar answered or it could not (502, 503, 504, 429),
// with pauses that grow and honour Retry-After: those that wait anyway until their context ends, the others for ten seconds
// ([WithRetryFor]). Repeating is safe, because the client chooses the lease ID of each call: said twice it has one effect.
// [WithOnRetry] tells a program why it hangs.
//
// # Keys and TLS
//
// [WithAPIKey] and [WithAPIKeyFile] send the API key that a sidecar may want, [WithCA] says whom to trust where its address begins with
// https://. A call without a key, or with one that may not make it, is refused with [ErrForbidden], and its text says what is missing. A
// hold goes on when its key is replaced: the sidecar closes the stream, and the next one begins with the key that the file has now.
//
// # Less, and more
//
// [Client.TryLock] and [Client.Lock] take a lock that the program renews by itself with [Lock.Renew]. [Client.GetLock],
// [Client.Locks], [Client.History], [Client.Events] and their like look on; [Client.Local] makes them work during an
// outage. [Client.ForceRelease] is for administrators.
//
// A lease ID is a secret: who has it may renew and release. The client draws them, and puts them into no error and no log; nor API keys.
package client
