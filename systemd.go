package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/sidelock/sidelock/raftnode"
)

// supervisor is systemd, where it is one that waits to be told (Type=notify): each message is one datagram to the socket that it names in
// $NOTIFY_SOCKET. That is the whole protocol, and less than the library for it would be. There are no keep-alives (WatchdogSec=): one from a
// goroutine of its own would say that goroutines run, and a disk that hangs ends the process without it.
type supervisor struct {
	socket string // empty: nobody waits
	log    *slog.Logger
}

func newSupervisor(log *slog.Logger) supervisor { return supervisor{os.Getenv("NOTIFY_SOCKET"), log} }

// follow tells what the node waits for, then that it is ready, exactly as /readyz would, and then that it stops, when ctx ends. It returns
// when all has been said.
func (s supervisor) follow(ctx context.Context, status func() raftnode.Status) {
	if s.socket == "" {
		return
	}
	defer s.say("STOPPING=1")
	ticker := time.NewTicker(supervisorLooksEvery)
	defer ticker.Stop()
	for said := ""; ; {
		st := status()
		if st.Ready {
			s.say("READY=1\nSTATUS=ready")
			<-ctx.Done()
			return
		}
		if st.NotReady != said {
			said = st.NotReady
			s.say("STATUS=" + strings.ReplaceAll(said, "\n", " ")) // a line is a message of its own
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

const supervisorLooksEvery = 50 * time.Millisecond

// say sends a message. One that is lost costs systemd's patience, and is no reason to end.
func (s supervisor) say(state string) {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err == nil {
		_, err = conn.Write([]byte(state))
		conn.Close()
	}
	if err != nil {
		s.log.Warn("systemd cannot be told how this node fares", "socket", s.socket, "err", err)
	}
}
