package cli

// What a release is built with, for builds whose source has no version of its own: the image's context and the archives of a release.
//
//	go build -ldflags '-X github.com/sidelock/sidelock/cli.stampedVersion=v1.2.3 -X github.com/sidelock/sidelock/cli.stampedCommit=abc123'
var stampedVersion, stampedCommit string

func (v Version) stamped() Version {
	if stampedVersion != "" {
		v.Version = stampedVersion
	}
	if stampedCommit != "" {
		v.Commit = stampedCommit
	}
	return v
}
