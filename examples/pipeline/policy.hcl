# What a pipeline needs to read one token and to end it, and no more. Give the
# job's auth role token_no_default_policy=true if nothing else is to be allowed.

path "processmaker/creds/ci" {
  capabilities = ["read"]
}

# The lease in the path, and none in the body, which would count before that.
path "sys/leases/revoke/processmaker/creds/ci/*" {
  capabilities = ["update"]
  allowed_parameters = {
    "sync" = []
  }
}

# The end of the job's own Vault token, which ends all that was read with it.
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
