package peer

import (
	"strings"
	"testing"
)

// TestMemberOfAReplacedClusterIsToldSo, whichever side calls; others are told to correct their addresses.
func TestMemberOfAReplacedClusterIsToldSo(t *testing.T) {
	old := Identity{ClusterID: "cluster-a", NodeID: "n_old", Name: "web-1"}
	now := Identity{ClusterID: "cluster-c", NodeID: "n_now", Name: "web-0", Ancestors: []string{"cluster-b", "cluster-a"}}
	other := Identity{ClusterID: "cluster-z", NodeID: "n_other", Name: "db-0"}
	for what, pair := range map[string][2]Identity{"the old one calls": {now, old}, "the new one calls": {old, now}} {
		code, message := refusal(pair[0], pair[1].hello(KindRaft, pair[0].NodeID))
		if code != CodeForeignCluster {
			t.Fatalf("%s: %q %s", what, code, message)
		}
		checkReplaced(t, what, message)
		p := &Port{}
		err := p.judge(pair[1], KindRaft, "10.0.0.1:5626", pair[0].NodeID, answer{OK: true, Hello: pair[0].hello(KindRaft, pair[0].NodeID)})
		if err == nil {
			t.Fatalf("%s: the answer was taken", what)
		}
		checkReplaced(t, what, err.Error())
	}
	code, message := refusal(now, other.hello(KindRaft, now.NodeID))
	if code != CodeForeignCluster || strings.Contains(message, "recovery") || !strings.Contains(message, "correct --join") || !strings.Contains(message, "cluster-z") {
		t.Errorf("a stranger: %q %s", code, message)
	}
}

func checkReplaced(t *testing.T, what, message string) {
	t.Helper()
	moved := strings.Index(message, "move the data directory of the former away")
	old, now := strings.Index(message, "n_old"), strings.Index(message, "n_now")
	if !strings.Contains(message, `"cluster-a"`) || !strings.Contains(message, `was replaced by recovery as "cluster-c"`) || moved < 0 || old < 0 || now < old {
		t.Errorf("%s: %s", what, message)
	}
}
