# The policy for Vault Agent, Vault Proxy and consul-template. The default policy
# of Vault allows the two lower paths too, for the leases of all mounts.

path "processmaker/creds/app" {
  capabilities = ["read"]
}

path "sys/leases/renew" {
  capabilities = ["update"]
  allowed_parameters = {
    "lease_id"  = ["processmaker/creds/app/*"]
    "increment" = []
  }
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
