package trust

import "time"

const (
	// MinSecret is the least length of a secret in bytes of text, and minDistinct how many different characters it has at
	// least. 32 hexadecimal digits drawn at random have fewer with a chance below one in ten million.
	MinSecret   = 32
	minDistinct = 8
	// MaxSecrets is how many secrets a file may hold: two during a rotation.
	MaxSecrets = 8
	// MaxCAs is how many CAs the file of them may hold.
	MaxCAs = 64

	// ExpiryWarning is how long before the end of a certificate the log begins to warn, once a day. Those that live for less
	// than three times as long are warned of in the last third of their life: they are replaced that often.
	ExpiryWarning = 14 * 24 * time.Hour
	// remindEvery is how often the log repeats what is wrong with certificates and files.
	remindEvery = 24 * time.Hour

	// maxQuoted is how many bytes of what a stranger says of itself are repeated.
	maxQuoted = 80
)
