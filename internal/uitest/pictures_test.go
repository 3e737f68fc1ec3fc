package uitest

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/sidelock/sidelock/internal/chaos"
)

var pictures = flag.String("pictures", "", "write the pictures of docs/ui.md into this directory")

// maxPicture keeps the repository light.
const maxPicture = 150 << 10

// TestPictures: what a busy group looks like, light, dark and on a phone, where nothing may stick out.
func TestPictures(t *testing.T) {
	g := chaos.Start(t, 3)
	n := g.Nodes[0]
	furnish(t, n, g.Nodes[1])
	for _, look := range []struct {
		name          string
		width, height int64
		scale         float64
		scheme, query string
	}{
		{"light", 1280, 900, 1, "light", ""},
		{"dark", 1280, 900, 1, "dark", "?lock=billing:invoices"},
		{"phone", 360, 780, 2, "light", ""},
	} {
		p := open(t, n)
		if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}},
		}); err != nil {
			t.Fatal(err)
		}
		p.do(chromedp.EmulateViewport(look.width, look.height, chromedp.EmulateScale(look.scale)), chromedp.Navigate(p.origin+"/ui"+look.query))
		p.shows("#headline", "One more sidecar may be lost")
		p.shows(row("lock", "nightly-report"), "cron@db-2")
		p.shows("#feed", "expired")
		if look.query != "" {
			p.shows("#detail .past", "stuck since noon")
		}
		p.holds("document.documentElement.scrollWidth <= innerWidth")
		var picture []byte
		p.do(func(ctx context.Context, target *chromedp.Target) (_ chromedp.Void, err error) {
			picture, err = chromedp.CaptureScreenshot()(ctx, target)
			return chromedp.Void{}, err
		})
		picture = light(t, picture)
		if len(picture) > maxPicture {
			t.Errorf("%s has %d bytes", look.name, len(picture))
		}
		if *pictures == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(*pictures, look.name+".png"), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// light is a picture with the 256 colours that it has most of: a page has few, and shades at the edges of letters.
func light(t *testing.T, picture []byte) []byte {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[color.Color]int{}
	for y := range full.Bounds().Dy() {
		for x := range full.Bounds().Dx() {
			counts[full.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(counts), func(a, b color.Color) int { return cmp.Compare(counts[b], counts[a]) })
	small := image.NewPaletted(full.Bounds(), color.Palette(colours[:min(256, len(colours))]))
	draw.Draw(small, small.Bounds(), full, image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// furnish makes a group look as if it were at work.
func furnish(t *testing.T, n, other *chaos.Node) {
	t.Helper()
	take := func(at *chaos.Node, name, owner, ttl string, more ...string) chaos.Answer {
		t.Helper()
		return at.Post("/v1/locks/"+name, append([]string{"owner", owner, "ttl", ttl}, more...)...).Want(t, 201)
	}
	stuck := take(other, "billing:invoices", "billing-7f9c-2", "1h")
	n.Admin("DELETE", "/v1/locks/billing:invoices", "token", strconv.FormatUint(stuck.Body.Token, 10), "reason", "stuck since noon, ticket 4711", "immediate", "true").Want(t, 200)
	take(other, "billing:invoices", "billing-7f9c-4", "1s")
	chaos.Until(t, seenWithin, "a lease to expire", func() error {
		if a := n.Get("/v1/locks/billing:invoices"); len(a.Body.Holders) > 0 {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	take(n, "billing:invoices", "billing-7f9c-0", "90s", "metadata.run", "2026-11", "metadata.commit", "4f2a9c1")
	take(n, "nightly-report", "cron@db-2", "10m", "min_hold", "12h")
	take(other, "cache.warm", "web-3", "40s")
	for _, owner := range []string{"job-11", "job-12", "job-13"} {
		take(n, "import.slots", owner, "2m", "limit", "3")
	}
	take(other, "schema", "api-0", "30s", "mode", "shared")
	for _, owner := range []string{"billing-7f9c-1", "billing-7f9c-3"} {
		other.Hold("/v1/locks/billing:invoices", "owner", owner).Await(seenWithin, "queued")
	}
	n.Hold("/v1/locks/backup", "owner", "backup@db-1", "ttl", "15s").Await(seenWithin, "held")
	n.Hold("/v1/locks/billing:invoices", "owner", "billing-7f9c-5").Await(seenWithin, "queued")
	for i, owner := range []string{"web-0", "web-1", "web-2"} {
		n.Post("/v1/elections/scheduler", "owner", owner, "value", "10.0.0."+strconv.Itoa(i+1)+":8080", "ttl", "2m").Want(t, 201)
	}
	n.Post("/v1/elections/mailer", "owner", "mail-1", "value", "10.0.1.7:2525", "ttl", "1m").Want(t, 201)
}
