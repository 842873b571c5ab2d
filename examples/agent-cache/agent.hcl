# Vault Agent as a local cache, and a template beside it. To read from the cache:
#
#   curl http://127.0.0.1:8100/v1/processmaker/creds/app?renew_mode=extend
#
# The template has renew_mode=none. The cache answers renewals with an old answer,
# so that a template with "extend" can miss the end of its lease.

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
