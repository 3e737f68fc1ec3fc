//go:build !linux

package doctor

import "os"

func namelessFile(dir string) (*os.File, error) { return unnamedFile(dir) }

func syncData(f *os.File) error { return f.Sync() }
