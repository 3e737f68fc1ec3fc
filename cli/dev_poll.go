package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// clusterView is what dev reads of GET /v1/cluster.
type clusterView struct {
	Leader  *memberView  `json:"raft_leader"`
	Members []memberView `json:"members"`
}

type memberView struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

// devClient neither follows proxies nor keeps connections: the other end may be killed at any moment.
var devClient = &http.Client{
	Timeout:   devAskWithin,
	Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true},
}

// awaitReady returns when the node at url says that it is ready; after ctx the error is the last thing it said.
func awaitReady(ctx context.Context, url string) error {
	return poll(ctx, func() error {
		_, err := ask(ctx, url+"/readyz")
		return err
	})
}

// awaitLeader returns when the node at url knows a Raft leader, one that is not called but.
func awaitLeader(ctx context.Context, url, but string) (clusterView, error) {
	var view clusterView
	err := poll(ctx, func() error {
		body, err := ask(ctx, url+"/v1/cluster")
		if err != nil {
			return err
		}
		view = clusterView{}
		if err := json.Unmarshal(body, &view); err != nil {
			return fmt.Errorf("GET /v1/cluster: %w", err)
		}
		if view.Leader == nil || view.Leader.Name == but {
			view.Leader = nil
			return fmt.Errorf("no Raft leader is known")
		}
		return nil
	})
	return view, err
}

// poll tries until it succeeds or ctx ends, and then returns the last error that was not ctx's own.
func poll(ctx context.Context, try func() error) error {
	ticker := time.NewTicker(devPollEvery)
	defer ticker.Stop()
	var last error
	for {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-ticker.C:
		}
	}
}

// ask returns the body of a 200; anything else is an error with what the node said.
func ask(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := devClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDevAnswer))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s: %s", url, response.Status, strings.TrimSpace(string(body)))
	}
	return body, nil
}
