//go:build !linux

package doctor

import "errors"

func lookAtDisk(string) (fileSystem, error) {
	return fileSystem{}, errors.New("this system is not asked")
}
