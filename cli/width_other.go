//go:build !unix

package cli

import "io"

// terminalWidth is in columns.
func terminalWidth(io.Writer) int { return 80 }
