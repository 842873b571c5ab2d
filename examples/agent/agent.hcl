# Vault Agent keeps a live token in a file.

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

template {
  destination = "/run/processmaker/token"
  perms       = "0600"
  contents    = "{{ with secret \"processmaker/creds/app?renew_mode=extend\" }}{{ .Data.access_token }}{{ end }}"
}
