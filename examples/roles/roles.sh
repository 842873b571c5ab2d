#!/bin/sh
# The five roles of this documentation. Each has a ProcessMaker user of its own.
set -eu

# For jobs that read a token and never renew its lease.
vault write processmaker/roles/ci username=vault-ci password=@ci-password.txt \
  renew_mode=none ttl=1h

# For applications that keep the token while its lease is renewed, and read again
# when the lease reaches max_ttl.
vault write processmaker/roles/app username=vault-app password=@app-password.txt \
  renew_mode=extend ttl=1h max_ttl=24h

# For programs that take the new token from each renewal, and for no others.
vault write processmaker/roles/worker username=vault-worker password=@worker-password.txt \
  renew_mode=refresh refresh_min_age=1m ttl=1h max_ttl=24h

# For many jobs: one login for the role, and a named token for each read.
vault write processmaker/roles/jobs username=vault-jobs password=@jobs-password.txt \
  credential_type=personal_access_token ttl=1h max_ttl=24h

# For many copies of a service that share one token at static-creds/shared.
vault write processmaker/roles/shared username=vault-shared password=@shared-password.txt \
  credential_type=personal_access_token rotation_period=1h rotation_overlap=10m
