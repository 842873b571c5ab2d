# The same where ephemeral resources are not to be had. Written from the
# documentation of the Vault provider (commit 06b9e32). The token is stored in the
# state, and in a saved plan, where it is dead soon: run `terraform apply` without a
# saved plan, and keep the state as one keeps a password.

terraform {
  required_providers {
    vault = {
      source = "hashicorp/vault"
    }
    restapi = {
      source = "Mastercard/restapi"
    }
  }
}

provider "vault" {
  max_lease_ttl_seconds = 3600
}

data "vault_generic_secret" "processmaker" {
  path = "processmaker/creds/ci"
}

provider "restapi" {
  uri = "https://bpm.example.com/api/1.0"
  headers = {
    Authorization = "Bearer ${data.vault_generic_secret.processmaker.data["access_token"]}"
  }
}
