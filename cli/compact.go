package cli

import "fmt"

// compactCommand is `sidelock compact`.
type compactCommand struct{ offlineDir }

// Run gives room back to the file system, and says how much.
func (v *compactCommand) Run(c *call) error {
	r := reader{c.faults}
	dir := v.dir(c, r)
	if err := c.faults.err(c.name); err != nil {
		return err
	}
	c.warn()
	done, err := c.app.Compact(dir, ReadVersion().Version)
	if err != nil {
		return err
	}
	if done.After == done.Before {
		_, err = fmt.Fprintf(c.stdout, "the log in %s takes %s, and would not take less: nothing was changed\n", dir, bytesOf(done.Before))
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "the log in %s took %s, and takes %s now\n", dir, bytesOf(done.Before), bytesOf(done.After))
	return err
}

// bytesOf writes a size as a person would say it.
func bytesOf(n int64) string {
	switch {
	case n < 1<<10:
		return counted(int(n), "byte")
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
