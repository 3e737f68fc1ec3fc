package check

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// mostNomadWaits is a client's max_kill_timeout unless it says otherwise.
const mostNomadWaits = 30 * time.Second

// jobFindings are what is wrong with the Nomad job.
func jobFindings(root *block, f facts) (found []string) {
	wrong := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	group := root.at("job", "web").at("group", "web")
	task := group.at("task", "sidelock")
	env := task.at("env", "")
	if l := task.at("lifecycle", ""); l.text("hook") != "prestart" || !l.is("sidecar") || !group.at("task", "web").is("leader") {
		wrong("the sidecar is not started before the application and stopped after it")
	}
	if args := task.at("config", "").texts("args"); len(args) != 1 || args[0] != "serve" {
		wrong("the arguments are %q, want serve", args)
	}
	for name := range env.values {
		flag, ours := strings.CutPrefix(name, "SIDELOCK_")
		if flag = strings.ToLower(strings.ReplaceAll(flag, "_", "-")); ours && !f.flags[flag] {
			wrong("%s is no setting of serve", name)
		}
	}
	network := group.at("network", "")
	for label, flag := range map[string]string{"peer": "SIDELOCK_PEER_ADDR", "ops": "SIDELOCK_OPS_ADDR"} {
		if network.at("port", label).number("to") != portIn(env.text(flag)) {
			wrong("the port %s does not lead to %s", label, env.text(flag))
		}
	}
	if network.text("mode") != "bridge" || network.at("port", "api").values != nil || env.text("SIDELOCK_API_ADDR") != "" {
		wrong("the API is not on a loopback of the allocation's own")
	}
	if size, err := strconv.Atoi(env.text("SIDELOCK_CLUSTER_SIZE")); err != nil || size > group.number("count") || 2*size <= group.number("count") {
		wrong("--cluster-size is %d for %d copies", size, group.number("count"))
	}
	if u := group.at("update", ""); u.number("canary") != 1 || u.number("max_parallel") != 1 {
		wrong("an update does not begin with one more, and go on one at a time")
	}
	drain, bad := time.ParseDuration(env.text("SIDELOCK_DRAIN_TIMEOUT"))
	kill, worse := time.ParseDuration(task.text("kill_timeout"))
	if bad != nil || worse != nil || kill < drain+f.leave+f.close || kill > mostNomadWaits {
		wrong("kill_timeout is %s, and it takes %s", kill, drain+f.leave+f.close)
	}
	if _, tag, ok := strings.Cut(task.at("config", "").text("image"), ":"); !ok || tag == "latest" {
		wrong("the image has no version")
	}
	return append(found, filesFindings(group, task, env)...)
}

// filesFindings are what is wrong with the files that Nomad writes.
func filesFindings(group, task, env *block) (found []string) {
	written := map[string]*block{}
	for _, t := range task.blocks["template"] {
		written["/"+t.text("destination")] = t
		if t.text("change_mode") != "noop" {
			found = append(found, fmt.Sprintf("a change of %s restarts the sidecar, which reads it again by itself", t.text("destination")))
		}
	}
	peers, secret := written[strings.TrimPrefix(env.text("SIDELOCK_JOIN"), "file:")], written[env.text("SIDELOCK_PEER_SECRET_FILE")]
	if peers == nil || !strings.Contains(peers.text("data"), `nomadService "`+group.at("service", "").text("name")+`"`) || group.at("service", "").text("port") != "peer" {
		found = append(found, "--join is no file of the service that the peers' port is registered as")
	}
	user, _, _ := strings.Cut(task.text("user"), ":")
	if secret == nil || secret.text("perms") != "0400" || strconv.Itoa(secret.number("uid")) != user {
		found = append(found, "--peer-secret-file is no file that is the sidecar's alone")
	}
	return found
}
