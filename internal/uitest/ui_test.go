package uitest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/sidelock/sidelock/internal/chaos"
)

// lostSidecar is what a browser says of requests to a process that was killed, and to one that has not caught up since.
var lostSidecar = []string{"net::ERR_", "status of 503"}

// TestPageTellsWhatHappensAsItHappens: grants, waiters, hand-overs, losses; a Raft leader that dies, and then the page's own sidecar.
func TestPageTellsWhatHappensAsItHappens(t *testing.T) {
	g := chaos.Start(t, 3)
	leader := g.Leader()
	here, other := g.Others(leader)[0], g.Others(leader)[1]
	p := open(t, here, lostSidecar...)
	p.shows("#headline", "One more sidecar may be lost")
	p.shows("#because", "Raft leader is "+leader.Name)
	p.shows("#link", "live")
	p.holds("document.querySelectorAll('#member-rows tr').length === 3")
	p.shows("#member-rows", leader.Name, "Voter, Raft leader", "well", "this one")

	held := other.Post("/v1/locks/deploy", "owner", "web-0", "ttl", "60s").Want(t, 201)
	p.shows(row("lock", "deploy"), "web-0", strconv.FormatUint(held.Body.Token, 10))
	left := p.text(row("lock", "deploy") + " .left")
	chaos.Until(t, seenWithin, "the time that is left to run down", func() error {
		if now := p.text(row("lock", "deploy") + " .left"); now == left {
			return fmt.Errorf("it is %s", now)
		}
		return nil
	})

	var wait sync.WaitGroup
	var next chaos.Answer
	wait.Go(func() { next = here.Post("/v1/locks/deploy", "owner", "web-1", "wait", "60s", "ttl", "60s") })
	p.holds(`document.querySelector("` + row("lock", "deploy") + `").lastChild.textContent === '1'`)
	p.shows("#kept-rows", "deploy", "web-1", "queued, number 1 in line")
	look[any](p, "document.querySelector(`"+row("lock", "deploy")+" a`).click()")
	p.shows("#detail", "deploy", "Waiting, the next one first", "web-1")
	look[any](p, "document.querySelector('.force summary').click()")
	p.shows("#detail code", "sidelock release --force deploy --token "+strconv.FormatUint(held.Body.Token, 10)+" --reason 'WHY'")
	p.holds("document.querySelectorAll('form:not(#key-form), button').length <= 9") // none that changes anything
	other.Delete("/v1/locks/deploy", "lease", held.Body.Lease).Want(t, 200)
	if wait.Wait(); next.Status != 201 || next.Body.Token <= held.Body.Token {
		t.Fatal(next)
	}
	p.shows(row("lock", "deploy"), "web-1", strconv.FormatUint(next.Body.Token, 10))
	p.shows("#feed", "released\ndeploy web-0", "granted\ndeploy web-1")
	p.shows("#detail .past:last-child", "released", "granted")

	hold := here.Hold("/v1/locks/import", "owner", "loader", "ttl", "5s")
	hold.Await(seenWithin, "held")
	p.shows("#kept-rows", "import", "loader", "held")
	forced := here.Get("/v1/locks/import").Want(t, 200).Body.Holders[0].Token
	look[any](p, "document.querySelector(`"+row("lock", "import")+" a`).click()")
	p.shows("#detail-title", "import")
	here.Admin("DELETE", "/v1/locks/import", "token", strconv.FormatUint(forced, 10), "reason", "stuck since noon").Want(t, 200)
	p.shows("#detail", "Why it was lost", "forced", "stuck since noon")
	here.Post("/v1/elections/scheduler", "owner", "web-0", "value", "10.0.0.1:8080", "ttl", "60s").Want(t, 201)
	other.Post("/v1/elections/scheduler", "owner", "web-1", "value", "10.0.0.2:8080", "ttl", "60s").Want(t, 201)
	p.shows(row("election", "scheduler"), "web-0", "10.0.0.1:8080", "1")

	leader.Kill()
	p.shows("#headline", "No more sidecars may be lost")
	p.shows("#because", "Raft leader is "+g.Leader().Name, leader.Name+" is not heard of")
	p.shows("#announce", "No more sidecars may be lost")
	other.Post("/v1/locks/after", "owner", "web-2", "ttl", "60s").Want(t, 201)
	p.shows(row("lock", "after"), "web-2")

	here.Kill()
	p.shows("#link", "connection lost, all of this is", "old")
	p.shows("#headline", here.Name+" does not answer")
	here.Start()
	p.shows("#link", "live")
	p.shows("#headline", "No more sidecars may be lost")
	other.Post("/v1/locks/again", "owner", "web-3", "ttl", "60s").Want(t, 201)
	p.shows("#feed", "granted\nagain web-3")

	here.Hold("/v1/locks/backup", "owner", "db-1", "ttl", "8s").Await(seenWithin, "held")
	p.shows("#kept-rows", "backup", "held")
	other.Kill()
	p.shows("#headline", "There is no majority")
	p.shows("#kept-rows", "backup", "in jeopardy: ")
	p.shows("#kept-count", "1 in jeopardy")
	p.shows("#lock-rows", "again", "web-3")
}

const hostile = `<img src=x onerror="window.hostile=1"><script>window.hostile=1</script>`

