# consul-template keeps a live token in a file. Written from the source of
# consul-template 0.41.1. The Vault token comes from VAULT_TOKEN; give it a
# period, so that consul-template can renew it without end.

vault {
  address     = "https://vault.example.com:8200"
  renew_token = true
}

template {
  destination = "/run/processmaker/token"
  perms       = "0600"
  contents    = "{{ with secret \"processmaker/creds/app?renew_mode=extend\" }}{{ .Data.access_token }}{{ end }}"
}
