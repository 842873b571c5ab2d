#!/bin/sh
# The roles that the other examples read from: one ProcessMaker user each.
set -eu

# For what renews by itself: the token stays the same until its lease cannot grow
# any more, then it is read again.
vault write processmaker/roles/app username=vault-app password=@app-password.txt \
  renew_mode=extend ttl=1h max_ttl=24h

# For what reads and never renews: jobs, and readers that come back by themselves.
vault write processmaker/roles/ci username=vault-ci password=@ci-password.txt \
  renew_mode=none ttl=1h
vault write processmaker/roles/service username=vault-service password=@service-password.txt \
  renew_mode=none ttl=1h

# For programs that take the token from each renewal, and for nothing else.
vault write processmaker/roles/worker username=vault-worker password=@worker-password.txt \
  renew_mode=refresh refresh_min_age=1m ttl=1h max_ttl=24h
