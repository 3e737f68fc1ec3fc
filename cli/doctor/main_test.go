package doctor_test

import (
	"os"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestMain builds the program for the tests with real sidecars.
func TestMain(m *testing.M) { os.Exit(chaos.Main(m)) }
