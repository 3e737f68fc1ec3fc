package uitest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/sidelock/sidelock/internal/chaos"
)

// seenWithin is how soon the page shows what has happened. It is generous: what never comes becomes a failure.
const seenWithin = 20 * time.Second

// browser is the context of the one that all tests share.
var browser context.Context

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(chaos.Around(func() int {
		ctx, cancel := chromedp.NewContext(context.Background())
		defer cancel()
		if err := chromedp.Do(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "no browser could be started; Debian's package is called chromium: %v\n", err)
			return 1
		}
		browser = ctx
		return m.Run()
	}))
}

// page is a tab of its own, with a storage of its own.
type page struct {
	t      *testing.T
	ctx    context.Context
	origin string

	mu     sync.Mutex
	faults []string
	bears  []string // parts of faults that are expected
}

// open opens the page of a sidecar. When the test ends it fails for whatever the browser complained of, violations of the policy among it,
// and for each request to anybody but that sidecar.
func open(t *testing.T, n *chaos.Node, bears ...string) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &page{t: t, ctx: ctx, origin: "http://" + n.API, bears: bears}
	// The first use makes the tab, which ends with the context of that.
	err0 := chromedp.Listen(ctx, p.hear)
	_, err1 := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	_, err2 := chromedp.Call(ctx, log.Enable, cdp.Empty{})
	if err := errors.Join(err0, err1, err2); err != nil {
		t.Fatal(err)
	}
	p.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(p.origin+"/ui"))
	t.Cleanup(p.judge)
	return p
}

// hear runs on the browser's own goroutine.
func (p *page) hear(event any) {
	var fault string
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && "http://"+u.Host == p.origin {
			return
		}
		fault = "a request to " + e.Request.URL
	case *runtime.EventExceptionThrown:
		fault = fmt.Sprintf("an exception: %+v", e.ExceptionDetails)
	case *runtime.EventConsoleAPICalled:
		fault = fmt.Sprintf("the console was told: %s", e.Type)
	case *log.EventEntryAdded:
		fault = fmt.Sprintf("%s %s: %s (%s)", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
	default:
		return
	}
	for _, b := range p.bears {
		if strings.Contains(fault, b) {
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, fault)
}

func (p *page) judge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		p.t.Error(f)
	}
}

func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, seenWithin)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// look evaluates an expression in the page.
func look[T any](p *page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, seenWithin)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// text is that of an element, as it is shown; "" if there is none.
func (p *page) text(selector string) string {
	p.t.Helper()
	return look[string](p, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// shows waits until an element shows all of some texts.
func (p *page) shows(selector string, parts ...string) {
	p.t.Helper()
	chaos.Until(p.t, seenWithin, fmt.Sprintf("%s to show %q", selector, parts), func() error {
		shown := p.text(selector)
		for _, part := range parts {
			if !strings.Contains(shown, part) {
				return fmt.Errorf("it shows %q", shown)
			}
		}
		return nil
	})
}

// holds waits until an expression is true.
func (p *page) holds(expression string) {
	p.t.Helper()
	chaos.Until(p.t, seenWithin, expression, func() error {
		if !look[bool](p, "Boolean("+expression+")") {
			return errors.New("it is not so")
		}
		return nil
	})
}

func (p *page) press(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// strike presses one key that the page takes for itself: then a keyboard types nothing, which press would.
func (p *page) strike(key string) {
	p.t.Helper()
	for _, typ := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
		if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: typ, Key: key}); err != nil {
			p.t.Fatal(err)
		}
	}
}

// row is that of a lock or of an election.
func row(kind, name string) string {
	return fmt.Sprintf("#%s-rows tr:has(a[href='?%s=%s'])", kind, kind, url.QueryEscape(name))
}
