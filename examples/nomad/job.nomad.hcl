# A Nomad task with a live token in its secrets folder. The task reads the file for
# each call, or handles the signal. A token in the task's environment would never
# change after the start.

job "reports" {
  group "reports" {
    task "reports" {
      driver = "docker"

      config {
        image = "registry.example.com/reports:1"
      }

      vault {
        role = "processmaker-app"
      }

      template {
        destination   = "secrets/processmaker-token"
        perms         = "600"
        change_mode   = "signal"
        change_signal = "SIGHUP"
        data          = "{{ with secret \"processmaker/creds/app?renew_mode=extend\" }}{{ .Data.access_token }}{{ end }}"
      }
    }
  }
}
