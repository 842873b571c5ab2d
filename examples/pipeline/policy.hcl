# The policy for a job that reads one token and revokes it. To allow nothing else,
# set token_no_default_policy=true on the auth role of the job.

path "processmaker/creds/ci" {
  capabilities = ["read"]
}

# Only with the lease id in the path. A lease id in the body would win over it.
path "sys/leases/revoke/processmaker/creds/ci/*" {
  capabilities = ["update"]
  allowed_parameters = {
    "sync" = []
  }
}

# The end of the job's Vault token revokes all that was read with it.
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
