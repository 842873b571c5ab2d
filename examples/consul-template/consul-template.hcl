# consul-template keeps a live token in a file. The Vault token comes from
# VAULT_TOKEN. It needs a period, so that consul-template can always renew it.

vault {
  address     = "https://vault.example.com:8200"
  renew_token = true
}

template {
  destination = "/run/processmaker/token"
  perms       = "0600"
  contents    = "{{ with secret \"processmaker/creds/app?renew_mode=extend\" }}{{ .Data.access_token }}{{ end }}"
}
