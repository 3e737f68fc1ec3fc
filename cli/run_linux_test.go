package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTheCommandDiesWithTheProgram(t *testing.T) {
	t.Parallel()
	_, p, h, _ := runNightly(t, long, long, sh("echo ready; exec sleep 1000")...)
	p.out.await(t, "ready")
	p.signal(syscall.SIGKILL)
	p.quiet()
	select {
	case <-h.gone:
	case <-time.After(soon):
		t.Error("the connection lives on")
	}
}

// onTerminal starts the program as a shell's foreground job would be: in a session of its own with a terminal, whose
// other end is the result.
func onTerminal(t *testing.T, s *fakeSidecar, args ...string) (*process, *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Stdin: tty, Stdout: tty, Stderr: tty, SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: true}}
	p := startWith(t, cmd, s, args...)
	tty.Close()
	go func() { // ends when nobody has the terminal any more
		buf := make([]byte, 4096)
		for {
			n, err := keyboard.Read(buf)
			_, _ = p.out.Write(bytes.ReplaceAll(buf[:n], []byte("\r\n"), []byte("\n")))
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { keyboard.Close() })
	return p, keyboard
}

func typed(t *testing.T, keyboard *os.File, keys string) {
	t.Helper()
	if _, err := keyboard.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// awaitState waits until a process is in a state of /proc: T is stopped, S asleep. A shell whose child was stopped between vfork and exec
// waits for it in D, and is stopped as well, though it never becomes T.
func awaitState(t *testing.T, pid int, state byte) {
	t.Helper()
	ticker, late := time.NewTicker(5*time.Millisecond), time.After(soon)
	defer ticker.Stop()
	for {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if i := bytes.LastIndexByte(stat, ')'); i >= 0 && (stat[i+2] == state || state == 'T' && stat[i+2] == 'D') {
			return
		}
		select {
		case <-ticker.C:
		case <-late:
			t.Fatalf("process %d does not become %c: %s", pid, state, stat)
		}
	}
}

// heldOnTerminal starts `sidelock run` on a terminal, with the lock granted.
func heldOnTerminal(t *testing.T, validFor time.Duration, command []string) (*fakeSidecar, *process, *os.File, *fakeStream) {
	t.Helper()
	s := newFakeSidecar(t)
	p, keyboard := onTerminal(t, s, append([]string{"run", "--lock", "nightly", "--ttl", long.String()}, command...)...)
	h := s.next(t)
	h.held(17, long, validFor)
	p.watch()
	return s, p, keyboard, h
}

const (
	ctrlC = "\x03"
	ctrlZ = "\x1a"
)

func TestACommandThatReadsTheTerminalIsGivenIt(t *testing.T) {
	t.Parallel()
	s, p, keyboard, h := heldOnTerminal(t, long, sh("read line; echo got $line; read line; echo also $line; exit 6"))
	typed(t, keyboard, "this\n")
	p.out.await(t, "got this\n")
	awaitState(t, p.pid(), 'S') // it reads again
	typed(t, keyboard, ctrlZ)
	awaitState(t, p.cmd.Process.Pid, 'T') // both are stopped, as a shell expects of a job
	awaitState(t, p.pid(), 'T')
	p.signal(syscall.SIGCONT)
	awaitState(t, p.pid(), 'S')
	typed(t, keyboard, "that\n")
	p.out.await(t, "also that\n")
	d := s.released(t)
	if front, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPGRP); err != nil || front != p.cmd.Process.Pid {
		t.Errorf("the terminal was not taken back: %d, %v", front, err)
	}
	if d.lease != h.lease || groupLives(p.pid()) {
		t.Error("released while something of the command is alive")
	}
	close(d.answered)
	if code := p.exit(); code != 6 {
		t.Errorf("exit code %d", code)
	}
}

func TestCtrlCReachesTheCommand(t *testing.T) {
	t.Parallel()
	s, p, keyboard, h := heldOnTerminal(t, long, sh("trap 'echo trapped; exit 5' INT; echo ready; while :; do sleep 0.1; done"))
	p.out.await(t, "ready")
	typed(t, keyboard, ctrlC)
	expectRelease(t, s, h, p)
	if code := p.exit(); code != 5 {
		t.Errorf("exit code %d", code)
	}
}

func TestCtrlZStopsTheCommandToo(t *testing.T) {
	t.Parallel()
	s, p, keyboard, h := heldOnTerminal(t, long, sh("echo ready; read line </dev/zero & while :; do sleep 0.1; [ -e \"$ALIVE.go\" ] && exit 8; done"))
	p.out.await(t, "ready")
	typed(t, keyboard, ctrlZ)
	awaitState(t, p.cmd.Process.Pid, 'T')
	awaitState(t, p.pid(), 'T')
	if err := os.WriteFile(p.fifo+".go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGCONT)
	expectRelease(t, s, h, p)
	if code := p.exit(); code != 8 {
		t.Errorf("exit code %d", code)
	}
}

func TestAStoppedCommandDoesNotGoOnWithoutTheLock(t *testing.T) {
	t.Parallel()
	// Were it to go on, it would say so at SIGTERM.
	s, p, keyboard, h := heldOnTerminal(t, 3*time.Second, append([]string{"--kill-after", "100ms"}, sh("trap 'echo went on' TERM; echo ready; while :; do sleep 0.1; done")...))
	p.out.await(t, "ready")
	typed(t, keyboard, ctrlZ)
	awaitState(t, p.cmd.Process.Pid, 'T')
	awaitState(t, p.pid(), 'T')
	<-time.After(3 * time.Second) // the lock's time is over, and nobody could notice
	p.signal(syscall.SIGCONT)
	p.quiet()
	expectRelease(t, s, h, p)
	if code := p.exit(); code != ExitLost {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(p.out.String(), "went on") {
		t.Errorf("it went on:\n%s", p.out)
	}
}

func TestAWaitIsShownOnATerminal(t *testing.T) {
	t.Parallel()
	s := newFakeSidecar(t)
	s.on("GET /v1/locks/nightly", 200, `{"name":"nightly","state":"held","limit":1,"index":9,"holders":[{"owner":"web-1","token":16,"limit":1,"held_for_ms":8200,"expires_in_ms":9100}]}`)
	p, _ := onTerminal(t, s, append([]string{"run", "--lock", "nightly"}, sh("echo ran")...)...)
	h := s.next(t)
	h.say(`{"event":"queued","position":2,"lease":%q}`, h.lease)
	p.out.await(t, `\r\x1b\[Kwaiting \d+s for lock nightly, number 2 in line, held by web-1 for \d`)
	h.held(17, long, long)
	p.out.await(t, `\r\x1b\[Kpid \d+\n`) // wiped away
}

func TestZombiesAreNotAlive(t *testing.T) {
	t.Parallel()
	first := exec.Command("sleep", "1000")
	first.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	group := first.Process.Pid
	second := exec.Command("sleep", "1000")
	second.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: group}
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	awaitState(t, group, 'Z') // nobody has waited for it
	if !groupLives(group) {
		t.Error("its other process is alive")
	}
	if err := second.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	awaitState(t, second.Process.Pid, 'Z')
	if groupLives(group) {
		t.Error("two zombies are taken to be alive")
	}
	_ = first.Wait()
	_ = second.Wait()
}
