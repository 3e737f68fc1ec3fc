package recipes_test

import (
	"flag"
	"os"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// atOnce is how many tests run at a time: they wait more than they work, so more than there are processors.
const atOnce = "5"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	os.Exit(chaos.Main(m))
}
