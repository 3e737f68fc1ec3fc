package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// fsyncs is how long a small write to the disk took, again and again.
type fsyncs struct {
	p50, p99, worst time.Duration
	writes          int
}

// fsync measures what each commit has to wait for.
func (d *examination) fsync(context.Context) {
	dir := existing(d.cfg.DataDir)
	f, err := d.cfg.measure(dir)
	if err != nil {
		d.warn(Fsync, "", "run this as the user that the sidecar runs as", "how long the disk takes could not be measured at %s: %v", dir, err)
		return
	}
	figures := fmt.Sprintf("%s of %d bytes at %s: half took up to %s, 99 %% up to %s, the worst %s",
		plural(f.writes, "synced write"), fsyncBytes, dir, short(f.p50), short(f.p99), short(f.worst))
	switch {
	case f.p99 > fsyncTooSlow:
		d.fail(Fsync, "", "use a faster disk, or one of its own; --raft-timing wan is more patient", "%s. Above %s the Raft leader may be lost without another fault", figures, fsyncTooSlow)
	case f.p99 > fsyncSlow:
		d.warn(Fsync, "", "look what else writes to this disk, or use a faster one", "%s. Above %s every acquire is slow", figures, fsyncSlow)
	default:
		d.ok(Fsync, "", "%s", figures)
	}
}

// measureFsync writes pages, one after the other, and waits for each to be on disk, as the log does. The file has no name; what it holds is
// gone when it is closed.
func measureFsync(dir string) (out fsyncs, err error) {
	f, err := namelessFile(dir)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	page := make([]byte, fsyncBytes)
	// The log writes within a file that is large enough already: so does this.
	if _, err := f.Write(make([]byte, fsyncWrites*fsyncBytes)); err != nil {
		return out, err
	}
	if err := f.Sync(); err != nil {
		return out, err
	}
	var took []time.Duration
	for began := time.Now(); len(took) < fsyncWrites && (len(took) == 0 || time.Since(began) < fsyncWithin); {
		page[0]++
		one := time.Now()
		if _, err := f.WriteAt(page, int64(len(took)*fsyncBytes)); err != nil {
			return out, err
		}
		if err := syncData(f); err != nil {
			return out, err
		}
		took = append(took, time.Since(one))
	}
	return summary(took), nil
}

func summary(took []time.Duration) fsyncs {
	slices.Sort(took)
	last := len(took) - 1
	return fsyncs{p50: took[last/2], p99: took[last*99/100], worst: took[last], writes: len(took)}
}
