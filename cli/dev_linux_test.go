package cli

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestNodesDieWithDev(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := newTranscript()
	dev := exec.Command(executable, "dev", "--base-port", "0", "--data-dir", t.TempDir())
	dev.Env = append(os.Environ(), fakeServeVar+"=ok")
	dev.Stdout = out
	dev.WaitDelay = soon
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	defer dev.Process.Kill()
	out.await(t, "Ctrl-C stops everything")
	var conns []net.Conn
	for _, name := range []string{"n1", "n2", "n3"} {
		conn, err := net.Dial("tcp", "127.0.0.1:"+out.await(t, fmt.Sprintf(rowPattern, name, ".*"))[1])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// Only an answered connection is surely the process's own, and not still the kernel's.
		fmt.Fprintf(conn, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	if err := dev.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for i, conn := range conns {
		if err := conn.SetReadDeadline(time.Now().Add(soon)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
			t.Errorf("n%d lives on", i+1)
		}
	}
	_ = dev.Wait()
}