// TestTextOfStrangersStaysText: owners, values, metadata and reasons are anybody's.
func TestTextOfStrangersStaysText(t *testing.T) {
	n := chaos.Start(t, 1).Nodes[0]
	held := n.Post("/v1/locks/a", "owner", hostile, "ttl", "60s", "metadata."+hostile, hostile).Want(t, 201)
	n.Post("/v1/elections/b", "owner", hostile, "value", hostile, "ttl", "60s", "metadata.k", hostile).Want(t, 201)
	n.Post("/v1/elections/b", "owner", hostile+"2", "value", hostile, "ttl", "60s").Want(t, 201)
	n.Hold("/v1/locks/c", "owner", hostile)
	p := open(t, n)
	elements := look[int](p, "document.querySelectorAll('img, script').length")
	p.shows(row("lock", "a"), hostile)
	p.shows(row("election", "b"), hostile)
	p.shows("#kept-rows", hostile)
	for _, kind := range []string{"lock", "election"} {
		name := map[string]string{"lock": "a", "election": "b"}[kind]
		look[any](p, "document.querySelector(`"+row(kind, name)+" a`).click()")
		p.shows("#detail-title", name)
		p.shows("#detail", hostile, "token")
	}
	n.Admin("DELETE", "/v1/locks/a", "token", strconv.FormatUint(held.Body.Token, 10), "reason", hostile, "immediate", "true").Want(t, 200)
	p.shows("#feed", "forced\na", hostile)
	if now := look[int](p, "document.querySelectorAll('img, script').length"); now != elements {
		t.Errorf("%d elements of those kinds, there were %d", now, elements)
	}
	if look[bool](p, "'hostile' in window") {
		t.Error("text of a stranger ran")
	}
}

const apiKey = "a-key-of-somebody-on-call-0123456789abcdef"

// TestPageAsksForAKeyAndKeepsItInItsTab.
func TestPageAsksForAKeyAndKeepsItInItsTab(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(file, []byte("keys:\n  - {name: oncall, key: "+apiKey+", verbs: [read], prefixes: [web]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := chaos.Plan(t, 1, "--api-keys-file", file).Nodes[0]
	n.Start()
	n.AwaitReady()
	n.Admin("POST", "/v1/locks/web.a", "owner", "web-0", "ttl", "60s").Want(t, 201)
	n.Admin("POST", "/v1/locks/other", "owner", "web-0", "ttl", "60s").Want(t, 201)
	p := open(t, n, "401", "403")
	p.holds("document.querySelector('#ask-key').open")
	p.shows("#link", "needs a key")

	p.press("not-a-key" + kb.Enter) // the focus is there
	p.shows("#key-wrong", "does not know the API key")
	p.press(apiKey + kb.Enter)
	p.shows(row("lock", "web.a"), "web-0")
	p.shows("#link", "live")
	p.holds("!document.querySelector('#ask-key').open")
	if shown := p.text("#lock-rows"); strings.Contains(shown, "other") {
		t.Errorf("the key reaches %q", shown)
	}
	if look[bool](p, "document.documentElement.outerHTML.includes('"+apiKey+"') || localStorage.length > 0 || document.cookie !== '' || location.href.includes('"+apiKey+"')") {
		t.Error("the key is where it does not belong")
	}
	p.do(chromedp.Reload())
	p.shows(row("lock", "web.a"), "web-0")

	p.strike("/")
	p.press("other")
	p.shows("#notice", "does not reach")
	look[any](p, "document.querySelector('#forget').click()")
	p.holds("document.querySelector('#ask-key')?.open && sessionStorage.length === 0")
}

// TestPageIsUsedByKeyboardAlone, and does not drown in names.
func TestPageIsUsedByKeyboardAlone(t *testing.T) {
	n := chaos.Start(t, 1).Nodes[0]
	acquireMany(t, n, 2000)
	p := open(t, n)
	p.shows("#locks-count", "1 to 50, and more")
	p.holds("document.querySelectorAll('#lock-rows tr').length === 50")
	p.shows("#headline", "This is a group of one")

	focused := func(selector string) { t.Helper(); p.holds("document.activeElement.matches(\"" + selector + "\")") }
	p.press(kb.Tab)
	focused("a.skip")
	p.holds("document.activeElement.getBoundingClientRect().top >= 0 && getComputedStyle(document.activeElement).outlineStyle !== 'none'")
	p.press(kb.Enter + kb.Tab)
	focused(row("lock", "job-0000") + " a")
	p.holds("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
	p.press(kb.Enter)
	focused("#detail-title")
	p.shows("#detail", "job-0000", "batch")
	p.press(kb.Tab + kb.Tab + kb.Enter + kb.Tab) // Close, then the summary, which opens, then Copy
	p.holds("document.querySelector('.force').open && document.activeElement.textContent === 'Copy'")
	p.press(kb.Escape)
	focused(row("lock", "job-0000") + " a")
	p.holds("document.querySelector('#detail').hidden")

	look[any](p, "document.querySelector('#lock-pages button:last-child').focus()")
	p.press(kb.Enter)
	p.shows("#locks-count", "51 to 100")
	p.shows("#lock-rows", "job-0050")
	focused("#locks")

	p.strike("/")
	focused("#prefix")
	p.press("job-0123")
	p.holds("document.querySelectorAll('#lock-rows tr').length === 1")
	p.shows("#lock-rows", "job-0123")
	p.holds("location.search === '?prefix=job-0123'")
	p.press("*")
	p.shows("#notice", "No name begins so")
}

// acquireMany takes locks as their many clients would: all at once.
func acquireMany(t *testing.T, n *chaos.Node, count int) {
	t.Helper()
	names := make(chan string)
	var work sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute}
	for range 64 {
		work.Go(func() {
			for name := range names {
				resp, err := client.Post("http://"+n.API+"/v1/locks/"+name+"?owner=batch&ttl=10m", "", nil)
				if err != nil || resp.StatusCode != http.StatusCreated {
					t.Errorf("%s: %v %v", name, resp, err)
					continue
				}
				resp.Body.Close()
			}
		})
	}
	for i := range count {
		names <- fmt.Sprintf("job-%04d", i)
	}
	close(names)
	work.Wait()
}
