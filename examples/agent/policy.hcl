# What Vault Agent, Vault Proxy or consul-template needs to keep one token alive.
# The default policy of Vault allows the two lower paths too, for every lease.

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
