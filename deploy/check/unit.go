package check

import (
	"fmt"
	"strings"
	"time"
)

// unit is a systemd unit: what each key of each section is set to, in order.
type unit map[string][]string

// readUnit reads a unit file. Keys are "Section.Key".
func readUnit(text string) (unit, error) {
	u, section := unit{}, ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		key, value, pair := strings.Cut(line, "=")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = strings.Trim(line, "[]")
		case pair && section != "":
			u[section+"."+key] = append(u[section+"."+key], value)
		default:
			return nil, fmt.Errorf("line %d is neither a section nor a setting: %s", i+1, line)
		}
	}
	return u, nil
}

// get is the one value of a key; "" if there is none or several.
func (u unit) get(key string) string {
	if len(u[key]) != 1 {
		return ""
	}
	return u[key][0]
}

// unitFindings are what is wrong with the sidecar's unit.
func unitFindings(u unit, f facts) (found []string) {
	for key, want := range map[string]string{
		"Service.Type":                     "notify",
		"Service.DynamicUser":              "yes",
		"Service.StateDirectory":           "sidelock",
		"Service.Restart":                  "on-failure",
		"Service.RestartPreventExitStatus": "2",
		"Service.TimeoutStartSec":          "infinity", // a group that forms waits for its others
		"Service.NoNewPrivileges":          "yes",
		"Service.ProtectSystem":            "strict",
		"Service.CapabilityBoundingSet":    "",
	} {
		if _, set := u[key]; !set || u.get(key) != want {
			found = append(found, fmt.Sprintf("%s is %q, want %q", key, u[key], want))
		}
	}
	if stop, err := time.ParseDuration(u.get("Service.TimeoutStopSec")); err != nil || stop < f.drain+f.leave+f.close {
		found = append(found, fmt.Sprintf("TimeoutStopSec is less than %s", f.drain+f.leave+f.close))
	}
	words := strings.Fields(u.get("Service.ExecStart"))
	for _, w := range words {
		if flag, ok := strings.CutPrefix(w, "--"); ok && !f.flags[flag] {
			found = append(found, fmt.Sprintf("--%s is no flag of serve", flag))
		}
	}
	name, _, _ := strings.Cut(u.get("Service.LoadCredential"), ":")
	if len(words) < 2 || words[1] != "serve" || !strings.HasSuffix(u.get("Service.ExecStart"), "--peer-secret-file ${CREDENTIALS_DIRECTORY}/"+name) {
		found = append(found, "it does not serve with the secret that it loads")
	}
	return found
}
