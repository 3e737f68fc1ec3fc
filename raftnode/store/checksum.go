package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/hashicorp/raft"
)

// Each stored entry carries, in front of its Extensions, a version byte and the
// CRC32C of what Raft depends on. raft-boltdb has no checksum of its own and
// returned a tampered entry without an error. The layout is on people's disks:
// another one needs another version byte.
const (
	sealVersion = 1
	sealBytes   = 1 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal returns a copy of l as it is stored. l itself stays as it is: raft and
// its cache keep it and send it to others.
func seal(l *raft.Log) *raft.Log {
	stored := *l
	stored.Extensions = make([]byte, sealBytes, sealBytes+len(l.Extensions))
	stored.Extensions[0] = sealVersion
	binary.BigEndian.PutUint32(stored.Extensions[1:], entrySum(l))
	stored.Extensions = append(stored.Extensions, l.Extensions...)
	return &stored
}

// unseal verifies a stored entry and takes the seal off, in place. want is the
// index that was asked for: an intact entry in another's place is as wrong as a
// damaged one.
func unseal(l *raft.Log, want uint64) error {
	if len(l.Extensions) < sealBytes {
		return fmt.Errorf("the checksum is missing")
	}
	if v := l.Extensions[0]; v != sealVersion {
		return fmt.Errorf("the checksum has version %d, this version of sidelock knows %d", v, sealVersion)
	}
	stored := binary.BigEndian.Uint32(l.Extensions[1:])
	l.Extensions = l.Extensions[sealBytes:]
	if len(l.Extensions) == 0 {
		l.Extensions = nil
	}
	if computed := entrySum(l); computed != stored {
		return fmt.Errorf("the checksum is %08x, stored was %08x", computed, stored)
	}
	if l.Index != want {
		return fmt.Errorf("an entry of index %d stands here", l.Index)
	}
	return nil
}

// entrySum covers index, term, type, data and extensions, each with its length.
// AppendedAt is left out: it is information for people, and its encoding is the library's.
func entrySum(l *raft.Log) uint32 {
	var head [8 + 8 + 1 + 8]byte
	binary.BigEndian.PutUint64(head[0:], l.Index)
	binary.BigEndian.PutUint64(head[8:], l.Term)
	head[16] = byte(l.Type)
	binary.BigEndian.PutUint64(head[17:], uint64(len(l.Data)))
	sum := crc32.Update(0, castagnoli, head[:])
	sum = crc32.Update(sum, castagnoli, l.Data)
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(l.Extensions)))
	sum = crc32.Update(sum, castagnoli, n[:])
	return crc32.Update(sum, castagnoli, l.Extensions)
}

// pairSum is the checksum of one record of term and vote.
func pairSum(key, val []byte) uint32 {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(key)))
	sum := crc32.Update(0, castagnoli, n[:])
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, val)
}
