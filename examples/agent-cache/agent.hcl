# Vault Agent as a local cache, with a template beside it. Run with Vault 1.21.1.
#
#   curl http://127.0.0.1:8100/v1/processmaker/creds/app?renew_mode=extend
#
# The template says "none" here: the cache also answers renewals, with the
# answer it had before, so a template behind it can overlook that its lease ends.

vault {
  address = "https://vault.example.com:8200"
}

auto_auth {
  method {
    type       = "approle"
    mount_path = "auth/approle"
    config = {
      role_id_file_path                   = "/etc/vault-agent/role-id"
      secret_id_file_path                 = "/etc/vault-agent/secret-id"
      remove_secret_id_file_after_reading = false
    }
  }
}

api_proxy {
  use_auto_auth_token = true
}

cache {
}

listener "tcp" {
  address     = "127.0.0.1:8100"
  tls_disable = true
}

template {
  destination = "/run/processmaker/token"
  perms       = "0600"
  contents    = "{{ with secret \"processmaker/creds/app?renew_mode=none\" }}{{ .Data.access_token }}{{ end }}"
}
