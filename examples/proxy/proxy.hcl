# Vault Proxy as a local cache. To read from the cache:
#
#   curl http://127.0.0.1:8100/v1/processmaker/creds/app?renew_mode=extend

vault {
  address = "https://vault.example.com:8200"
}

auto_auth {
  method {
    type       = "approle"
    mount_path = "auth/approle"
    config = {
      role_id_file_path                   = "/etc/vault-proxy/role-id"
      secret_id_file_path                 = "/etc/vault-proxy/secret-id"
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
