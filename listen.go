package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"github.com/sidelock/sidelock/cli"
	"github.com/sidelock/sidelock/httpapi"
)

// listen opens all that the API is asked at, and serves it.
func listen(cfg cli.ServeConfig, api *httpapi.API, w *walls, stop context.CancelCauseFunc) ([]*http.Server, error) {
	var servers []*http.Server
	serve := func(h http.Handler, listeners ...net.Listener) {
		s := httpapi.NewServer(h, w.log)
		servers = append(servers, s)
		for _, l := range listeners {
			run(s, l, stop)
		}
	}
	addresses, err := listenAPI(cfg, w)
	serve(api.Handler(), addresses...)
	if err != nil {
		return servers, err
	}
	if cfg.APISocket != "" {
		l, err := listenSocket(context.Background(), cfg.APISocket)
		if err != nil {
			return servers, fmt.Errorf("open the API's socket: %w; choose another with --api-socket", err)
		}
		w.log.Info("serving the API", "socket", cfg.APISocket, "keys", w.asked())
		serve(api.SocketHandler(), l)
	}
	if l, err := listenAdmin(cfg.DataDir); err != nil {
		w.log.Warn("administrators' calls are not available: their socket cannot be made", "err", err)
	} else {
		serve(api.AdminHandler(), l)
	}
	if cfg.OpsAddr != "" {
		l, err := net.Listen("tcp", cfg.OpsAddr)
		if err != nil {
			return servers, fmt.Errorf("open the ops address: %w; choose another with --ops-addr", err)
		}
		w.log.Info("serving probes and metrics", "addr", l.Addr().String())
		serve(api.OpsHandler(), l)
	}
	return servers, nil
}

// listenAPI opens the API's addresses. After an error those that are open already are returned too, to be closed by their server.
func listenAPI(cfg cli.ServeConfig, w *walls) (open []net.Listener, err error) {
	for _, a := range cfg.APIAddrs {
		l, err := httpapi.Listen(context.Background(), "tcp", a.Addr)
		if a.Optional && absent(err) {
			continue
		}
		if err != nil {
			return open, fmt.Errorf("open the API: %w; choose another with --api-addr", err)
		}
		open = append(open, w.secure(l))
		w.log.Info("serving the API", "addr", l.Addr().String(), "tls", w.cert != nil, "keys", w.asked())
	}
	if len(open) == 0 {
		return nil, errors.New("open the API: this machine has none of the addresses of --api-addr")
	}
	return open, nil
}

func run(s *http.Server, l net.Listener, stop context.CancelCauseFunc) {
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			stop(died{fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)})
		}
	}()
}

// absent says whether the machine lacks the address, as one without IPv6 lacks ::1.
func absent(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}
