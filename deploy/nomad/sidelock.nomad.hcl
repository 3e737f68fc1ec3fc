# An application of three copies, each with a sidecar: sidelock's tasks find one another by Nomad's own services.
#
#   nomad var put nomad/jobs/web peer_secret="$(openssl rand -base64 32)"
#   nomad job run sidelock.nomad.hcl
job "web" {
  group "web" {
    count = 3

    # First one more than there are, so that there is always somebody to take a vote over; then one at a time, each when the one before is
    # up and the group has settled.
    update {
      canary           = 1
      auto_promote     = true
      max_parallel     = 1
      min_healthy_time = "10s"
    }

    # Copies on different machines, where that can be.
    spread {
      attribute = "${node.unique.id}"
    }

    # The tasks share a loopback of their own, on which the API is. Peers and probes come in by ports of the host.
    network {
      mode = "bridge"
      port "peer" {
        to = 5626
      }
      port "ops" {
        to = 5627
      }
    }

    # No check here: a sidecar is ready after it has found the others, and they find it by this.
    service {
      name     = "web-sidelock"
      provider = "nomad"
      port     = "peer"
    }

    service {
      name     = "web-sidelock-ops"
      provider = "nomad"
      port     = "ops"
      check {
        type     = "http"
        path     = "/readyz"
        interval = "5s"
        timeout  = "2s"
      }
    }

    task "sidelock" {
      driver = "docker"
      user   = "65532:65532"

      # Started before the application, and running as long. Nomad waits until it runs, and not until it is ready: the application is
      # answered 503 until then, and tries again.
      lifecycle {
        hook    = "prestart"
        sidecar = true
      }

      # Drain 5 s, leave 15 s, close 7 s. A client does not give more than 30 s unless its max_kill_timeout says so.
      kill_timeout = "30s"

      config {
        image           = "sidelock:0.1.0"
        args            = ["serve"]
        readonly_rootfs = true
        cap_drop        = ["all"]
        security_opt    = ["no-new-privileges"]
      }

      env {
        SIDELOCK_NODE             = "web-${NOMAD_SHORT_ALLOC_ID}" # no index: the old and the new copy may both have it for a moment
        SIDELOCK_ZONE             = "${node.datacenter}"
        SIDELOCK_DATA_DIR         = "${NOMAD_TASK_DIR}/sidelock"
        SIDELOCK_EPHEMERAL        = "true" # the allocation's directory ends with it
        SIDELOCK_PEER_ADDR        = ":5626"
        SIDELOCK_PEER_ADVERTISE   = "${NOMAD_HOST_ADDR_peer}"
        SIDELOCK_PEER_SECRET_FILE = "${NOMAD_SECRETS_DIR}/peer.secret"
        SIDELOCK_OPS_ADDR         = ":5627"
        SIDELOCK_CLUSTER_SIZE     = "3"
        SIDELOCK_JOIN             = "file:${NOMAD_TASK_DIR}/peers"
        SIDELOCK_DRAIN_TIMEOUT    = "5s" # the application has ended by then
        SIDELOCK_LOG_FORMAT       = "json"
        GOMEMLIMIT                = "200MiB"
      }

      # Where the others are; this copy too, for its services are registered before its tasks start. The sidecar reads it again and again, so a change needs no restart. With Consul: provider = "consul" above, and
      # `range service "web-sidelock|any"` here, for none of them is passing before they have found one another.
      template {
        destination = "local/peers"
        change_mode = "noop"
        data        = <<EOF
{{ range nomadService "web-sidelock" }}{{ .Address }}:{{ .Port }}
{{ end }}
EOF
      }

      # The same for a new secret (docs/security.md).
      template {
        destination = "secrets/peer.secret"
        change_mode = "noop"
        perms       = "0400"
        uid         = 65532
        gid         = 65532
        data        = <<EOF
{{ with nomadVar "nomad/jobs/web" }}{{ .peer_secret }}{{ end }}
EOF
      }

      resources {
        cpu        = 100
        memory     = 64
        memory_max = 256
      }
    }

    task "web" {
      driver = "docker"
      leader = true # it is stopped first, while its sidecar still answers

      config {
        image   = "web:1.0.0" # your application; this example wants a shell and curl in it
        command = "sh"
        args    = ["-c", "while sleep 1; do curl -sN -X POST localhost:5625/v1/locks/example/hold; done"]
      }

      resources {
        cpu    = 50
        memory = 64
      }
    }
  }
}
