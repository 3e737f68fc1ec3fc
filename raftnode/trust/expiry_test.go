package trust

import (
	"context"
	"crypto/x509"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const day = 24 * time.Hour

func lasting(d time.Duration) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(d) }
}

func TestExpiriesListWhatEnds(t *testing.T) {
	ca, next := newAuthority(t, "ca", nil, lasting(1000*day)), newAuthority(t, "next", nil, lasting(2000*day))
	between := newAuthority(t, "between", ca, lasting(500*day))
	node := between.issue("sidelock://prod", lasting(100*day))
	node.cert += between.pem
	f := newFiles(t, node, ca, next)
	tr, _, _ := f.open(t)
	var got []string
	for _, e := range tr.Expiries() {
		got = append(got, e.Use+" "+e.File+" "+stamp(e.NotAfter))
	}
	want := []string{"ca " + f.ca + " " + stamp(ca.cert.NotAfter), "ca " + f.ca + " " + stamp(next.cert.NotAfter),
		"peer " + f.cert + " " + stamp(tr.inForce.Load().own.Leaf.NotAfter), "peer " + f.cert + " " + stamp(between.cert.NotAfter)}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nnot\n%q", got, want)
	}
	if e := bySecret(t, oldSecret).Expiries(); len(e) != 0 {
		t.Errorf("a secret ends: %v", e)
	}
}

// TestEndOfACertificateIsSaidDailyBeforeAndAfter, in fake time.
func TestEndOfACertificateIsSaidDailyBeforeAndAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t, "ca", nil, lasting(1000*day))
		f := newFiles(t, ca.issue("sidelock://prod", lasting(100*day)), ca)
		log := newRecords()
		ctx, cancel := context.WithCancel(t.Context())
		tr, err := FromCertificates(ctx, f.ca, f.cert, f.key, slog.New(log), PollEvery(time.Hour))
		must(t, err)
		soon := func() int { return log.count("WARN a certificate ends soon", "use=peer", f.cert, "without a restart") }
		time.Sleep(85*day + time.Minute) // an hour of the hundred days was over at the start
		synctest.Wait()
		if n := soon(); n != 0 {
			t.Errorf("said %d times with more than %v left:\n%s", n, ExpiryWarning, log.text())
		}
		time.Sleep(14 * day)
		synctest.Wait()
		if n := soon(); n != 14 {
			t.Errorf("said %d times in the last 14 days:\n%s", n, log.text())
		}
		time.Sleep(3 * day)
		synctest.Wait()
		if n := log.count("WARN a certificate has ended", "use=peer", f.cert, "replace the file"); n != 3 {
			t.Errorf("said %d times in 3 days after the end:\n%s", n, log.text())
		}
		f.show(t, ca.issue("sidelock://prod", lasting(100*day)))
		time.Sleep(20 * day)
		synctest.Wait()
		if n := log.count("WARN"); n != 17 {
			t.Errorf("of the new one:\n%s", log.text())
		}
		cancel()
		tr.Close()
	})
}

func TestShortLivedCertificatesAreWarnedOfInTheirLastThird(t *testing.T) {
	ca := newAuthority(t, "ca", nil, lasting(1000*day))
	for _, m := range []struct {
		life, left time.Duration
		want       int
	}{
		{6 * day, 5 * day, 0}, {6 * day, 3 * day, 0}, {6 * day, day, 1},
		{42 * day, 13 * day, 1}, {365 * day, 15 * day, 0}, {365 * day, 13 * day, 1},
	} {
		f := newFiles(t, ca.issue("sidelock://prod", func(c *x509.Certificate) {
			c.NotAfter = time.Now().Add(m.left)
			c.NotBefore = c.NotAfter.Add(-m.life)
		}), ca)
		_, log, _ := f.open(t)
		if n := log.count("WARN a certificate ends soon", "use=peer"); n != m.want {
			t.Errorf("of one of %v with %v left, said %d times", m.life, m.left, n)
		}
	}
}

func TestFilesThatStayBrokenAreSaidDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := secretFile(t, oldSecret)
		log := newRecords()
		ctx, cancel := context.WithCancel(t.Context())
		tr, err := FromSecret(ctx, file, slog.New(log), PollEvery(time.Hour))
		must(t, err)
		write(t, file, "short\n")
		time.Sleep(3*day + time.Minute)
		synctest.Wait()
		if first, daily := log.count("ERROR the new peer secret cannot be used"), log.count("ERROR the new peer secret still cannot be used"); first != 1 || daily != 3 {
			t.Errorf("%d and %d times:\n%s", first, daily, log.text())
		}
		cancel()
		tr.Close()
	})
}
